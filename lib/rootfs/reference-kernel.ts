// Kernels of Debian that boot the same image as a system's own kernel, so that a fault of the image is distinguished from one of the kernel. They are
// fetched by a lock of their own when they are first asked for.
import { join } from 'node:path';
import { cannot, nearest } from '../core/errors.ts';
import type { Context } from '../core/events.ts';
import type { MachineDescription } from '../machine/machine.ts';
import { missingArchives } from '../sources/archives.ts';
import { fetchSources } from '../sources/fetch.ts';
import type { Fetched } from '../sources/fetch.ts';
import { lockPath } from '../sources/fetched-sources.ts';
import type { SourceHost } from '../sources/fetched-sources.ts';
import type { ReferenceFacts } from '../system/reference-facts.ts';
import { referenceInitramfs } from './reference-initramfs.ts';
import { packagedFile } from '../sources/debian/single-package.ts';
import { readLock } from '../sources/source-lock.ts';
import type { SourceLock } from '../sources/source-lock.ts';
import type { System, SystemProfile } from '../system/system.ts';

type WithReference = Pick<System, 'name' | 'reference'>;

/** Fetches what the kernels are made from. Returns undefined for a system that has none. */
export async function fetchReference(
  { name, reference }: WithReference,
  host: SourceHost,
  options: { readonly update: boolean; readonly mirror?: Parameters<typeof fetchSources>[0]['mirror'] },
  context: Context,
): Promise<Fetched | undefined> {
  if (!reference) return undefined;
  return await fetchSources({ system: sourcesOf(name, reference), host, ...options }, context);
}

/** Returns the lock of what the kernels are made from, after it was fetched if it had not been. A system that has none is a Failure. */
export async function referenceLock({ name, reference }: WithReference, host: SourceHost, context: Context): Promise<SourceLock> {
  if (!reference) throw cannot(`find packages for ${name}`, 'its page names no sources');
  const path = lockPath(host, sourcesOf(name, reference).name);
  const lock = await readLock(path);
  if (lock && missingArchives(host.cacheDir, lock.archives).length === 0) return lock;
  context.report({ kind: 'note', text: `fetching ${Object.values(reference.sources.single).join(', ')}` });
  await fetchReference({ name, reference }, host, { update: false }, context);
  const fetched = await readLock(path);
  if (!fetched) throw new Error(`no lock at ${path}`);
  return fetched;
}

/**
 * Returns the machine with another kernel, and with the same initramfs or disk. An image whose boot loader starts the kernel, unless it is a disk with
 * words for other kernels, and a name that is not known are Failures.
 */
export async function withReferenceKernel(
  { name, reference, referenceWords }: WithReference & Pick<SystemProfile, 'referenceWords'>,
  machine: MachineDescription,
  wanted: string,
  host: SourceHost,
  context: Context,
): Promise<MachineDescription> {
  const kernel = reference?.kernels[wanted];
  const what = `start ${name} with the kernel ${wanted}`;
  if (!reference || !kernel) {
    const names = Object.keys(reference?.kernels ?? {});
    const near = nearest(wanted, names);
    throw cannot(what, names.length === 0 ? 'it has no other kernels' : `its other kernels are ${names.join(', ')}`, {
      blame: 'usage',
      hint: near === undefined ? undefined : `did you mean ${near}?`,
    });
  }
  const words = machine.kernel?.commandLine ?? referenceWords;
  if (words === undefined)
    throw cannot(what, 'a boot loader in the image starts its kernel', {
      blame: 'usage',
      hint: 'choose a profile that starts it directly, or a disk',
    });
  const packages = { lock: await referenceLock({ name, reference }, host, context), cacheDir: host.cacheDir, env: host.env };
  const image = await packagedFile(kernel.packaged, packages, context);
  const started = { image, commandLine: `${kernel.words} ${words}` };
  const sized = kernel.cpus === undefined ? machine : { ...machine, cpus: kernel.cpus };
  if (machine.kernel) return { ...sized, kernel: { ...machine.kernel, ...started } };
  const initrd = kernel.initramfs && (await referenceInitramfs(kernel.initramfs, packages, context));
  return { ...sized, firmware: 'bios', kernel: { ...started, ...(initrd !== undefined && { initrd }) } };
}

/** The sources as those of a system without components. Its lock is in the folder "reference" of the real one. */
function sourcesOf(name: string, { sources }: ReferenceFacts): Pick<System, 'name' | 'title' | 'sources' | 'components'> {
  return { name: join(name, 'reference'), title: name, sources, components: {} };
}
