// Writes a binary cache from which Nix can copy: plain archives, and a narinfo for each path, signed if there
// is a key. A path that is named by its content is marked as such, and Nix accepts it without a signature.
import { closeSync, openSync, writeSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { absentAsUndefined, cannot } from '../../core/errors.ts';
import { pace, phase } from '../../core/events.ts';
import type { Context } from '../../core/events.ts';
import { contentAddress, printContentAddress } from '../store/content-address.ts';
import { fingerprint, plainNarInfo, printNarInfo } from './narinfo.ts';
import type { NarInfo } from './narinfo.ts';
import { narTally } from '../nar/summary.ts';
import { signed } from './signature.ts';
import type { SecretKey } from './signature.ts';
import { withStaging } from '../store/staging.ts';
import type { PathInfo } from '../store/store.ts';
import type { StoreFolder } from '../store/store-folder.ts';
import { hashPartOf } from '../store/store-path.ts';
import { cacheInfoName, parseCacheInfo, printCacheInfo } from '../store/store-record.ts';

export interface CacheWriting {
  readonly paths: Iterable<PathInfo>;
  /** The cache's folder. Its existing content is kept. */
  readonly to: string;
  readonly key?: SecretKey | undefined;
}

/** Returns the written paths in order. After a failure the folder is unchanged. */
export async function writeBinaryCache(
  store: StoreFolder,
  { paths, to, key }: CacheWriting,
  context: Context,
): Promise<readonly NarInfo[]> {
  const all = [...paths];
  const written: NarInfo[] = [];
  await phase('write the cache', context.report, () =>
    withStaging(to, context, async (staging) => {
      const about = staging.place('about');
      await mkdir(about);
      if (!(await isCacheOf(to, store.storeDir))) {
        await writeFile(join(about, cacheInfoName), printCacheInfo(store.storeDir));
        staging.keep(join(about, cacheInfoName), cacheInfoName);
      }
      for (const path of all) {
        const archive = staging.place('nar');
        const info = await archived(store, path, archive, context);
        staging.keep(archive, info.url);
        const signatures = key ? [signed(fingerprint(info, store.storeDir), key)] : [];
        const file = `${hashPartOf(info.name)}.narinfo`;
        await writeFile(join(about, file), printNarInfo({ ...info, signatures }, store.storeDir));
        staging.keep(join(about, file), file, 'replace');
        written.push({ ...info, signatures });
        context.report({ kind: 'progress', phase: 'write the cache', done: written.length, total: all.length });
      }
    }),
  );
  return written;
}

/** Returns false if there is no cache yet. A cache of another store is a Failure. */
async function isCacheOf(to: string, storeDir: string): Promise<boolean> {
  const what = `write the cache "${to}"`;
  const text = await absentAsUndefined(readFile(join(to, cacheInfoName), 'utf8'));
  if (text === undefined) return false;
  const there = parseCacheInfo(text, what);
  if (there !== storeDir) throw cannot(what, `it is a cache of "${there}", and the paths belong to "${storeDir}"`);
  return true;
}

/** Writes the plain archive of one path. */
async function archived(store: StoreFolder, { name, references }: PathInfo, to: string, context: Context): Promise<NarInfo> {
  const tally = narTally();
  const turn = pace(context);
  const fd = openSync(to, 'wx');
  try {
    await using nar = await store.nar(name, context);
    for (const chunk of nar.chunks) {
      tally.update(chunk);
      for (let at = 0; at < chunk.length;) at += writeSync(fd, chunk, at);
      await turn(chunk.length);
    }
  } finally {
    closeSync(fd);
  }
  const { hash, sizeBytes } = tally.finish();
  const address = await contentAddress({ path: join(store.dir, name), name, storeDir: store.storeDir, references }, context);
  const info = plainNarInfo({ name, references, narHash: hash, narSize: sizeBytes });
  return address === undefined ? info : { ...info, contentAddress: printContentAddress(address) };
}
