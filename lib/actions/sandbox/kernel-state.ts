// The state of the kernel that decides whether a sandbox and a tracer work, apart from their programs. A
// probe starts processes, so its answer is kept while this state is the same.
import { existsSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

const settings = {
  boot: '/proc/sys/kernel/random/boot_id',
  unprivilegedUserNamespaces: '/proc/sys/kernel/unprivileged_userns_clone',
  apparmorRestriction: '/proc/sys/kernel/apparmor_restrict_unprivileged_userns',
  mostUserNamespaces: '/proc/sys/user/max_user_namespaces',
  userMap: '/proc/self/uid_map',
  /** The AppArmor profile of this process, or "unconfined". */
  label: '/proc/self/attr/current',
} as const;

/** Files that Docker, Podman, and managers like systemd-nspawn put into a container. */
const containerMarks = ['/.dockerenv', '/run/.containerenv', '/run/host/container-manager'];

/** Lines of /proc/self/status: the user, the capabilities, and the restrictions of a container. */
const limits = /^(?:Uid|Gid|CapEff|CapBnd|NoNewPrivs|Seccomp|Seccomp_filters):.*$/gm;

/**
 * Settings of the kernel, namespaces and permissions of this process, as JSON. A file that the host does not
 * have is null. Texts are trimmed.
 */
export type KernelState = {
  readonly settings: { readonly [name in keyof typeof settings]: string | null };
  readonly namespaces: readonly (string | null)[];
  /** Lines of /proc/self/status, for example "Seccomp:\t2". */
  readonly limits: readonly string[];
  readonly container: boolean;
};

/**
 * Reads the state of this process. `root` is a folder that contains /proc and the other places. Tests pass
 * their own.
 */
export function kernelState(root = '/'): KernelState {
  // synchronous, because a promise for each of these small files takes ten times as long
  const orNull = (read: () => string): string | null => {
    try {
      return read();
    } catch {
      return null;
    }
  };
  const text = (path: string): string | null => orNull(() => readFileSync(join(root, path), 'utf8').trim());
  const status = text('/proc/self/status');
  return {
    settings: {
      boot: text(settings.boot),
      unprivilegedUserNamespaces: text(settings.unprivilegedUserNamespaces),
      apparmorRestriction: text(settings.apparmorRestriction),
      mostUserNamespaces: text(settings.mostUserNamespaces),
      userMap: text(settings.userMap),
      label: text(settings.label),
    },
    namespaces: ['user', 'mnt', 'pid', 'net'].map((name) => orNull(() => readlinkSync(join(root, '/proc/self/ns', name)))),
    limits: status?.match(limits) ?? [],
    container: containerMarks.some((path) => existsSync(join(root, path))),
  };
}
