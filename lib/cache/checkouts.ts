// State that belongs to one checkout: the incremental state of compilers, which no other checkout may see.
// Each checkout has a folder that contains its path, so that garbage collection can detect that the checkout
// is gone.
import { readFileSync, statSync, utimesSync } from 'node:fs';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { digestBytes } from '../core/digest.ts';
import type { Digest } from '../core/digest.ts';
import { absentAsUndefined } from '../core/errors.ts';
import { makeFolder, removeTree } from '../core/paths.ts';
import type { CacheFolder } from './cache-folder.ts';

/** A folder with the user's sources. */
export interface Checkout {
  /** Absolute path. */
  readonly path: string;
  /** Identifies the checkout in action keys. */
  readonly id: Digest;
}

export function checkoutAt(path: string): Checkout {
  return { path, id: digestBytes(path) };
}

/**
 * Returns the folder of a checkout. The first call for a cache creates it if necessary and marks the checkout
 * as used.
 */
export async function folderOf({ path, id }: Checkout, cache: CacheFolder): Promise<string> {
  const dir = join(cache.dir, 'checkouts', id.slice(0, 16));
  const marked = used.get(cache) ?? new Set();
  used.set(cache, marked);
  if (marked.has(dir)) return dir;
  if (!isMarked(join(dir, pathFile), path, statSync(cache.tmpDir).mtime)) {
    await makeFolder(dir);
    await writeFile(join(dir, pathFile), path);
  }
  marked.add(dir);
  return dir;
}

/** The folders that were marked as used. */
const used = new WeakMap<CacheFolder, Set<string>>();

/** Sets the time of a file with this text. Writing it again would wait for the disk. */
function isMarked(file: string, text: string, time: Date): boolean {
  try {
    if (readFileSync(file, 'utf8') !== text) return false;
    utimesSync(file, time, time);
    return true;
  } catch {
    return false; // it does not exist
  }
}

/**
 * Removes the folders of checkouts that no longer exist or were not used since `beforeMs`. Returns their size
 * in bytes.
 */
export async function sweepCheckouts(cache: CacheFolder, beforeMs: number | undefined, dryRun: boolean): Promise<number> {
  const all = join(cache.dir, 'checkouts');
  let bytes = 0;
  for (const name of (await absentAsUndefined(readdir(all))) ?? []) {
    const file = join(all, name, pathFile);
    const [path, about] = [await absentAsUndefined(readFile(file, 'utf8')), await absentAsUndefined(stat(file))];
    const unused = beforeMs !== undefined && about !== undefined && about.mtimeMs < beforeMs;
    if (path !== undefined && (await absentAsUndefined(stat(path))) && !unused) continue;
    bytes += await sizeOf(join(all, name));
    if (!dryRun) removeTree(join(all, name)); // procedural macros may write to it
  }
  return bytes;
}

const pathFile = 'path';

async function sizeOf(dir: string): Promise<number> {
  // it may contain folders without permissions
  const entries = await readdir(dir, { withFileTypes: true, recursive: true }).catch(() => []);
  const sizes = await Promise.all(
    entries
      .filter((entry) => entry.isFile())
      .map(async (entry) => (await absentAsUndefined(stat(join(entry.parentPath, entry.name))))?.size ?? 0),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
