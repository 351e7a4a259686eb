// What is kept beside the paths of a folder that was filled here, below .narinfo/: how the store names itself, and of each path what was vouched for when
// it came. So a folder can be moved, used and verified later without the cache that it came from.
import { readFileSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { absentAsUndefined, cannot, cannotBecause, errnoOf } from '../core/errors.ts';
import { fieldsOf, parseNarInfo, printNarInfo } from './narinfo.ts';
import type { NarInfo } from './narinfo.ts';
import type { Staging } from './staging.ts';
import { hashPartOf } from './store-path.ts';
import type { StoreName } from './store-path.ts';

export const cacheInfoName = 'nix-cache-info';
const recordFolder = '.narinfo';

export function printCacheInfo(storeDir: string): string {
  return `StoreDir: ${storeDir}\n`;
}

/** The folder that paths name, by a nix-cache-info. `what` is for the error. */
export function parseCacheInfo(text: string, what: string): string {
  return fieldsOf(text, (why) => cannot(what, why)).get('StoreDir')?.[0] || '/nix/store';
}

/** Has the records of `infos` kept at the end of the staging. */
export async function keepRecords(staging: Staging, storeDir: string, infos: Iterable<NarInfo>): Promise<void> {
  const place = staging.place('records');
  const keep = async (file: string, text: string): Promise<void> => {
    await mkdir(dirname(join(place, file)), { recursive: true });
    await writeFile(join(place, file), text);
    staging.keep(join(place, file), join(recordFolder, file), 'replace');
  };
  await keep(cacheInfoName, printCacheInfo(storeDir));
  for (const info of infos) await keep(`${hashPartOf(info.name)}.narinfo`, printNarInfo(info, storeDir));
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
