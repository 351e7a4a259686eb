// Computes sizes by package, the largest first, for the error about an image that is too small.
import { byCodeUnit } from '../core/digest.ts';
import { cannot, Failure } from '../core/errors.ts';
import { formatBytes } from '../core/sizes.ts';
import type { Stage } from '../cookbook/stages.ts';
import { contentSize } from '../image/file-tree.ts';
import type { ImageLayout } from '../image/image.ts';

export interface PackageSize {
  readonly name: string;
  readonly bytes: number;
}

/** Returns the sizes of the packages, and of all other files of each partition. */
export function sizesOf({ partitions }: Pick<ImageLayout, 'partitions'>, stages: readonly Stage[]): readonly PackageSize[] {
  const packages = stages.map(({ name, artifacts }) => ({
    name,
    bytes: artifacts.reduce((sum, one) => sum + (one.kind === 'file' ? one.sizeBytes : 0), 0),
  }));
  const all = partitions.map(({ name, contents }) => ({ name, bytes: treeBytes([...contents.tree.entries.values()]) }));
  const largest = all.reduce((best, one) => (one.bytes > best.bytes ? one : best), { name: '', bytes: -1 });
  const installed = packages.reduce((sum, { bytes }) => sum + bytes, 0);
  // Packages are in the largest partition, which is the root file system.
  const rest = all.map(({ name, bytes }) => ({
    name: `other files of ${name}`,
    bytes: Math.max(0, name === largest.name ? bytes - installed : bytes),
  }));
  return [...packages, ...rest].sort((a, b) => b.bytes - a.bytes || byCodeUnit(a.name, b.name));
}

function treeBytes(
  entries: ImageLayout['partitions'][number]['contents']['tree']['entries'] extends ReadonlyMap<string, infer E> ? readonly E[] : never,
): number {
  return entries.reduce((sum, entry) => sum + (entry.kind === 'file' ? contentSize(entry.content) : 0), 0);
}

/** Adds sizes to the Failure about an image that is too small. Returns any other error unchanged. */
export function tooSmall(error: unknown, sizes: readonly PackageSize[]): unknown {
  if (!(error instanceof Failure) || !/\b(?:is|are) too small\b/.test(error.message)) return error;
  const [what = '', ...why] = error.message.replace(/^Cannot /, '').split(': ');
  const width = Math.max(...sizes.map(({ bytes }) => formatBytes(bytes).length));
  const detail = sizes.map(({ name, bytes }) => `${formatBytes(bytes).padStart(width)}  ${name}`).join('\n');
  return cannot(what, why.join(': '), {
    blame: error.blame,
    detail: `what is in the image:\n${detail}`,
    hint: 'raise general.filesystem_size of the configuration, or use --size MB',
  });
}
