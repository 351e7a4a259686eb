// Where the outputs of a build are: by these names a boot test finds what a build has made.
import { join } from 'node:path';
import type { ImageFacts } from './image-facts.ts';

/** Where the kernel of a profile that has one lies. */
export function kernelPath(outDir: string, system: string, profile: string): string {
  return join(outDir, `${system}-${profile}`, 'vmlinuz');
}

/** The file with the command line of a published kernel: that of the page, or of a checkout. */
export function commandLinePath(kernel: string): string {
  return `${kernel}.cmdline`;
}

/** Where the image of a profile is, below the folder of all outputs: its name ends as its kind does. */
export function imageFileName(stem: string, facts: ImageFacts | undefined): string {
  const kind = facts?.partitions[0]?.fileSystem;
  if (kind?.kind === 'cpio') return `${stem}.cpio${kind.gzip ? '.gz' : ''}`;
  return `${stem}.${kind?.kind === 'iso' ? 'iso' : 'img'}`;
}
