// What is kept beside the paths of a folder that was filled here, below .narinfo/: how the store names itself, and of each path what was vouched for when
// it came. So a folder can be moved, used and verified later without the cache that it came from.
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

/** Returns the StoreDir of a nix-cache-info. Lines that are not known are skipped, as Nix does. `what` is for the error. */
export function parseCacheInfo(text: string, what: string): string {
  const lines = text.split('\n').filter((line) => line.startsWith('StoreDir:'));
  const folders = new Set(lines.map((line) => line.slice('StoreDir:'.length).trim()).filter((folder) => folder !== ''));
  const [storeDir = '/nix/store'] = folders;
  if (folders.size > 1) throw cannot(what, `it has two of StoreDir: ${[...folders].join(', ')}`);
  return storeDir;
}

/** A file of the record folder. */
export interface StoreRecord {
  /** Its path from the store's folder. */
  readonly name: string;
  readonly text: string;
}

/** The record of how the store names itself. */
export function storeRecord(storeDir: string): StoreRecord {
  return { name: join(recordFolder, cacheInfoName), text: printCacheInfo(storeDir) };
}

/** The record of what was vouched for of a path. */
export function pathRecord(info: NarInfo, storeDir: string): StoreRecord {
  return { name: join(recordFolder, `${hashPartOf(info.name)}.narinfo`), text: printNarInfo(info, storeDir) };
}

/** How the store in `dir` names itself, where that is recorded. */
export function recordedStoreDir(dir: string): string | undefined {
  const path = join(dir, recordFolder, cacheInfoName);
  try {
    return parseCacheInfo(readFileSync(path, 'utf8'), `read "${path}"`);
  } catch (error) {
    if (hasErrno(error, ['ENOENT', 'ENOTDIR'])) return undefined;
    throw cannotBecause(`read "${path}"`, error);
  }
}

/** What is recorded of a path, if anything is. */
export async function recordOf(dir: string, storeDir: string, name: StoreName): Promise<NarInfo | undefined> {
  const text = await absentAsUndefined(readFile(join(dir, recordFolder, `${hashPartOf(name)}.narinfo`), 'utf8'));
  return text === undefined ? undefined : parseNarInfo(text, storeDir, `read the record of "${name}"`);
}
