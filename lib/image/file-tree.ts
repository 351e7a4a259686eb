// A file tree as data: paths to directories, files and symbolic links, checked once and sorted. The
// bytes of a file are in memory, in a file of the host, or mostly holes, and are read piecewise. Every
// writer of this room takes a tree. This module knows no file system. Each writer checks the limits of
// its format.
import { closeSync, openSync, readSync } from 'node:fs';
import { Buffer } from 'node:buffer';
import { cannot, cannotBecause } from '../core/errors.ts';
import { byCodeUnit } from '../core/digest.ts';
import { badXattrName, sameXattrs } from './xattrs.ts';
import type { Xattrs } from './xattrs.ts';

export type Content =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  /** A file of the host, which must have exactly `sizeBytes` while it is read. */
  | { readonly kind: 'host'; readonly path: string; readonly sizeBytes: number }
  /** Zeros except for the pieces, which must be in order, must not overlap and must be inside. */
  | { readonly kind: 'sparse'; readonly sizeBytes: number; readonly pieces: readonly Piece[] };

export interface Piece {
  readonly atBytes: number;
  readonly bytes: Uint8Array;
}

export function contentSize(content: Content): number {
  return content.kind === 'bytes' ? content.bytes.length : content.sizeBytes;
}

/** Content that is being read. Call `close` afterwards. */
export interface OpenContent {
  readonly sizeBytes: number;
  /** Fills `into` from `atBytes` on. Bytes past the end are zeros. */
  read(atBytes: number, into: Uint8Array): void;
  /** Returns true if all `length` bytes are known to be zeros without reading them. */
  isHole(atBytes: number, length: number): boolean;
  close(): void;
}

/** Opens content for reading. A host file that is missing or has another size is a Failure. */
export function openContent(content: Content): OpenContent {
  switch (content.kind) {
    case 'bytes':
      return openPieces(content.bytes.length, [{ atBytes: 0, bytes: content.bytes }]);
    case 'sparse':
      return openPieces(content.sizeBytes, content.pieces);
    case 'host':
      return openHostFile(content.path, content.sizeBytes);
  }
}

/** Returns all bytes, for small content. */
export function contentBytes(content: Content): Uint8Array {
  if (content.kind === 'bytes') return content.bytes;
  const open = openContent(content);
  try {
    const bytes = new Uint8Array(open.sizeBytes);
    open.read(0, bytes);
    return bytes;
  } finally {
    open.close();
  }
}

function openPieces(sizeBytes: number, pieces: readonly Piece[]): OpenContent {
  const within = (atBytes: number, length: number): readonly Piece[] =>
    pieces.filter((piece) => piece.atBytes < atBytes + length && piece.atBytes + piece.bytes.length > atBytes);
  return {
    sizeBytes,
    read(atBytes, into) {
      into.fill(0);
      for (const piece of within(atBytes, into.length)) {
        const from = Math.max(0, atBytes - piece.atBytes);
        const to = Math.max(0, piece.atBytes - atBytes);
        into.set(piece.bytes.subarray(from, from + into.length - to), to);
      }
    },
    isHole: (atBytes, length) => within(atBytes, length).length === 0,
    close() {},
  };
}

function openHostFile(path: string, sizeBytes: number): OpenContent {
  const what = `read "${path}"`;
  const hint = 'do not change files while an image is built from them';
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (error) {
    throw cannotBecause(what, error);
  }
  const readAt = (into: Uint8Array, atBytes: number): number => {
    try {
      return readSync(fd, into, 0, into.length, atBytes);
    } catch (error) {
      throw cannotBecause(what, error);
    }
  };
  return {
    sizeBytes,
    read(atBytes, into) {
      const wanted = Math.max(0, Math.min(into.length, sizeBytes - atBytes));
      let done = 0;
      while (done < wanted) {
        const count = readAt(into.subarray(done, wanted), atBytes + done);
        if (count === 0) throw cannot(what, `it ended at ${atBytes + done} of ${sizeBytes} bytes`, { hint });
        done += count;
      }
      into.fill(0, wanted);
      if (atBytes + wanted === sizeBytes && readAt(new Uint8Array(1), sizeBytes) > 0) {
        throw cannot(what, `it is longer than the ${sizeBytes} bytes it had`, { hint });
      }
    },
    isHole: () => false,
    close: () => closeSync(fd),
  };
}

