// The state of the kernel that decides whether a sandbox and a tracer work, apart from their programs. A
// probe starts processes, so its answer is kept while this state is the same.
// Also explains why bubblewrap does not work in the current state, and what a user can do about it. The messages
// are those of bubblewrap 0.6 to 0.11 (bubblewrap.c, utils.c). They name the step that failed, but not its reason.
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

export interface Refusal {
  /** The cause, for "Cannot build in a sandbox: ...". */
  readonly why: string;
  /** The command to run or the change to make, without a full stop. Undefined if the cause is not known. */
  readonly remedy: string | undefined;
}

const option = '--security-opt';
const dockerOptions = ['seccomp=unconfined', 'apparmor=unconfined', 'systempaths=unconfined']
  .map((value) => `${option} ${value}`)
  .join(' ');
const restarted = `start the container with ${dockerOptions} (Podman: unmask=ALL instead of systempaths=unconfined)`;

/**
 * Explains why bubblewrap could not start a program. `words` is the first line of its error message, which
 * may be empty.
 */
export function explainRefusal(words: string, { settings, limits, container }: KernelState): Refusal {
  const where = container ? 'on the host of this container, ' : '';
  const sysctl = (setting: string): string => `${where}run sudo sysctl -w ${setting}`;
  if (/Can't mount proc /.test(words)) {
    return { why: 'this container hides parts of /proc, so that no process in it can mount another /proc', remedy: restarted };
  }
  if (settings.mostUserNamespaces === '0') {
    return {
      why: 'the kernel permits no user namespaces (user.max_user_namespaces is 0)',
      remedy: sysctl('user.max_user_namespaces=15000'),
    };
  }
  if (settings.unprivilegedUserNamespaces === '0') {
    return {
      why: 'the kernel permits user namespaces only to root (kernel.unprivileged_userns_clone is 0)',
      remedy: sysctl('kernel.unprivileged_userns_clone=1'),
    };
  }
  if (container && /No permissions to create|Operation not permitted/.test(words) && limits.some((line) => /^Seccomp:\s*2$/.test(line))) {
    return { why: 'this container may not create user namespaces', remedy: restarted };
  }
  if (settings.apparmorRestriction === '1' && (settings.label ?? 'unconfined') === 'unconfined') {
    const setting = 'kernel.apparmor_restrict_unprivileged_userns';
    return {
      why: `AppArmor keeps bubblewrap from using user namespaces (${setting} is 1)`,
      remedy: `${sysctl(`${setting}=0`)}, which lasts until the next boot (docs/install.md has a profile that lasts and permits bubblewrap alone)`,
    };
  }
  if (container && words !== '') return { why: `this container may not use user namespaces (${words})`, remedy: restarted };
  return { why: `bubblewrap does not work here (${words || 'it printed nothing'})`, remedy: undefined };
}
