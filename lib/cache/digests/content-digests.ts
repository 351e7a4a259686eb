// Digests of the contents of files, remembered by what stat says of them (size, time of change, inode), so that an unchanged file is not read again.
// The memory only saves work: a file whose stat differs, or that changed too lately for its time stamp to tell, is read.
import { lstatSync, writeFileSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { join } from 'node:path';
import type { Digest } from '../../core/digest.ts';
import { digestRecord } from '../../core/digest.ts';
import type { DigestMemory } from './digest-memory.ts';
import { stampOf } from './file-stamp.ts';
import { digestOfBytes } from './lenient-reads.ts';
import type { Prefetcher } from './prefetcher.ts';

/** What is found at a path: its digest, and the stamp by which a later run recognizes it. An empty stamp makes the later run look again. */
export interface Found {
  readonly digest: Digest | undefined;
  readonly stamp: string;
}

/** A file changed less than this before it was read may change again within one tick of its time stamp. */
const settleMs = 50;

export class ContentDigests {
  readonly #memory: DigestMemory;
  readonly #prefetcher: Prefetcher;
  readonly #startedMs: number;

  /** `tmpDir` is on the file system of the memory: its clock is the only one that can be compared with its time stamps. */
  constructor(memory: DigestMemory, prefetcher: Prefetcher, tmpDir: string) {
    this.#memory = memory;
    this.#prefetcher = prefetcher;
    const tick = join(tmpDir, 'tick');
    writeFileSync(tick, '');
    this.#startedMs = lstatSync(tick).mtimeMs;
  }

  /** The regular file at `path`, of which `stats` was just taken. */
  find(path: string, stats: Stats): Found {
    const stamp = stampOf(stats);
    const before = digestIn(this.#memory.get(path), stamp);
    if (before !== undefined) return { digest: withPermission(before, stats), stamp };
    const settled = this.#isSettled(stats);
    const digest = (settled ? this.#prefetcher.digest(path, stamp) : undefined) ?? digestOfBytes(path);
    if (settled && isOneField(path)) this.#memory.learn(path, valueOf(stamp, digest));
    return { digest: withPermission(digest, stats), stamp: settled ? stamp : '' };
  }

  /** The stamp of anything, or an empty one where a change may follow within one tick. */
  stamp(stats: Stats): string {
    return this.#isSettled(stats) ? stampOf(stats) : '';
  }

  /** Remembers the digest of a file that was just written. Returns the value in the memory, undefined for a path that it cannot hold. */
  learn(path: string, stats: Stats, digest: Digest): string | undefined {
    if (!isOneField(path)) return undefined;
    const value = valueOf(stampOf(stats), digest);
    this.#memory.learn(path, value);
    return value;
  }

  /** Takes a value that `learn` returned in an earlier run. */
  take(path: string, value: string): void {
    this.#memory.take(path, value);
  }

  #isSettled({ ctimeMs }: Stats): boolean {
    return ctimeMs < this.#startedMs - settleMs;
  }
}

/** The digest of an executable file, by that of its bytes. */
export function programDigest(bytes: Digest): Digest {
  return digestRecord(['executable', bytes]);
}

function withPermission(bytes: Digest, { mode }: Stats): Digest {
  return (mode & 0o111) === 0 ? bytes : programDigest(bytes);
}

/** A value of the memory: the stamp of the file and the digest of its bytes. */
function valueOf(stamp: string, digest: Digest): string {
  return `${stamp}|${digest}`;
}

/** The digest in a value of the memory, if it has this stamp. */
function digestIn(value: string | undefined, stamp: string): Digest | undefined {
  return value?.startsWith(`${stamp}|`) ? (value.slice(stamp.length + 1) as Digest) : undefined;
}

/** A tab or a line feed in a name would end its line of the memory, and a byte that is not UTF-8 (byte-path.ts) would be lost. */
function isOneField(path: string): boolean {
  return !/[\t\n\u{dc80}-\u{dcff}]/u.test(path);
}
