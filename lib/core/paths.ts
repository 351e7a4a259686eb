// Files and folders whose names, depth and permissions third-party code may have chosen. Names are bytes, and
// some are not UTF-8. Inside the program a name is a string in which a byte that is not part of UTF-8 is a
// lone surrogate from U+DC80 to U+DCFF, as in Python's "surrogateescape" (PEP 383). So every name can be
// converted to a string and back without loss.
import {
  chmodSync,
  closeSync,
  constants,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  unlinkSync,
} from 'node:fs';
import type { Dirent, Stats } from 'node:fs';
import { mkdir, open, opendir, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errnoOf, hasErrno } from './errors.ts';

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const escaped = /[\u{dc80}-\u{dcff}]/u;

/** Returns the name as a string. */
export function decodeName(bytes: Uint8Array): string {
  const whole = decoded(bytes);
  if (whole !== undefined) return whole;
  let name = '';
  for (let at = 0; at < bytes.length;) {
    const first = bytes[at] ?? 0;
    const length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    const character = decoded(bytes.subarray(at, at + length));
    name += character ?? String.fromCharCode(0xdc00 + first);
    at += character === undefined ? 1 : length;
  }
  return name;
}

/** Returns the form that node:fs takes: the string itself if it is Unicode, otherwise its bytes. */
export function encodePath(path: string): string | Buffer {
  if (!escaped.test(path)) return path;
  return Buffer.concat(
    [...path].map((character) => (escaped.test(character) ? Buffer.from([character.charCodeAt(0) - 0xdc00]) : Buffer.from(character))),
  );
}

/** Whether a name that was read as text may have lost bytes: Node replaces them by U+FFFD. */
export function mayHaveLostBytes(text: string): boolean {
  return text.includes('\ufffd');
}

function decoded(bytes: Uint8Array): string | undefined {
  try {
    return strict.decode(bytes);
  } catch {
    return undefined;
  }
}

export interface TreeEntry {
  readonly name: string;
  /** "other": a pipe, a socket or a device. */
  readonly kind: 'file' | 'folder' | 'link' | 'other';
}

/** This number of UTF-16 code units, of at most three bytes each, is below the kernel's limit of 4095 bytes. */
const longest = 1200;

export class TreePaths {
  /** Open folders: absolute path -> file descriptor. */
  readonly #anchors = new Map<string, number>();

  /** Returns a path that node:fs takes. It is valid until `close`. Its parent folders must exist. */
  at(path: string): string | Buffer {
    return this.#short(path, () => undefined);
  }

