// Digests of the contents of files, remembered by what stat says of them (size, time of change, inode), so
// that an unchanged file is not read again. The memory only saves work: a file whose stat differs, or that
// changed too lately for its time stamp to tell, is read.
import { lstatSync, readFileSync, writeFileSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { stampOf } from './written-looks.ts';
import type { Prefetcher } from './prefetcher.ts';
import { recordBody } from '../records.ts';
import { digestBytes, digestFileSync, digestRecord } from '../../core/digest.ts';
import { hasErrno } from '../../core/errors.ts';
import type { Digest } from '../../core/digest.ts';

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

const unreadable = digestBytes('unreadable');

/** Files of /proc and /sys also fail with the others. */
const notReadable = ['EACCES', 'EPERM', 'EIO', 'EINVAL', 'ENXIO', 'ENODEV', 'EOPNOTSUPP', 'ESRCH'];

/** A file that we may not read is another than one without content. */
export function digestOfBytes(path: string): Digest {
  try {
    return digestFileSync(path);
  } catch (error) {
    if (hasErrno(error, notReadable)) return unreadable;
    throw error;
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

/** A tab or a line feed in a name would end its line of the memory, and a byte that is not UTF-8 (lib/core/paths.ts) would be lost. */
function isOneField(path: string): boolean {
  return !/[\t\n\u{dc80}-\u{dcff}]/u.test(path);
}

/**
 * The memory of the digests of files, for the next run: a line for each path with the value that is known of it. It is kept in many small files, and
 * all paths of one folder are in the same one: to look at a few outputs or one edited package must not cost the reading of everything that was ever
 * built on the machine. A part that is damaged counts as empty.
 */
export interface DigestMemory {
  /** What is known of a path, now or from an earlier run. */
  get(path: string): string | undefined;
  /** Whether an earlier run left a value of a path. */
  wasKnown(path: string): boolean;
  /** Takes a value that is remembered elsewhere, unless this run knows one already. Alone it is not worth writing anything. */
  take(path: string, value: string): void;
  /** Takes a new value. */
  learn(path: string, value: string): void;
  /** Writes the parts in which something was learned. */
  save(): Promise<void>;
}

interface Part {
  /** Two hexadecimal digits. */
  readonly name: string;
  /** What this run asked for and learned. */
  readonly used: Map<string, string>;
  /** What earlier runs left, once it was read. */
  stored: ReadonlyMap<string, string> | undefined;
  learned: boolean;
}

/**
 * Paths that a part holds. There are 256 parts, so all of them hold the files of some ten sets of large projects; more would cost every build
 * that reads them.
 */
const mostInPart = 500;

/** Opens the memory in the folder `dir`; `tmpDir` is on the same file system. */
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
        // What was used now first; of the rest what was used latest, as far as there is room.
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
    // it is not there
  }
  if (text === undefined) return new Map();
  const rows = text.split('\n').map((line) => line.split('\t'));
  return new Map(rows.flatMap(([path, value]) => (path && value ? [[path, value] as const] : [])));
}
