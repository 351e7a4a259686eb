// Records next to the paths of a folder that was filled here, in .narinfo/: the store's own path, and the
// narinfo of each path when it was copied. So a folder can be moved, used and verified later without the
// cache that it came from.
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { absentAsUndefined, cannot, cannotBecause, hasErrno } from '../../core/errors.ts';
import { parseNarInfo, printNarInfo } from '../binary-cache/narinfo.ts';
import type { NarInfo } from '../binary-cache/narinfo.ts';
import { hashPartOf } from './store-path.ts';
import type { StoreName } from './store-path.ts';

export const cacheInfoName = 'nix-cache-info';
const recordFolder = '.narinfo';

export function printCacheInfo(storeDir: string): string {
  return `StoreDir: ${storeDir}\n`;
}

/** Returns the StoreDir of a nix-cache-info. Unknown lines are ignored, as in Nix. `what` is for the error. */
export function parseCacheInfo(text: string, what: string): string {
  const lines = text.split('\n').filter((line) => line.startsWith('StoreDir:'));
  const folders = new Set(lines.map((line) => line.slice('StoreDir:'.length).trim()).filter((folder) => folder !== ''));
  const [storeDir = '/nix/store'] = folders;
  if (folders.size > 1) throw cannot(what, `it has two of StoreDir: ${[...folders].join(', ')}`);
  return storeDir;
}

/** A file of the record folder. */
export interface StoreRecord {
  /** Path relative to the store's folder. */
  readonly name: string;
  readonly text: string;
}

/** Returns the record of the store's own path. */
export function storeRecord(storeDir: string): StoreRecord {
  return { name: join(recordFolder, cacheInfoName), text: printCacheInfo(storeDir) };
}

/** Returns the record of a path's narinfo. */
export function pathRecord(info: NarInfo, storeDir: string): StoreRecord {
  return { name: join(recordFolder, `${hashPartOf(info.name)}.narinfo`), text: printNarInfo(info, storeDir) };
}

/** Returns the recorded path of the store in `dir`, if there is a record. */
export function recordedStoreDir(dir: string): string | undefined {
  const path = join(dir, recordFolder, cacheInfoName);
  try {
    return parseCacheInfo(readFileSync(path, 'utf8'), `read "${path}"`);
  } catch (error) {
    if (hasErrno(error, ['ENOENT', 'ENOTDIR'])) return undefined;
    throw cannotBecause(`read "${path}"`, error);
  }
}

/** Returns the recorded narinfo of a path, if there is one. */
export async function recordOf(dir: string, storeDir: string, name: StoreName): Promise<NarInfo | undefined> {
  const text = await absentAsUndefined(readFile(join(dir, recordFolder, `${hashPartOf(name)}.narinfo`), 'utf8'));
  return text === undefined ? undefined : parseNarInfo(text, storeDir, `read the record of "${name}"`);
}
