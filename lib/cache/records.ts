// Small JSON records by key. The first line of each has the digest of the text, so that a truncated or
// changed record is a miss and never a wrong result. The action cache, memoized inputs and memoized plans are
// stored in this form.
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { readdir, rm, utimes } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Digest, Json } from '../core/digest.ts';
import { canonicalJson, digestBytes, isDigest } from '../core/digest.ts';
import { absentAsUndefined, errnoOf } from '../core/errors.ts';
import type { Report } from '../core/events.ts';
import { makeFolder, renameInto } from '../core/paths.ts';

/** The layout of the cache directory. A change after which old records cannot be read raises this number. */
export const layout = 'v1';

/**
 * Reading a record updates its modification time, but at most once in this interval. Garbage collection
 * removes the least recently used records.
 */
export const useStampMs = 24 * 60 * 60 * 1000;

export interface Records<T extends Json> {
  /** Returns the record, or undefined if it is absent or was damaged. */
  get(key: Digest): Promise<T | undefined>;
  /** Whether there is any record. */
  any(): Promise<boolean>;
  /** Returns the keys of all records, in no particular order. */
  keys(): Promise<readonly Digest[]>;
  /** Stores a record and publishes it by rename. The last writer of a key wins. */
  put(key: Digest, value: T): Promise<void>;
}

/** Distinguishes unfinished records: one kind may be open more than once. */
let serial = 0;

/** Returns the JSON of a stored record, or undefined if the record is truncated or changed. */
export function recordBody(record: Buffer): string | undefined {
  const end = record.indexOf('\n');
  const body = record.subarray(end + 1); // hashed as bytes: Node would first encode a string
  return record.toString('latin1', 0, end) === digestBytes(body) ? body.toString() : undefined;
}

/** Synchronous, because an asynchronous read takes ten times as long. */
function readOrAbsent(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * Returns a record of a cache directory, which need not exist, without marking it as used. Undefined if it is
 * absent or damaged.
 */
export function readRecord(cacheDir: string, kind: string, key: Digest): unknown {
  const record = readOrAbsent(join(cacheDir, layout, kind, key.slice(0, 2), key));
  const body = record && recordBody(record);
  return body === undefined ? undefined : JSON.parse(body);
}

/**
 * Opens the records in `dir`. `is` checks whether a stored value has the expected shape. A record with an
 * older shape is a miss.
 */
export async function openRecords<T extends Json>(
  dir: string,
  tmpDir: string,
  is: (value: Json) => value is T,
  report: Report,
): Promise<Records<T>> {
  await makeFolder(dir);
  const openedMs = statSync(tmpDir).mtimeMs; // by the file system's own clock
  const place = (key: Digest): string => join(dir, key.slice(0, 2), key);
  const stampUse = async (path: string): Promise<void> => {
    const stats = statSync(path, { throwIfNoEntry: false }); // an asynchronous stat takes ten times as long
    if (stats && stats.mtimeMs < openedMs - useStampMs) await utimes(path, openedMs / 1000, openedMs / 1000).catch(() => undefined);
  };
  return {
    async get(key) {
      const record = readOrAbsent(place(key));
      if (record === undefined) return undefined;
      const body = recordBody(record);
      if (body === undefined) {
        if (await absentAsUndefined(rm(place(key)).then(() => true))) report({ kind: 'repaired', digest: key });
        return undefined;
      }
      await stampUse(place(key));
      const value: Json = JSON.parse(body);
      return is(value) ? value : undefined;
    },
    async any() {
      return (await readdir(dir)).length > 0;
    },
    async keys() {
      return (await readdir(dir, { recursive: true })).map((path) => basename(path)).filter(isDigest);
    },
    async put(key, value) {
      const body = canonicalJson(value);
      const partial = join(tmpDir, `record-${dir.split('/').at(-1)}-${serial++}`);
      // synchronous: a unit stores several records, and a promise for each call takes four times as long
      writeFileSync(partial, `${digestBytes(body)}\n${body}`);
      renameInto(partial, place(key));
    },
  };
}
