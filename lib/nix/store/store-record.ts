// What is kept beside the paths of a folder that was filled here, below .narinfo/: how the store names itself, and of each path what was vouched for when
// it came. So a folder can be moved, used and verified later without the cache that it came from.
import { readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { absentAsUndefined, cannot, cannotBecause, errnoOf } from '../../core/errors.ts';
import { parseNarInfo, printNarInfo } from '../binary-cache/narinfo.ts';
import type { NarInfo } from '../binary-cache/narinfo.ts';
import type { Staging } from './staging.ts';
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

/** Keeps the records of `infos` at the end of the staging. */
export async function keepRecords(staging: Staging, storeDir: string, infos: Iterable<NarInfo>): Promise<void> {
  for (const record of [storeRecord(storeDir), ...[...infos].map((info) => pathRecord(info, storeDir))]) {
    staging.keep(await written(record, staging), record.name, 'replace');
  }
}

/** Publishes how the store names itself. */
export async function publishStoreRecord(staging: Staging, storeDir: string): Promise<void> {
  await publishRecord(staging, storeRecord(storeDir));
}

/** Publishes what a cache says of one path. */
export async function publishPathRecord(staging: Staging, storeDir: string, info: NarInfo): Promise<void> {
  await publishRecord(staging, pathRecord(info, storeDir));
}

async function publishRecord(staging: Staging, record: StoreRecord): Promise<void> {
  await staging.publish(await written(record, staging), record.name, 'replace');
}

interface StoreRecord {
  readonly name: string;
  readonly text: string;
}

function storeRecord(storeDir: string): StoreRecord {
  return { name: join(recordFolder, cacheInfoName), text: printCacheInfo(storeDir) };
}

function pathRecord(info: NarInfo, storeDir: string): StoreRecord {
  return { name: join(recordFolder, `${hashPartOf(info.name)}.narinfo`), text: printNarInfo(info, storeDir) };
}

async function written({ text }: StoreRecord, staging: Staging): Promise<string> {
  const path = staging.place('record');
  await writeFile(path, text);
  return path;
}

/** How the store in `dir` names itself, where that is recorded. */
export function recordedStoreDir(dir: string): string | undefined {
  const path = join(dir, recordFolder, cacheInfoName);
  try {
    return parseCacheInfo(readFileSync(path, 'utf8'), `read "${path}"`);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errnoOf(error) ?? '')) return undefined;
    throw cannotBecause(`read "${path}"`, error);
  }
}

/** What is recorded of a path, if anything is. */
export async function recordOf(dir: string, storeDir: string, name: StoreName): Promise<NarInfo | undefined> {
  const text = await absentAsUndefined(readFile(join(dir, recordFolder, `${hashPartOf(name)}.narinfo`), 'utf8'));
  return text === undefined ? undefined : parseNarInfo(text, storeDir, `read the record of "${name}"`);
}
