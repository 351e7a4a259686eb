// Digests of the contents of files. They are stored under the result of stat (size, time of change, inode),
// so that an unchanged file is not read again. This memory only saves time. A file is read if its stat
// differs, or if it changed too recently for its time stamp to show another change.
import { lstatSync, readFileSync, writeFileSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { stampOf } from './look-table.ts';
import type { Prefetcher } from './prefetcher.ts';
import { recordBody } from '../records.ts';
import { digestBytes, digestFileSync, digestRecord } from '../../core/digest.ts';
import { hasErrno } from '../../core/errors.ts';
import type { Digest } from '../../core/digest.ts';

/**
 * The digest of a path, and the stamp by which a later run recognizes that it is unchanged. With an empty
 * stamp, the later run reads the file again.
 */
export interface Found {
  readonly digest: Digest | undefined;
  readonly stamp: string;
}

/** A file that changed less than this before it was read may change again within one tick of its time stamp. */
const settleMs = 50;

export class ContentDigests {
  readonly #memory: DigestMemory;
  readonly #prefetcher: Prefetcher;
  readonly #startedMs: number;

  /**
   * `tmpDir` is on the file system of the memory. Only the clock of that file system can be compared with its
   * time stamps.
   */
  constructor(memory: DigestMemory, prefetcher: Prefetcher, tmpDir: string) {
    this.#memory = memory;
    this.#prefetcher = prefetcher;
    const tick = join(tmpDir, 'tick');
    writeFileSync(tick, '');
    this.#startedMs = lstatSync(tick).mtimeMs;
  }

  /** Returns the digest of the regular file at `path`. `stats` is its current stat. */
  find(path: string, stats: Stats): Found {
    const stamp = stampOf(stats);
    const before = digestIn(this.#memory.get(path), stamp);
    if (before !== undefined) return { digest: withPermission(before, stats), stamp };
    const settled = this.#isSettled(stats);
    const digest = (settled ? this.#prefetcher.digest(path, stamp) : undefined) ?? digestOfBytes(path);
    if (settled && isOneField(path)) this.#memory.learn(path, valueOf(stamp, digest));
    return { digest: withPermission(digest, stats), stamp: settled ? stamp : '' };
  }

  /** Returns the stamp of a file or folder. Empty if a change may follow within one tick. */
  stamp(stats: Stats): string {
    return this.#isSettled(stats) ? stampOf(stats) : '';
  }

  /**
   * Stores the digest of a file that was just written. Returns the value in the memory, or undefined for a
   * path that it cannot hold.
   */
  learn(path: string, stats: Stats, digest: Digest): string | undefined {
    if (!isOneField(path)) return undefined;
    const value = valueOf(stampOf(stats), digest);
    this.#memory.learn(path, value);
    return value;
  }

  /** Takes over a value that `learn` returned in an earlier run. */
  take(path: string, value: string): void {
    this.#memory.take(path, value);
  }

  #isSettled({ ctimeMs }: Stats): boolean {
    return ctimeMs < this.#startedMs - settleMs;
  }
}

const unreadable = digestBytes('unreadable');

/** Errors of files that cannot be read. Files of /proc and /sys fail with the less common ones. */
const notReadable = ['EACCES', 'EPERM', 'EIO', 'EINVAL', 'ENXIO', 'ENODEV', 'EOPNOTSUPP', 'ESRCH'];

/** Returns the digest of a file's bytes. An unreadable file has another digest than an empty one. */
export function digestOfBytes(path: string): Digest {
  try {
    return digestFileSync(path);
  } catch (error) {
    if (hasErrno(error, notReadable)) return unreadable;
    throw error;
  }
}

/** Returns the digest of an executable file, computed from the digest of its bytes. */
export function programDigest(bytes: Digest): Digest {
  return digestRecord(['executable', bytes]);
}

function withPermission(bytes: Digest, { mode }: Stats): Digest {
  return (mode & 0o111) === 0 ? bytes : programDigest(bytes);
}

/** Returns a value of the memory: the stamp of the file and the digest of its bytes. */
function valueOf(stamp: string, digest: Digest): string {
  return `${stamp}|${digest}`;
}

/** Returns the digest in a value of the memory if it has this stamp. */
function digestIn(value: string | undefined, stamp: string): Digest | undefined {
  return value?.startsWith(`${stamp}|`) ? (value.slice(stamp.length + 1) as Digest) : undefined;
}

/**
 * Whether the path fits into one field of a line. A tab or a line feed would end the field, and a byte that
 * is not UTF-8 (lib/core/paths.ts) would be lost.
 */
function isOneField(path: string): boolean {
  return !/[\t\n\u{dc80}-\u{dcff}]/u.test(path);
}

/**
 * Digests of files, stored for later runs as one line for each path and value. The memory consists of many
 * small files, and all paths of one folder are in the same one. So checking a few outputs or one edited
 * package does not read values of everything that was ever built on the machine. A damaged part is treated as
 * empty.
 */
export interface DigestMemory {
  /** Returns the value of a path from this run or an earlier one. */
  get(path: string): string | undefined;
  /** Whether an earlier run stored a value of the path. */
  wasKnown(path: string): boolean;
  /**
   * Takes over a value that is stored elsewhere, unless this run already has one. Such a value alone causes
   * no write.
   */
  take(path: string, value: string): void;
  /** Stores a new value. */
  learn(path: string, value: string): void;
  /** Writes the parts that have learned values. */
  save(): Promise<void>;
}

interface Part {
  /** The name of the part, two hexadecimal digits. */
  readonly name: string;
  /** Values that this run asked for and learned. */
  readonly used: Map<string, string>;
  /** Values that earlier runs stored. Undefined until they are read. */
  stored: ReadonlyMap<string, string> | undefined;
  learned: boolean;
}

/**
 * Limit of paths in a part. There are 256 parts, which together hold the files of about ten sets of large
 * projects. A larger limit would slow every build that reads the parts.
 */
const mostInPart = 500;

/** Opens the memory in the folder `dir`. `tmpDir` is on the same file system. */
export function openDigestMemory(dir: string, tmpDir: string): DigestMemory {
  const parts = new Map<string, Part>();
  const byFolder = new Map<string, Part>();
  const partOf = (path: string): Part => {
    const folder = dirname(path);
    const before = byFolder.get(folder);
    if (before) return before;
    const name = digestBytes(folder).slice(0, 2);
    const part = parts.get(name) ?? { name, used: new Map<string, string>(), stored: undefined, learned: false };
    parts.set(name, part);
    byFolder.set(folder, part);
    return part;
  };
  const stored = (part: Part): ReadonlyMap<string, string> => (part.stored ??= load(join(dir, part.name)));
  return {
    get(path) {
      const part = partOf(path);
      const now = part.used.get(path);
      if (now !== undefined) return now;
      const before = stored(part).get(path);
      if (before !== undefined) part.used.set(path, before);
      return before;
    },
    wasKnown: (path) => stored(partOf(path)).has(path),
    take(path, value) {
      const { used } = partOf(path);
      if (!used.has(path)) used.set(path, value);
    },
    learn(path, value) {
      const part = partOf(path);
      if (part.used.get(path) === value) return;
      part.used.set(path, value);
      part.learned = true;
    },
    async save() {
      const learned = [...parts.values()].filter((part) => part.learned);
      if (learned.length > 0) await mkdir(dir, { recursive: true });
      for (const part of learned) {
        // Values that this run used come first. Then come the values that were used last before, until the
        // limit.
        const others = [...stored(part)].filter(([path]) => !part.used.has(path));
        const rows = [...part.used, ...others].slice(0, Math.max(mostInPart, part.used.size));
        const text = rows.map(([path, value]) => `${path}\t${value}`).join('\n');
        const partial = join(tmpDir, `digests-${part.name}.partial`);
        await writeFile(partial, `${digestBytes(text)}\n${text}`);
        await rename(partial, join(dir, part.name));
        part.learned = false;
      }
    },
  };
}

function load(file: string): Map<string, string> {
  let text: string | undefined;
  try {
    text = recordBody(readFileSync(file));
  } catch {
    // the file does not exist
  }
  if (text === undefined) return new Map();
  const rows = text.split('\n').map((line) => line.split('\t'));
  return new Map(rows.flatMap(([path, value]) => (path && value ? [[path, value] as const] : [])));
}
