// Copies a closure out of a binary cache into a folder. Every path must be vouched for, by a signature of a trusted key or by its own name, unless no key
// is asked for; and must be what the narinfo says. The narinfo is kept beside (store-record.ts).
import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { cannot } from '../core/errors.ts';
import { phase } from '../core/events.ts';
import type { Context } from '../core/events.ts';
import type { BinaryCache } from './binary-cache.ts';
import { contentAddress } from './content-address.ts';
import { fingerprint } from './narinfo.ts';
import type { NarInfo } from './narinfo.ts';
import { restoreNar } from './nar-restore.ts';
import { summaryOf } from './nar-summary.ts';
import { narOf } from './nar-writer.ts';
import { signedBy } from './signature.ts';
import type { PublicKey } from './signature.ts';
import { withStaging } from './staging.ts';
import type { Staging } from './staging.ts';
import { closureInfos } from './store.ts';
import type { StoreName } from './store-path.ts';
import { keepRecords } from './store-record.ts';

export interface Copying {
  readonly roots: readonly StoreName[];
  readonly to: string;
  /** Empty: signatures are not asked for. */
  readonly trusted: readonly PublicKey[];
}

export interface Copied {
  readonly infos: ReadonlyMap<StoreName, NarInfo>;
  /** Paths that were not there before. */
  readonly fetched: readonly StoreName[];
}

/** Copies what is not there yet. On failure the folder is as it was. */
export async function copyClosure(cache: BinaryCache, { roots, to, trusted }: Copying, context: Context): Promise<Copied> {
  const infos = (await closureInfos(cache, roots, context)) as ReadonlyMap<StoreName, NarInfo>;
  const unsigned = new Set(
    [...infos.values()].filter((info) => trusted.length > 0 && !isSigned(info, cache, trusted)).map(({ name }) => name),
  );
  for (const name of unsigned) {
    if (infos.get(name)?.contentAddress === undefined) throw unvouched(name, infos.get(name), cache, trusted);
  }
  const fetched: StoreName[] = [];
  await phase('copy', context.report, () =>
    withStaging(to, context, async (staging) => {
      let done = 0;
      for (const info of infos.values()) {
        if (!(await isThere(info, to, context))) {
          const place = await fetchPath(cache, info, staging, context);
          if (unsigned.has(info.name) && !(await isNamedByContent(place, info, cache.storeDir, context)))
            throw unvouched(info.name, info, cache, trusted);
          fetched.push(info.name);
        }
        context.report({ kind: 'progress', phase: 'copy', done: ++done, total: infos.size });
      }
      await keepRecords(staging, cache.storeDir, infos.values());
    }),
  );
  return { infos, fetched };
}

async function fetchPath(cache: BinaryCache, info: NarInfo, staging: Staging, context: Context): Promise<string> {
  const place = staging.place(info.name);
  await using nar = await cache.nar(info.name, context);
  await restoreNar(nar.chunks, place, { what: `unpack "${info.name}"` }, context);
  staging.keep(place, info.name);
  return place;
}

/** What is there must be what the cache has. */
async function isThere({ name, narHash }: NarInfo, to: string, context: Context): Promise<boolean> {
  const path = join(to, name);
  if (!lstatSync(path, { throwIfNoEntry: false })) return false;
  if ((await summaryOf(narOf(path), [], context)).hash === narHash) return true;
  throw cannot(`copy "${name}"`, `"${path}" is there and is something else`, {
    hint: 'it was changed or damaged; remove it and copy again',
  });
}

function isSigned(info: NarInfo, { storeDir }: BinaryCache, trusted: readonly PublicKey[]): boolean {
  return signedBy(fingerprint(info, storeDir), info.signatures, trusted) !== undefined;
}

async function isNamedByContent(path: string, { name, references }: NarInfo, storeDir: string, context: Context): Promise<boolean> {
  return (await contentAddress(path, name, storeDir, references, context)) !== undefined;
}

function unvouched(name: StoreName, info: NarInfo | undefined, cache: BinaryCache, trusted: readonly PublicKey[]): Error {
  const keys = trusted.map((key) => key.name).join(', ');
  const why = info?.signatures.length ? `no signature of it is one of ${keys}` : 'it is not signed';
  return cannot(`copy "${name}" from "${cache.url}"`, why, {
    hint: 'name the key of the cache with --trusted-key, or none to go without signatures',
  });
}
