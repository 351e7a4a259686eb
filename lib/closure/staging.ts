// New store paths are made in a hidden folder beside their places and moved there when all are whole: a run that fails or is stopped leaves nothing.
import { mkdir, mkdtemp, readdir, rename, rm, rmdir } from 'node:fs/promises';
import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { cannot, cannotBecause } from '../core/errors.ts';
import { makeFolder } from '../core/folders.ts';
import type { Context } from '../core/events.ts';
import { summaryOf } from './nar-summary.ts';
import { narOf } from './nar-writer.ts';

export interface Staging {
  /** A place of its own for something unfinished; nothing is there. */
  place(name: string): string;
  /** What lies at `path` is to become `<dir>/<name>` at the end. */
  keep(path: string, name: string): void;
}

/** Runs `work`, then moves what it kept into `dir`, which is made where it is missing. What is there already must have the same bytes. */
export async function withStaging<T>(dir: string, context: Context, work: (staging: Staging) => Promise<T>): Promise<T> {
  const what = `write to "${dir}"`;
  const isNew = lstatSync(dir, { throwIfNoEntry: false }) === undefined;
  let folder: string | undefined;
  try {
    await makeFolder(dir);
    folder = await mkdtemp(join(dir, '.partial-'));
    const home = folder;
    const kept: { path: string; name: string }[] = [];
    let places = 0;
    const result = await work({
      place: (name) => join(home, `${++places}-${name}`.slice(0, 200)),
      keep: (path, name) => void kept.push({ path, name }),
    });
    for (const { path, name } of kept) await publish(path, join(dir, name), context);
    return result;
  } catch (error) {
    throw cannotBecause(what, error, 'free some space, or choose another folder with --to DIR');
  } finally {
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
    if (isNew) await removeEmpty(dir);
  }
}

async function publish(path: string, to: string, context: Context): Promise<void> {
  if (lstatSync(to, { throwIfNoEntry: false }) === undefined) return await rename(path, to);
  const [fresh, there] = [await summaryOf(narOf(path), [], context), await summaryOf(narOf(to), [], context)];
  if (fresh.hash !== there.hash) {
    throw cannot(`write "${to}"`, 'something else is there', { hint: 'it was changed or damaged; remove it, or choose another folder' });
  }
}

async function removeEmpty(dir: string): Promise<void> {
  if ((await readdir(dir).catch(() => ['?'])).length === 0) await rmdir(dir);
}

/** A folder for work whose results nobody keeps. */
export async function withTemporary<T>(parent: string, work: (folder: string) => Promise<T>): Promise<T> {
  await mkdir(parent, { recursive: true });
  const folder = await mkdtemp(join(parent, 'bloomery-nar-'));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
