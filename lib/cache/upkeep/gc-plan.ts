// Which records and blobs of a cache may go: those that nobody refers to, and of the rest the least recently used. A pure decision about
// an inventory; the effects are in gc.ts.
import type { Digest } from '../../core/digest.ts';
import { byCodeUnit } from '../../core/digest.ts';
import { present } from '../../core/errors.ts';
import type { StoredBlob, StoredRecord } from './inventory.ts';
import { useStampMs } from '../records.ts';

/** A record with the digests that its text names: of blobs, or keys of other records. */
export interface ReadRecord extends StoredRecord {
  readonly names: readonly Digest[];
}

export interface GcRequest {
  /** Keep at most so many bytes of blobs and records. */
  readonly maxBytes: number | undefined;
  /** Remove what was not used for so long. */
  readonly olderThanMs: number | undefined;
}

/** How the kinds of records depend on each other. */
export interface GcKinds {
  /** Records that say what a result was made from: the result was used when something made from it was. They keep no blob. */
  readonly origins: readonly string[];
  /** Records that only list others: their use is not the use of what they list, and they go when nothing of it is left. */
  readonly lists: readonly string[];
}

export interface GcPlan {
  readonly records: readonly ReadRecord[];
  readonly blobs: readonly StoredBlob[];
  readonly keptBytes: number;
}

/** All records of one key live and die together: a result and its origin. */
interface Entry {
  readonly records: ReadRecord[];
  /** Blobs that it keeps. */
  readonly owned: Set<Digest>;
  /** Blobs and keys that are used when it is used. */
  readonly followed: Set<Digest>;
  readonly listed: Set<Digest>;
  usedMs: number;
}

/**
 * What may go. `nowMs` is by the clock of the file system. `heldSinceMs` is when the oldest running process began, undefined if there is none:
 * what it may have looked up or made stays.
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
  // A record says when it was used to within a day, so a running process may have read one that looks a day older.
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

/** What something was made from was used when it was, all the way down. */
function passUseOn(entries: ReadonlyMap<Digest, Entry>): void {
  const makers = new Map<Digest, Entry[]>();
  for (const entry of entries.values()) {
    for (const digest of entry.owned) {
      const others = makers.get(digest);
      if (others) others.push(entry);
      else makers.set(digest, [entry]);
    }
  }
  // The latest first: whoever is reached has its final time then.
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
