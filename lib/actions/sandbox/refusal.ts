// Explains why bubblewrap does not work in the current state of the kernel, and what a user can do about it.
// Only computes. The messages are those of bubblewrap 0.6 to 0.11 (bubblewrap.c, utils.c). They name the step
// that failed, but not its reason.
import type { KernelState } from './kernel-state.ts';

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
