// Finds the largest folders of a file tree, for errors about images that are too small.
import { byCodeUnit } from '../core/digest.ts';
import { formatBytes } from '../core/sizes.ts';
import { contentSize } from './file-tree.ts';
import type { FileTree } from './file-tree.ts';

const namedFolders = 4;

/**
 * Returns the largest folders two levels deep, with the size of the files below them: "usr/lib 210 MiB,
 * usr/bin 80 MiB".
 */
export function largestFolders({ entries }: FileTree): string {
  const sizes = new Map<string, number>();
  for (const [path, entry] of entries) {
    if (entry.kind !== 'file') continue;
    const folder = path.split('/').slice(0, -1).slice(0, 2).join('/') || path;
    sizes.set(folder, (sizes.get(folder) ?? 0) + contentSize(entry.content));
  }
  return [...sizes]
    .sort(([a, sizeA], [b, sizeB]) => sizeB - sizeA || byCodeUnit(a, b))
    .slice(0, namedFolders)
    .map(([folder, size]) => `${folder} ${formatBytes(size)}`)
    .join(', ');
}
