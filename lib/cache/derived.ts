// Derived data in the cache directory that can be created again, such as unpacked sources and root file
// systems. A marker next to each item records when it was last used. Garbage collection uses only the markers
// and does not know what the items contain.
import { readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { absentAsUndefined } from '../core/errors.ts';

const mark = '.used';

/**
 * Records that the file or folder at `path` was used now. `path` must be in a folder of the cache directory.
 * A marker that cannot be written is ignored.
 */
export async function markUsed(path: string): Promise<void> {
  await writeFile(`${path}${mark}`, '').catch(() => undefined);
}

/**
 * Removes items that were not used since `beforeMs` and returns their size in bytes. Items without a marker
 * are kept.
 */
export async function sweepDerived(root: string, beforeMs: number, dryRun: boolean): Promise<number> {
  let bytes = 0;
  for (const folder of await readdir(root, { withFileTypes: true })) {
    if (!folder.isDirectory()) continue;
    for (const name of await readdir(join(root, folder.name))) {
      if (!name.endsWith(mark)) continue;
      const marker = join(root, folder.name, name);
      const used = await absentAsUndefined(stat(marker));
      if (!used || used.mtimeMs >= beforeMs) continue;
      const path = marker.slice(0, -mark.length);
      bytes += await bytesBelow(path);
      if (dryRun) continue;
      await rm(path, { recursive: true, force: true });
      await rm(marker, { force: true });
    }
  }
  return bytes;
}

async function bytesBelow(path: string): Promise<number> {
  const stats = await absentAsUndefined(stat(path));
  if (!stats?.isDirectory()) return stats ? stats.blocks * 512 : 0; // images are sparse files
  let bytes = 0;
  for (const entry of await readdir(path, { withFileTypes: true, recursive: true })) {
    if (entry.isFile()) bytes += (await absentAsUndefined(stat(join(entry.parentPath, entry.name))))?.size ?? 0;
  }
  return bytes;
}