  /** Creates the folder and its missing parent folders. */
  makeFolder(path: string): void {
    const make = (piece: string | Buffer): void => void mkdirSync(piece, { recursive: true });
    make(this.#short(path, make));
  }

  /** Lists a folder, in no order. */
  entries(path: string): readonly TreeEntry[] {
    const place = this.at(path);
    const read = readdirSync(place, { withFileTypes: true });
    if (!read.some(({ name }) => mayHaveLostBytes(name))) return read.map((entry) => ({ name: entry.name, kind: kindOf(entry) }));
    const inBytes = readdirSync(place, { withFileTypes: true, encoding: 'buffer' });
    return inBytes.map((entry) => ({ name: decodeName(entry.name), kind: kindOf(entry) }));
  }

  /** Returns the target of a link unchanged. */
  linkTarget(path: string): string {
    const target = readlinkSync(this.at(path));
    return mayHaveLostBytes(target) ? decodeName(readlinkSync(this.at(path), 'buffer')) : target;
  }

  /**
   * Lets the owner read, write and enter a folder. `mode` is its present mode, if that is known. The path
   * must not be a link.
   */
  openFolder(path: string, mode = 0): void {
    if ((mode & 0o700) !== 0o700) chmodSync(this.at(path), (mode & 0o777) | 0o700);
  }

  close(): void {
    for (const fd of this.#anchors.values()) closeSync(fd);
    this.#anchors.clear();
  }

  #short(path: string, before: (piece: string | Buffer) => void): string | Buffer {
    let base = '';
    let done = 0;
    while (path.length - done > longest) {
      const cut = path.lastIndexOf('/', done + longest);
      if (cut <= done) break; // one name that is too long: the kernel refuses it
      const prefix = path.slice(0, cut);
      let fd = this.#anchors.get(prefix);
      if (fd === undefined) {
        const piece = encodePath(base + path.slice(done, cut));
        before(piece);
        fd = openSync(piece, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
        this.#anchors.set(prefix, fd);
      }
      base = `/proc/self/fd/${fd}`;
      done = cut;
    }
    return encodePath(base + path.slice(done));
  }
}

function kindOf(entry: Dirent | Dirent<Buffer>): TreeEntry['kind'] {
  return entry.isFile() ? 'file' : entry.isDirectory() ? 'folder' : entry.isSymbolicLink() ? 'link' : 'other';
}

/**
 * Removes `dir`, an absolute path, with everything in it. Never throws and follows no link. Returns whether
 * the folder is gone.
 */
export function removeTree(dir: string): boolean {
  try {
    rmSync(dir, { recursive: true, force: true });
    return true;
  } catch {
    return removeObstinate(dir);
  }
}

function removeObstinate(dir: string): boolean {
  const paths = new TreePaths();
  /** From outer to inner folders. A folder that was entered is removed when it becomes the last again. */
  const open: { readonly path: string; entered: boolean }[] = [{ path: dir, entered: false }];
  try {
    if (!lstatSync(dir).isDirectory()) return attempt(() => unlinkSync(dir));
    for (let folder = open.at(-1); folder !== undefined; folder = open.at(-1)) {
      const { path, entered } = folder;
      if (entered) {
        attempt(() => rmdirSync(paths.at(path)));
        open.pop();
        continue;
      }
      folder.entered = true;
      attempt(() => {
        paths.openFolder(path);
        for (const { name, kind } of paths.entries(path)) {
          if (kind === 'folder') open.push({ path: `${path}/${name}`, entered: false });
          else attempt(() => unlinkSync(paths.at(`${path}/${name}`)));
        }
      });
    }
    return lstatSync(dir, { throwIfNoEntry: false }) === undefined;
  } catch {
    return false;
  } finally {
    paths.close();
  }
}

function attempt(act: () => void): boolean {
  try {
    act();
    return true;
  } catch {
    return false; // a later start removes the rest
  }
}

/**
 * Creates the folder and its missing parent folders. If the path is not a folder or cannot be created, throws
 * the system's own error.
 */
export async function makeFolder(path: string): Promise<void> {
  if (statOrAbsent(statSync, path)?.isDirectory()) return; // a synchronous stat takes a tenth of the time
  if (dirname(path) !== path) await makeFolder(dirname(path));
  try {
    await mkdir(path);
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
    await opendir(path).then((folder) => folder.close()); // ENOTDIR if there is a file
  }
}

/** Like `replaceFile`, but creates the folder of `to` if it is missing. */
export function renameInto(from: string, to: string): void {
  try {
    replaceFile(from, to);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
    mkdirSync(dirname(to), { recursive: true });
    renameSync(from, to);
  }
}

/**
 * Removes a file without waiting for it. Freeing a large file takes 1 ms per 3 MB. Errors are ignored: the file
 * is in a folder that is removed later.
 */
export function unlinkLater(path: string): void {
  void unlink(path).catch(() => undefined);
}

/**
 * Renames `from` to `to` and replaces a file there. ext4 writes a file to the disk before it replaces another
 * one, which takes 1 ms per MB, and up to 10 ms for a small file. Therefore a file at `to` is renamed before, and
 * removed later. For some microseconds there is no file at `to`.
 */
export function replaceFile(from: string, to: string): void {
  const old = lstatSync(to, { throwIfNoEntry: false });
  const aside = `${from}.replaced`;
  if (!old?.isFile() || !attempt(() => renameSync(to, aside))) return renameSync(from, to);
  try {
    renameSync(from, to);
  } catch (error) {
    attempt(() => renameSync(aside, to));
    throw error;
  }
  if (old.size < largeFileBytes) attempt(() => unlinkSync(aside));
  else unlinkLater(aside);
}

/** Files from this size on are freed by another thread. */
const largeFileBytes = 1 << 16;

/**
 * Returns the result of `use`, which gets a path that leads to the opened file even if the file is renamed or
 * replaced. Returns undefined if `path` is not a regular file that can be read. Third-party code must not be
 * able to replace the path's folder.
 */
export async function withRegularFile<T>(path: string, use: (opened: string, about: Stats) => Promise<T>): Promise<T | undefined> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch((error: unknown) => {
    if (hasErrno(error, notThere)) return undefined;
    throw error;
  });
  if (!file) return undefined;
  try {
    const about = await file.stat();
    return about.isFile() ? await use(`/proc/self/fd/${file.fd}`, about) : undefined;
  } finally {
    await file.close();
  }
}

/** The path is absent, a link, not permitted, or a socket or device without a driver. */
const notThere = ['ENOENT', 'ENOTDIR', 'ELOOP', 'EACCES', 'EPERM', 'ENXIO', 'ENODEV'];

export type Entry = Pick<Dirent, 'name' | 'isDirectory' | 'isSymbolicLink'>;

const nothingThere = ['ENOENT', 'ENOTDIR', 'ELOOP', 'EACCES', 'ENAMETOOLONG'];

/** Returns the entries of a folder. The list is empty for a folder that cannot be read. */
export function entriesOf(dir: string): readonly Entry[] {
  try {
    const entries = readdirSync(encodePath(dir), { withFileTypes: true });
    if (!entries.some(({ name }) => mayHaveLostBytes(name))) return entries;
    const inBytes = readdirSync(encodePath(dir), { withFileTypes: true, encoding: 'buffer' });
    return inBytes.map((entry) => ({
      name: decodeName(entry.name),
      isDirectory: () => entry.isDirectory(),
      isSymbolicLink: () => entry.isSymbolicLink(),
    }));
  } catch (error) {
    if (hasErrno(error, nothingThere)) return [];
    throw error;
  }
}

/**
 * Returns a name with a suffix for its kind, for digests of listings: a command that lists a folder gets the
 * kinds of its entries. A name itself contains no slash.
 */
export function nameWithKind(entry: Entry): string {
  return entry.name + (entry.isDirectory() ? '/' : entry.isSymbolicLink() ? '//' : '');
}

export function linkTarget(path: string): string {
  return decodeName(readlinkSync(encodePath(path), 'buffer'));
}

/**
 * Returns undefined if there is nothing at the path, or if it is below a file. Throwing an exception for each
 * absent file would take longer than the call.
 */
export function statOrAbsent(ask: typeof lstatSync, path: string): Stats | undefined {
  try {
    return ask(encodePath(path), { throwIfNoEntry: false });
  } catch (error) {
    if (hasErrno(error, nothingThere)) return undefined;
    throw error;
  }
}

/** The value of PATH for an environment without one. */
export const defaultPath = '/usr/bin:/bin';

/** Returns the PATH of an environment, or `defaultPath` if it is not set. */
export function pathOf(env: Readonly<Record<string, string | undefined>>): string {
  return env['PATH'] ?? defaultPath;
}

/** Whether the path is a folder, or a link to one. */
export function isFolder(path: string): boolean {
  try {
    return statSync(encodePath(path), { throwIfNoEntry: false })?.isDirectory() === true;
  } catch {
    return false; // below a file, or a cycle of links
  }
}
