// Reads a whole cache and reports damage: blobs that do not match their digest, and records that are
// truncated, have an unknown shape or refer to missing blobs. Changes nothing unless it is asked to remove
// the damaged entries.
import { readFile, rm } from 'node:fs/promises';
import pLimit from 'p-limit';
import type { Digest, Json } from '../../core/digest.ts';
import { digestFile } from '../../core/digest.ts';
import { absentAsUndefined } from '../../core/errors.ts';
import type { Context } from '../../core/events.ts';
import type { CacheFolder } from '../cache-folder.ts';
import { inventory } from './inventory.ts';
import type { StoredBlob, StoredRecord } from './inventory.ts';
import { recordBody } from '../records.ts';

export interface Damage {
  /** Path in the cache directory. */
  readonly path: string;
  readonly why: string;
}

export interface Verification {
  readonly blobs: number;
  readonly records: number;
  readonly bytes: number;
  readonly damage: readonly Damage[];
}

/**
 * Checks a value of one kind of record. Returns the blobs that the value needs, or undefined if the value
 * does not have the shape of that kind.
 */
export type RecordShape = (value: Json) => readonly Digest[] | undefined;

const readAtOnce = 8;

/**
 * Reads every blob and record. `shapes` are by kind. For kinds without a shape, only the digest of the record
 * is checked.
 */
export async function verifyCache(
  cache: CacheFolder,
  shapes: Readonly<Record<string, RecordShape>>,
  context: Context,
): Promise<Verification> {
  const { blobs, records } = await inventory(cache);
  const limit = pLimit(readAtOnce);
  const totalBytes = [...blobs, ...records].reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  let doneBytes = 0;
  const counted = async (thing: StoredBlob | StoredRecord, why: Promise<string | undefined>): Promise<Damage | undefined> => {
    const found = await why;
    doneBytes += thing.sizeBytes;
    context.report({ kind: 'progress', phase: 'verifying', done: doneBytes, total: totalBytes });
    return found === undefined ? undefined : { path: thing.path, why: found };
  };
  // A blob that is gone by now was collected by another process, which is not damage.
  const blobDamage = async ({ digest, path }: StoredBlob): Promise<string | undefined> => {
    const actual = await absentAsUndefined(digestFile(path));
    return actual === undefined || actual === digest ? undefined : 'the blob does not have the bytes that it is named after';
  };
  const check = <T extends StoredBlob | StoredRecord>(
    thing: T,
    damage: (thing: T) => Promise<string | undefined>,
  ): Promise<Damage | undefined> =>
    limit(async () => {
      context.signal.throwIfAborted();
      return counted(thing, damage(thing));
    });
  const ofBlobs = await Promise.all(blobs.map((blob) => check(blob, blobDamage)));
  const recordDamage = async ({ kind, path }: StoredRecord): Promise<string | undefined> => {
    const record = await absentAsUndefined(readFile(path));
    if (record === undefined) return undefined;
    const body = recordBody(record);
    if (body === undefined) return `the record of kind "${kind}" is not what was written`;
    const shape = shapes[kind];
    if (!shape) return undefined;
    const value: Json = JSON.parse(body);
    const needed = shape(value);
    if (!needed) return `the record of kind "${kind}" has a shape of another version`;
    for (const digest of needed) if (!(await cache.content.has(digest))) return `the result needs the blob ${digest}, which is gone`;
    return undefined;
  };
  const ofRecords = await Promise.all(records.map((record) => check(record, recordDamage)));
  const damage = [...ofBlobs, ...ofRecords].flatMap((found) => found ?? []);
  return { blobs: blobs.length, records: records.length, bytes: totalBytes, damage };
}

/**
 * Removes the damaged entries, so that they are misses. Results that lack a blob because of this are found by
 * the next verification.
 */
export async function removeDamage(damage: readonly Damage[]): Promise<void> {
  for (const { path } of damage) await rm(path, { force: true });
}
