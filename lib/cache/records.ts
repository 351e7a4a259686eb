// Small JSON records by key, each with the digest of its own text in the first line, so that a torn or flipped record is a miss and
// never a wrong answer. The action cache, remembered inputs and remembered plans are all kept this way.
import { readFileSync, statSync } from 'node:fs';
import { mkdir, readdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Digest, Json } from '../core/digest.ts';
import { canonicalJson, digestBytes, isDigest } from '../core/digest.ts';
import { absentAsUndefined, errnoOf } from '../core/errors.ts';
import type { Report } from '../core/events.ts';

/** A record that was read says so by its time of change, but not more often than this: gc takes the least recently used. */
export const useStampMs = 24 * 60 * 60 * 1000;

export interface Records<T extends Json> {
  /** The record, or undefined when there is none or it was damaged. */
  get(key: Digest): Promise<T | undefined>;
  /** Is there any? */
  any(): Promise<boolean>;
  /** The keys of all records there are, in no order. */
  keys(): Promise<readonly Digest[]>;
  /** Publishes by rename; the last writer of a key wins. */
  put(key: Digest, value: T): Promise<void>;
}

/** Tells unfinished records apart: one kind may be open more than once. */
let serial = 0;

/** The JSON of a stored record; undefined when it is torn or flipped. */
export function recordBody(record: Buffer): string | undefined {
  const end = record.indexOf('\n');
  const body = record.subarray(end + 1); // hashed as bytes: to hash a text, Node makes bytes of it first
  return record.toString('latin1', 0, end) === digestBytes(body) ? body.toString() : undefined;
}

/** An asynchronous look costs ten times as much. */
function readOrAbsent(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Opens the records in `dir`. `is` decides whether a stored value still has the shape wanted; one of an older shape is a miss. */
export async function openRecords<T extends Json>(
  dir: string,
  tmpDir: string,
  is: (value: Json) => value is T,
  report: Report,
): Promise<Records<T>> {
  await mkdir(dir, { recursive: true });
  const openedMs = (await stat(tmpDir)).mtimeMs; // by the file system's own clock
  const place = (key: Digest): string => join(dir, key.slice(0, 2), key);
  const stampUse = async (path: string): Promise<void> => {
    const stats = statSync(path, { throwIfNoEntry: false }); // an asynchronous one costs ten times as much
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
      await writeFile(partial, `${digestBytes(body)}\n${body}`);
      await mkdir(join(dir, key.slice(0, 2)), { recursive: true });
      await rename(partial, place(key));
    },
  };
}
