// Adds up the size of a cache by kinds of content, for display. The caller supplies the role of each
// artifact.
import type { Digest } from '../../core/digest.ts';
import { byCodeUnit } from '../../core/digest.ts';
import type { Inventory } from './inventory.ts';

export interface Share {
  readonly count: number;
  readonly bytes: number;
}

export interface Stats {
  readonly bytes: number;
  readonly blobs: Share;
  readonly records: Share;
  /**
   * Blobs by role ("program", "library", ...). Blobs that no result refers to have the role "unused". Sorted
   * by size, the largest first.
   */
  readonly roles: Readonly<Record<string, Share>>;
  readonly recordKinds: Readonly<Record<string, Share>>;
  /** Folders of processes that use the cache now. */
  readonly unfinished: Share;
  readonly otherBytes: number;
}

/** Returns the sums. `roleOf` maps the artifacts of results to their roles. */
export function statsOf({ blobs, records, running, otherBytes }: Inventory, roleOf: ReadonlyMap<Digest, string>): Stats {
  const [allBlobs, allRecords, unfinished] = [blobs, records, running].map(shareOf) as [Share, Share, Share];
  return {
    bytes: allBlobs.bytes + allRecords.bytes + unfinished.bytes + otherBytes,
    blobs: allBlobs,
    records: allRecords,
    roles: sharesBy(blobs, ({ digest }) => roleOf.get(digest) ?? 'unused'),
    recordKinds: sharesBy(records, ({ kind }) => kind),
    unfinished,
    otherBytes,
  };
}

interface Sized {
  readonly sizeBytes: number;
}

function shareOf(things: readonly Sized[]): Share {
  return { count: things.length, bytes: things.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) };
}

function sharesBy<T extends Sized>(things: readonly T[], nameOf: (thing: T) => string): Readonly<Record<string, Share>> {
  const groups = new Map<string, T[]>();
  for (const thing of things) {
    const group = groups.get(nameOf(thing));
    if (group) group.push(thing);
    else groups.set(nameOf(thing), [thing]);
  }
  const shares = [...groups].map(([name, group]) => [name, shareOf(group)] as const);
  return Object.fromEntries(shares.sort(([a, one], [b, other]) => other.bytes - one.bytes || byCodeUnit(a, b)));
}
