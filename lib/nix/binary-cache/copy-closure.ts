// Copies a closure out of a binary cache into a folder. If keys are given, a trusted key has signed every path, or the path
// is named by its content. Each path has the sizes and hashes of its narinfo, which is kept next to it (store-record.ts).
import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { cannot } from '../../core/errors.ts';
import { phase } from '../../core/events.ts';
import type { Context } from '../../core/events.ts';
import type { BinaryCache } from './binary-cache.ts';
import { givesName, hasContent, parseContentAddress } from '../store/content-address.ts';
import { referencesFirst } from '../../closure/graph.ts';
import { fingerprint } from './narinfo.ts';
import type { NarInfo } from './narinfo.ts';
import { restoreNar } from '../nar/restore.ts';
import { summaryOf } from '../nar/summary.ts';
import { narOf } from '../nar/writer.ts';
import { signedBy } from './signature.ts';
import type { PublicKey } from './signature.ts';
import { publishPathRecord, publishStoreRecord, withStaging } from '../store/staging.ts';
import type { Staging } from '../store/staging.ts';
import { closureInfos, storeClosure } from '../store/store.ts';
import type { StoreName } from '../store/store-path.ts';

export interface Copying {
  readonly roots: readonly StoreName[];
  readonly to: string;
  /** Empty: signatures are not required. */
  readonly trusted: readonly PublicKey[];
}

export interface Copied {
  readonly infos: ReadonlyMap<StoreName, NarInfo>;
  /** Paths that were not there before. */
  readonly fetched: readonly StoreName[];
}

/** Copies the missing paths, each after those that it refers to. After a failure the paths that were copied are kept. */
export async function copyClosure(cache: BinaryCache, { roots, to, trusted }: Copying, context: Context): Promise<Copied> {
  const infos = await closureInfos(cache, roots, context);
  for (const info of infos.values()) checkClaims(info, cache, trusted);
  const fetched: StoreName[] = [];
  await phase('copy', context.report, () =>
    withStaging(to, context, async (staging) => {
      let done = 0;
      for (const info of inOrder(roots, infos)) {
        const isNew = !(await isThere(info, to, context));
        const path = isNew ? await fetchedPath(cache, info, staging, context) : join(to, info.name);
        await checkContent(path, info, cache, context);
        if (done === 0) await publishStoreRecord(staging, cache.storeDir);
        await publishPathRecord(staging, cache.storeDir, info);
        if (isNew) await staging.publish(path, info.name);
        if (isNew) fetched.push(info.name);
        context.report({ kind: 'progress', phase: 'copy', done: ++done, total: infos.size });
      }
    }),
  );
  return { infos, fetched };
}

/** Dependencies first, so that the paths that are kept after a failure have all their references. */
function inOrder(roots: readonly StoreName[], infos: ReadonlyMap<StoreName, NarInfo>): Iterable<NarInfo> {
  const order = new Set(roots.flatMap((root) => referencesFirst(storeClosure(root, infos))));
  const byName = new Map<string, NarInfo>(infos);
  return [...order].flatMap((name) => byName.get(name) ?? []);
}

async function fetchedPath(cache: BinaryCache, info: NarInfo, staging: Staging, context: Context): Promise<string> {
  const place = staging.place(info.name);
  await using nar = await cache.nar(info.name, context);
  await restoreNar(nar.chunks, place, { what: `unpack "${info.name}"` }, context);
  return place;
}

/** An existing path must have the hash of the cache's path. */
async function isThere({ name, narHash }: NarInfo, to: string, context: Context): Promise<boolean> {
  const path = join(to, name);
  if (!lstatSync(path, { throwIfNoEntry: false })) return false;
  if ((await summaryOf(narOf(path), [], context)).hash === narHash) return true;
  throw cannot(`copy "${name}"`, `"${path}" is there and is something else`, {
    hint: 'it was changed or damaged; remove it and copy again',
  });
}

/** Checks signatures and names before anything is fetched. The content is compared with its address later. */
function checkClaims(info: NarInfo, cache: BinaryCache, trusted: readonly PublicKey[]): void {
  const { name, references, contentAddress } = info;
  const { storeDir, url } = cache;
  const address = parseContentAddress(contentAddress);
  if (address) {
    if (givesName(address, { name, storeDir, references })) return;
    throw cannot(
      `copy "${name}" from "${url}"`,
      `it claims to be named by its content, but the name for "${contentAddress}" is another one`,
    );
  }
  if (trusted.length === 0 || signedBy(fingerprint(info, storeDir), info.signatures, trusted) !== undefined) return;
  const keys = trusted.map((key) => key.name).join(', ');
  throw cannot(`copy "${name}" from "${url}"`, info.signatures.length > 0 ? `no signature of it is one of ${keys}` : 'it is not signed', {
    hint: 'name the key of the cache with --trusted-key, or none to go without signatures',
  });
}

async function checkContent(path: string, info: NarInfo, { storeDir, url }: BinaryCache, context: Context): Promise<void> {
  const { name, references, contentAddress } = info;
  const address = parseContentAddress(contentAddress);
  if (!address || (await hasContent({ path, name, storeDir, references }, address, context))) return;
  throw cannot(`copy "${name}" from "${url}"`, `it claims to be named by its content, but its content is not "${contentAddress}"`);
}
