// Decides which records and blobs of a cache may be removed: those without references, and of the others the
// least recently used. The decision is a pure function of an inventory. The effects are in gc.ts.
import type { Digest } from '../../core/digest.ts';
import { byCodeUnit } from '../../core/digest.ts';
import { present } from '../../core/errors.ts';
import type { StoredBlob, StoredRecord } from './inventory.ts';
import { useStampMs } from '../records.ts';

/** A record and the digests that its text contains: digests of blobs, or keys of other records. */
export interface ReadRecord extends StoredRecord {
  readonly names: readonly Digest[];
}

export interface GcRequest {
  /** Upper limit for the size of blobs and records. */
  readonly maxBytes: number | undefined;
  /** Entries that were not used for this time are removed. */
  readonly olderThanMs: number | undefined;
}

/** How the kinds of records depend on each other. */
export interface GcKinds {
  /**
   * Records that list the inputs of a result. Using a result counts as using its inputs. These records keep
   * no blob.
   */
  readonly origins: readonly string[];
  /**
   * Records that only list other records. Using them does not count as using the listed ones. They are
   * removed when none of the listed records is left.
   */
  readonly lists: readonly string[];
}

export interface GcPlan {
  readonly records: readonly ReadRecord[];
  readonly blobs: readonly StoredBlob[];
  readonly keptBytes: number;
}

/** All records with the same key are kept or removed together: a result and its origin. */
interface Entry {
  readonly records: ReadRecord[];
  /** Blobs that this entry keeps. */
  readonly owned: Set<Digest>;
  /** Blobs and keys that count as used when this entry is used. */
  readonly followed: Set<Digest>;
  readonly listed: Set<Digest>;
  usedMs: number;
}

/**
 * Returns what may be removed. `nowMs` is by the clock of the file system. `heldSinceMs` is the start of the
 * oldest running process, or undefined if there is no process: everything that it may have looked up or
 * created is kept.
 */
export function planGc(
  stored: { readonly blobs: readonly StoredBlob[]; readonly records: readonly ReadRecord[] },
  kinds: GcKinds,
  request: GcRequest,
  nowMs: number,
  heldSinceMs: number | undefined,
): GcPlan {
  const sizes = new Map(stored.blobs.map(({ digest, sizeBytes }) => [digest, sizeBytes]));
  const entries = entriesOf(stored.records, kinds, sizes);
  passUseOn(entries);
  // A record stores its last use to within a day, so a running process may have read one that appears a day
  // older.
  const held = ({ usedMs }: Entry): boolean => heldSinceMs !== undefined && usedMs >= heldSinceMs - useStampMs;
  const isHeldBlob = ({ changedMs, links }: StoredBlob): boolean => links > 1 || (heldSinceMs !== undefined && changedMs >= heldSinceMs);

  const owners = new Map<Digest, number>();
  for (const { owned } of entries.values()) for (const digest of owned) owners.set(digest, (owners.get(digest) ?? 0) + 1);
  const kept = new Map(entries);
  let keptBytes = [...owners.keys()].reduce((sum, digest) => sum + (sizes.get(digest) ?? 0), 0);
  for (const { records } of entries.values()) keptBytes += bytesOf(records);
  keptBytes += stored.blobs
    .filter((blob) => !owners.has(blob.digest) && isHeldBlob(blob))
    .reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);

  const remove = (key: Digest, entry: Entry): void => {
    kept.delete(key);
    keptBytes -= bytesOf(entry.records);
    for (const digest of entry.owned) {
      const left = present(owners.get(digest), digest) - 1;
      owners.set(digest, left);
      if (left === 0) keptBytes -= sizes.get(digest) ?? 0;
    }
  };
  const byUse = [...entries].sort(([a, one], [b, other]) => one.usedMs - other.usedMs || byCodeUnit(a, b));
  for (const [key, entry] of byUse) {
    if (held(entry) || isListOnly(entry)) continue;
    const old = request.olderThanMs !== undefined && entry.usedMs < nowMs - request.olderThanMs;
    const tooMuch = request.maxBytes !== undefined && keptBytes > request.maxBytes;
    if (old || tooMuch) remove(key, entry);
  }
  for (const [key, entry] of entries) {
    if (isListOnly(entry) && !held(entry) && ![...entry.listed].some((other) => kept.has(other))) remove(key, entry);
  }
  const gone = [...entries].filter(([key]) => !kept.has(key)).flatMap(([, { records }]) => records);
  const blobs = stored.blobs.filter((blob) => (owners.get(blob.digest) ?? 0) === 0 && !isHeldBlob(blob));
  return { records: gone, blobs, keptBytes };
}

function entriesOf(records: readonly ReadRecord[], { origins, lists }: GcKinds, sizes: ReadonlyMap<Digest, number>): Map<Digest, Entry> {
  const keys = new Set(records.map(({ key }) => key));
  const entries = new Map<Digest, Entry>();
  for (const record of records) {
    const entry = entries.get(record.key) ?? { records: [], owned: new Set(), followed: new Set(), listed: new Set(), usedMs: 0 };
    entries.set(record.key, entry);
    entry.records.push(record);
    entry.usedMs = Math.max(entry.usedMs, record.usedMs);
    for (const name of record.names) {
      if (lists.includes(record.kind)) entry.listed.add(name);
      else if (sizes.has(name) && !origins.includes(record.kind)) entry.owned.add(name);
      else if (sizes.has(name) || keys.has(name)) entry.followed.add(name);
    }
  }
  return entries;
}

/** Passes the last use of a result on to its inputs, recursively. */
function passUseOn(entries: ReadonlyMap<Digest, Entry>): void {
  const makers = new Map<Digest, Entry[]>();
  for (const entry of entries.values()) {
    for (const digest of entry.owned) {
      const others = makers.get(digest);
      if (others) others.push(entry);
      else makers.set(digest, [entry]);
    }
  }
  // The latest first: an entry has its final time when it is reached.
  const open = [...entries.values()].sort((a, b) => b.usedMs - a.usedMs);
  const seen = new Set<Entry>();
  const visit = (entry: Entry, usedMs: number): void => {
    const stack = [entry];
    for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
      if (seen.has(next)) continue;
      seen.add(next);
      next.usedMs = usedMs;
      for (const name of next.followed) {
        const own = entries.get(name);
        stack.push(...(own ? [own] : []), ...(makers.get(name) ?? []));
      }
    }
  };
  for (const entry of open) visit(entry, entry.usedMs);
}

function isListOnly({ owned, followed, listed }: Entry): boolean {
  return listed.size > 0 && owned.size + followed.size === 0;
}

function bytesOf(records: readonly StoredRecord[]): number {
  return records.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}