/** Permission bits (12), owner and extended attributes. */
export interface Attributes {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly xattrs?: Xattrs;
}

/**
 * `inode`: files with the same word are one file with several names (hard links). An ext4 stores them
 * as such. In every other format here each name is a separate file with the same content.
 */
export type Entry =
  | (Attributes & { readonly kind: 'directory'; readonly inode?: never })
  | (Attributes & { readonly kind: 'file'; readonly content: Content; readonly inode?: string })
  | (Attributes & { readonly kind: 'symlink'; readonly target: string; readonly inode?: never });

export type FileEntry = Extract<Entry, { kind: 'file' }>;

/**
 * Paths have no leading slash, and the root is ''. Sorted by code unit, so a directory comes before its
 * entries. All parents are present.
 */
export interface FileTree {
  readonly entries: ReadonlyMap<string, Entry>;
}

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

const root: Owner = { uid: 0, gid: 0 };

export function directory(mode = 0o755, owner = root): Entry {
  return { kind: 'directory', mode, ...owner };
}

/** Returns a file of bytes, of text (UTF-8), or of any other content. */
export function file(content: Uint8Array | string | Content, mode = 0o644, owner = root): FileEntry {
  if (typeof content === 'string') return { kind: 'file', mode, ...owner, content: { kind: 'bytes', bytes: Buffer.from(content) } };
  if (content instanceof Uint8Array) return { kind: 'file', mode, ...owner, content: { kind: 'bytes', bytes: content } };
  return { kind: 'file', mode, ...owner, content };
}

export function symlink(target: string, owner = root): Entry {
  return { kind: 'symlink', mode: 0o777, ...owner, target };
}

/**
 * Checks and sorts the entries and adds missing parents (mode 755, owner 0:0). Throws a Failure that
 * names the path. `readsBytes`: names and targets come from an image and may have bytes that are not
 * UTF-8 (lib/core/paths.ts).
 */
export function fileTree(given: Iterable<readonly [path: string, entry: Entry]>, readsBytes = false): FileTree {
  const found = new Map<string, Entry>();
  for (const [path, entry] of given) {
    const why = badPath(path) ?? badEntry(path, entry) ?? (readsBytes ? undefined : notUnicode(path, entry));
    if (why) throw cannot(`put "${path}" into a file tree`, why);
    if (found.has(path)) throw cannot(`put "${path}" into a file tree`, 'it is there twice');
    found.set(path, entry);
  }
  for (const { first, others } of linkedNames(found)) {
    for (const path of others) {
      const why = otherThan(found.get(first), found.get(path));
      if (why) throw cannot(`put "${path}" into a file tree`, `it is a hard link to "${first}" and has ${why}`);
    }
  }
  for (const path of [...found.keys()]) {
    for (let parent = parentOf(path); parent !== undefined; parent = parentOf(parent)) {
      const there = found.get(parent);
      if (there && there.kind !== 'directory') throw cannot(`put "${path}" into a file tree`, `"${parent}" is a ${there.kind}`);
      if (!there) found.set(parent, directory());
    }
  }
  if (!found.has('')) found.set('', directory());
  return { entries: new Map([...found].sort(([a], [b]) => byCodeUnit(a, b))) };
}

/**
 * Returns the files that have several names: the first name in the order of the entries, and the
 * others.
 */
export function linkedNames(
  entries: ReadonlyMap<string, Entry>,
): readonly { readonly first: string; readonly others: readonly string[] }[] {
  const names = new Map<string, string[]>();
  for (const [path, { inode }] of entries) {
    if (inode === undefined) continue;
    const of = names.get(inode) ?? [];
    names.set(inode, of);
    of.push(path);
  }
  return [...names.values()].flatMap(([first, ...others]) => (first === undefined || others.length === 0 ? [] : [{ first, others }]));
}

