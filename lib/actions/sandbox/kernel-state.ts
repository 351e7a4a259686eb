// What decides, besides their programs, whether a sandbox and a tracer work: a probe costs processes, so its answer is kept while this is the same.
import { readFile, readlink } from 'node:fs/promises';
import type { Json } from '../../core/digest.ts';

const settings = [
  '/proc/sys/kernel/random/boot_id',
  '/proc/sys/kernel/unprivileged_userns_clone',
  '/proc/sys/kernel/apparmor_restrict_unprivileged_userns',
  '/proc/sys/user/max_user_namespaces',
  '/proc/self/uid_map',
];

/** Lines of /proc/self/status: the user, the capabilities, and what a container forbids. */
const limits = /^(?:Uid|Gid|CapEff|CapBnd|NoNewPrivs|Seccomp|Seccomp_filters):.*$/gm;

/** Returns settings of the kernel, namespaces and rights of this process. What the host does not have is null. */
export async function kernelState(): Promise<Json> {
  const text = (path: string): Promise<string | null> => readFile(path, 'utf8').catch(() => null);
  const [status, namespaces, ...values] = await Promise.all([
    text('/proc/self/status'),
    Promise.all(['user', 'mnt', 'pid', 'net'].map((name) => readlink(`/proc/self/ns/${name}`).catch(() => null))),
    ...settings.map(text),
  ]);
  return { values, namespaces, limits: status?.match(limits) ?? null };
}
