// New store paths are written to a hidden folder next to their final paths. They are moved when they are
// complete, one by one or all at once, so that a run that fails or is stopped leaves no partial path.
import { mkdtemp, readdir, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { lstatSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { cannot, cannotBecause } from '../../core/errors.ts';
import { makeFolder } from '../../core/paths.ts';
import type { Context } from '../../core/events.ts';
import { summaryOf } from '../nar/summary.ts';
import { narOf } from '../nar/writer.ts';
import type { NarInfo } from '../binary-cache/narinfo.ts';
import { pathRecord, storeRecord } from './store-record.ts';
import type { StoreRecord } from './store-record.ts';

export interface Staging {
  /** Returns an unused path for unfinished work. */
  place(name: string): string;
  /**
   * Moves `path` to `<dir>/<name>` at the end. An existing file there must be equal, unless it is to be
   * replaced.
   */
  keep(path: string, name: string, there?: 'same' | 'replace'): void;
  /** Moves it to `<dir>/<name>` now. It is kept even if the work fails later. */
  publish(path: string, name: string, there?: 'same' | 'replace'): Promise<void>;
}

interface Kept {
  readonly path: string;
  readonly name: string;
  readonly there: 'same' | 'replace';
}

/**
 * Runs `work`, then moves the kept files into `dir`, which is created if necessary. An existing file must
 * have the same bytes.
 */
export async function withStaging<T>(dir: string, context: Context, work: (staging: Staging) => Promise<T>): Promise<T> {
  const what = `write to "${dir}"`;
  const isNew = lstatSync(dir, { throwIfNoEntry: false }) === undefined;
  let folder: string | undefined;
  try {
    await makeFolder(dir);
    folder = await mkdtemp(join(dir, '.partial-'));
    const home = folder;
    const kept: Kept[] = [];
    let places = 0;
    const result = await work({
      place: (name) => join(home, `${++places}-${name}`.slice(0, 200)),
      keep: (path, name, there = 'same') => void kept.push({ path, name, there }),
      publish: (path, name, there = 'same') => published([{ path, name, there }], dir, context),
    });
    await published(kept, dir, context);
    return result;
  } catch (error) {
    throw cannotBecause(what, error, 'free some space, or choose another folder with --to DIR');
  } finally {
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
    if (isNew) await removeEmpty(dir);
  }
}

/** Moves the records of `infos` at the end of the staging. */
export async function keepRecords(staging: Staging, storeDir: string, infos: Iterable<NarInfo>): Promise<void> {
  for (const record of [storeRecord(storeDir), ...[...infos].map((info) => pathRecord(info, storeDir))]) {
    staging.keep(await written(record, staging), record.name, 'replace');
  }
}

/** Publishes the record of the store's own path. */
export async function publishStoreRecord(staging: Staging, storeDir: string): Promise<void> {
  await publishRecord(staging, storeRecord(storeDir));
}

/** Publishes the narinfo of one path. */
export async function publishPathRecord(staging: Staging, storeDir: string, info: NarInfo): Promise<void> {
  await publishRecord(staging, pathRecord(info, storeDir));
}

async function publishRecord(staging: Staging, record: StoreRecord): Promise<void> {
  await staging.publish(await written(record, staging), record.name, 'replace');
}

async function written({ text }: StoreRecord, staging: Staging): Promise<string> {
  const path = staging.place('record');
  await writeFile(path, text);
  return path;
}

async function published(all: readonly Kept[], dir: string, context: Context): Promise<void> {
  const news: Kept[] = [];
  for (const each of all) if (each.there === 'replace' || !(await isThere(each.path, join(dir, each.name), context))) news.push(each);
  for (const { path, name } of news) {
    await makeFolder(dirname(join(dir, name)));
    await rename(path, join(dir, name));
  }
}

/** Whether an equal file exists. A different one is a Failure. All files are checked before any is moved. */
async function isThere(path: string, to: string, context: Context): Promise<boolean> {
  if (lstatSync(to, { throwIfNoEntry: false }) === undefined) return false;
  const [fresh, old] = [await summaryOf(narOf(path), [], context), await summaryOf(narOf(to), [], context)];
  if (fresh.hash === old.hash) return true;
  throw cannot(`write "${to}"`, 'something else is there', { hint: 'it was changed or damaged; remove it, or choose another folder' });
}

async function removeEmpty(dir: string): Promise<void> {
  if ((await readdir(dir).catch(() => ['?'])).length === 0) await rmdir(dir);
}
