// What others keep beside the cache proper and can make again: unpacked sources, root file systems. A mark lies beside each and says when it was used
// last; garbage collection goes by the marks, wherever they are, and knows nothing of what they are about.
import { readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { absentAsUndefined } from '../core/errors.ts';

const mark = '.used';

/** Says that the file or folder at `path` was used now. It must lie in a folder of the cache's root. A mark that cannot be written is none. */
export async function markUsed(path: string): Promise<void> {
  await writeFile(`${path}${mark}`, '').catch(() => undefined);
}

/** Removes what was not used since `beforeMs`; gives its bytes. What has no mark stays. */
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
  if (!stats?.isDirectory()) return stats ? stats.blocks * 512 : 0; // images have holes
  let bytes = 0;
  for (const entry of await readdir(path, { withFileTypes: true, recursive: true })) {
    if (entry.isFile()) bytes += (await absentAsUndefined(stat(join(entry.parentPath, entry.name))))?.size ?? 0;
  }
  return bytes;
}
