// Kernels of Debian that boot the same image as a system's own kernel, so that a fault of the image is distinguished from one of the kernel.
import { cannot, nearest } from '../core/errors.ts';
import type { Context } from '../core/events.ts';
import type { MachineDescription } from '../machine/machine.ts';
import { packagedFile } from '../sources/debian/single-package.ts';
import type { SourceHost } from '../sources/fetched-sources.ts';
import { referenceLock } from '../sources/reference-lock.ts';
import type { WithReference } from '../sources/reference-lock.ts';
import type { SystemProfile } from '../system/system.ts';
import { referenceInitramfs } from './reference-initramfs.ts';

/**
 * Returns the machine with another kernel, and with the same initramfs or disk. An unknown name is a Failure.
 * So is an image whose boot loader starts the kernel, unless it is a disk with a command line for other
 * kernels.
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