/** Returns the difference between two names of one file, if there is one. */
function otherThan(first: Entry | undefined, other: Entry | undefined): string | undefined {
  if (first?.kind !== 'file' || other?.kind !== 'file') return 'another kind';
  if (first.mode !== other.mode) return 'another mode';
  if (first.uid !== other.uid || first.gid !== other.gid) return 'another owner';
  if (contentSize(first.content) !== contentSize(other.content)) return 'another size';
  return sameXattrs(first.xattrs, other.xattrs) ? undefined : 'other extended attributes';
}

/** Returns the sorted names in each directory, including empty directories. */
export function namesByDirectory(tree: FileTree): ReadonlyMap<string, readonly string[]> {
  const names = new Map<string, string[]>();
  for (const [path, entry] of tree.entries) {
    if (entry.kind === 'directory') names.set(path, []);
    const parent = parentOf(path);
    if (parent !== undefined) names.get(parent)?.push(nameOf(path));
  }
  return names;
}

/** Returns 'usr/bin' for 'usr/bin/ls' and '' for 'usr'. The root has no parent. */
export function parentOf(path: string): string | undefined {
  return path === '' ? undefined : directoryOf(path);
}

/**
 * Returns the directory of a path: 'usr/bin' for 'usr/bin/ls', '' for 'usr'. The directory of the root
 * is the root, like ".." in a file system.
 */
export function directoryOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}

export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

export function joinPath(directoryPath: string, name: string): string {
  return directoryPath === '' ? name : `${directoryPath}/${name}`;
}

/**
 * Returns why a name is invalid everywhere, if it is. Names from damaged or hostile images are checked
 * too, before they become host paths.
 */
export function badName(name: string): string | undefined {
  if (name === '') return 'a name is empty';
  if (name === '.' || name === '..') return `a name is "${name}"`;
  if (name.includes('/')) return 'a name holds a slash';
  if (name.includes('\0')) return 'a name holds a NUL';
  return undefined;
}

function badPath(path: string): string | undefined {
  return path === ''
    ? undefined
    : path
        .split('/')
        .map(badName)
        .find((why) => why !== undefined);
}

function notUnicode(path: string, entry: Entry): string | undefined {
  if (!path.isWellFormed()) return 'a name is not well-formed Unicode';
  return entry.kind === 'symlink' && !entry.target.isWellFormed() ? 'its link target is not well-formed Unicode' : undefined;
}

function badEntry(path: string, entry: Entry): string | undefined {
  const { mode, uid, gid } = entry;
  if (path === '' && entry.kind !== 'directory') return 'the root must be a directory';
  if (!isWithin(mode, 0o7777)) return `its mode ${mode} has more than 12 bits`;
  if (!isWithin(uid, 0xffff_ffff) || !isWithin(gid, 0xffff_ffff)) return `its owner ${uid}:${gid} is not a pair of 32-bit numbers`;
  if (entry.kind === 'symlink' && (entry.target === '' || entry.target.includes('\0'))) return 'its link target is empty or holds a NUL';
  for (const name of entry.xattrs?.keys() ?? []) {
    const why = badXattrName(name);
    if (why) return `the name of its extended attribute ${why}`;
  }
  return entry.kind === 'file' ? badContent(entry.content) : undefined;
}

function badContent(content: Content): string | undefined {
  if (!Number.isSafeInteger(contentSize(content)) || contentSize(content) < 0) return `its size ${contentSize(content)} is not a size`;
  if (content.kind !== 'sparse') return undefined;
  let end = 0;
  for (const { atBytes, bytes } of content.pieces) {
    if (atBytes < end) return 'its pieces overlap or are out of order';
    end = atBytes + bytes.length;
  }
  return end > content.sizeBytes ? 'a piece is beyond its end' : undefined;
}

function isWithin(value: number, most: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= most;
}
