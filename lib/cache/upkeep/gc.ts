// Garbage collection: carries out the decisions of gc-plan.ts while builds may run. Records are removed
// before their blobs, so that a record refers to missing blobs only for a moment. A build that reads a record
// in that moment treats it as a miss.
import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import pLimit from 'p-limit';
import type { Digest } from '../../core/digest.ts';
import { absentAsUndefined } from '../../core/errors.ts';
import type { Context } from '../../core/events.ts';
import { alive } from '../cache-folder.ts';
import type { CacheFolder } from '../cache-folder.ts';
import { sweepCheckouts } from '../checkouts.ts';
import { sweepDerived } from '../derived.ts';
import { planGc } from './gc-plan.ts';
import type { GcKinds, GcRequest, ReadRecord } from './gc-plan.ts';
import { inventory } from './inventory.ts';
import type { StoredBlob, StoredRecord } from './inventory.ts';

export interface Collected {
  readonly records: number;
  readonly blobs: number;
  readonly freedBytes: number;
  readonly keptBytes: number;
  /** Processes that use the cache now. Entries that they may need were kept. */
  readonly running: number;
}

/** Removes what may be removed. With `dryRun`, it only reports it. */
export async function collectGarbage(
  cache: CacheFolder,
  kinds: GcKinds,
  request: GcRequest & { readonly dryRun: boolean },
  { signal }: Context,
): Promise<Collected> {
  const { blobs, records, running } = await inventory(cache);
  const limit = pLimit(32);
  const read = await Promise.all(records.map((record) => limit(() => withNames(record))));
  const nowMs = (await stat(cache.tmpDir)).ctimeMs;
  const heldSinceMs = running.length === 0 ? undefined : Math.min(...running.map(({ startedMs }) => startedMs));
  const plan = planGc({ blobs, records: read }, kinds, request, nowMs, heldSinceMs);
  let freedBytes = 0;
  const spared = new Set<Digest>();
  let [goneRecords, goneBlobs] = [0, 0];
  for (const record of plan.records) {
    signal.throwIfAborted();
    if (await isTouched(record, ({ mtimeMs }) => mtimeMs !== record.usedMs)) {
      for (const name of record.names) spared.add(name);
      continue;
    }
    if (!request.dryRun) await rm(record.path, { force: true });
    goneRecords++;
    freedBytes += record.sizeBytes;
  }
  for (const blob of plan.blobs) {
    signal.throwIfAborted();
    if (spared.has(blob.digest) || (await isTouched(blob, ({ ctimeMs, nlink }) => ctimeMs !== blob.changedMs || nlink > 1))) continue;
    if (!request.dryRun) await rm(blob.path, { force: true });
    goneBlobs++;
    freedBytes += blob.sizeBytes;
  }
  // A running compiler has the folder of its checkout open.
  const before = request.olderThanMs === undefined ? undefined : nowMs - request.olderThanMs;
  if (running.length === 0) {
    freedBytes += await sweepCheckouts(cache, before, request.dryRun);
    if (before !== undefined) freedBytes += await sweepDerived(cache.root, before, request.dryRun);
  }
  if (!request.dryRun) await removePartials(join(cache.root, 'remembered'));
  return { records: goneRecords, blobs: goneBlobs, freedBytes, keptBytes: plan.keptBytes, running: running.length };
}

/**
 * Returns the digests in the text of a record. A damaged record may contain only some of them; the next
 * proper read drops it.
 */
async function withNames(record: StoredRecord): Promise<ReadRecord> {
  const text = (await absentAsUndefined(readFile(record.path, 'utf8'))) ?? '';
  const body = text.slice(text.indexOf('\n') + 1);
  return { ...record, names: (body.match(/(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])/g) ?? []) as Digest[] };
}

/** Whether it was used, published again or staged after it was listed. */
async function isTouched(
  { path }: StoredRecord | StoredBlob,
  changed: (stats: { readonly mtimeMs: number; readonly ctimeMs: number; readonly nlink: number }) => boolean,
): Promise<boolean> {
  const stats = await absentAsUndefined(stat(path));
  return stats !== undefined && changed(stats);
}

/** Removes partial memo files of killed processes: <name>.<pid>.partial (lib/core/remembered.ts). */
async function removePartials(dir: string): Promise<void> {
  for (const name of (await absentAsUndefined(readdir(dir))) ?? []) {
    const pid = /\.(\d+)\.partial$/.exec(name)?.[1];
    if (pid !== undefined && !alive(Number(pid))) await rm(join(dir, name), { force: true });
  }
}
