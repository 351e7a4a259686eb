// Initramfs archives: cpio in the form newc (source: the Linux kernel's documentation, "initramfs buffer
// format"), plain or in gzip.
import { Buffer } from 'node:buffer';
import { constants, gunzipSync, gzipSync } from 'node:zlib';
import { decodeName } from '../core/paths.ts';
import { cannot } from '../core/errors.ts';
import { contentBytes, contentSize, directory, file, fileTree, symlink } from './file-tree.ts';
import type { Entry, FileTree } from './file-tree.ts';
import { specialTypes, treeVolume } from './read/volume.ts';
import type { SpecialFile, Volume, VolumeEntry } from './read/volume.ts';
import { refuseXattrs } from './xattrs.ts';

/** The magic number of the form newc, with which every header begins. */
export const newcMagic = '070701';
/** The magic number of the form with checksums of contents. */
const newcMagicWithChecksums = '070702';
export const gzipMagic = Buffer.from([0x1f, 0x8b]);

const headerBytes = 110;
const trailer = 'TRAILER!!!';
const types = { directory: 0o040_000, file: 0o100_000, symlink: 0o120_000 } as const;
const typeBits = 0o170_000;
/** Fields of 8 hexadecimal digits after the magic number, in order. */
const fieldNames = [
  'inode',
  'mode',
  'uid',
  'gid',
  'links',
  'time',
  'size',
  'major',
  'minor',
  'rmajor',
  'rminor',
  'nameSize',
  'checksum',
] as const;
/** A size has 32 bits. */
const mostBytes = 0xffff_ffff;

export interface CpioOptions {
  /** All times, in seconds since 1970. */
  readonly timestampSec: number;
  readonly gzip: boolean;
}

/**
 * Writes a tree as an archive. The same tree gives the same bytes. A file that is too large for the format is
 * a Failure.
 */
export function writeCpio(tree: FileTree, { timestampSec, gzip }: CpioOptions): Buffer {
  refuseXattrs(tree, 'an initramfs');
  const parts: Buffer[] = [];
  let inode = 0;
  for (const [path, entry] of tree.entries) {
    const content = entry.kind === 'file' ? contentBytes(entry.content) : Buffer.from(entry.kind === 'symlink' ? entry.target : '');
    if (content.length > mostBytes) throw cannot(`put "${path}" into an initramfs`, 'the format holds files of less than 4 GiB');
    const { mode, uid, gid } = entry;
    const name = path === '' ? '.' : path;
    const links = entry.kind === 'directory' ? 2 : 1;
    parts.push(
      record(name, { inode: ++inode, mode: types[entry.kind] | mode, uid, gid, links, time: timestampSec, size: content.length }),
      padded(content),
    );
  }
  parts.push(record(trailer, { links: 1 }));
  const archive = Buffer.concat(parts);
  // The fastest level, because an initramfs is unpacked more often than it is stored. Node's gzip header has
  // no time.
  return gzip ? gzipSync(archive, { level: constants.Z_BEST_SPEED }) : archive;
}

function record(name: string, fields: Partial<Record<(typeof fieldNames)[number], number>>): Buffer {
  const named = Buffer.from(`${name}\0`);
  const all = { ...fields, nameSize: named.length };
  const digits = fieldNames.map((field) => (all[field] ?? 0).toString(16).toUpperCase().padStart(8, '0'));
  return padded(Buffer.concat([Buffer.from(newcMagic + digits.join('')), named]));
}

/** Pads to a multiple of four bytes. */
function padded(bytes: Uint8Array): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);
}

export interface CpioTree extends FileTree {
  /** Devices, pipes and sockets by path, which a tree cannot contain. */
  readonly special: ReadonlyMap<string, VolumeEntry>;
}

/** `path` is a cpio archive, plain or in gzip. */
export function cpioVolume(path: string): Volume {
  return treeVolume(path, '(initramfs)', readCpio);
}

/**
 * Reads an archive, which may be compressed with gzip. An archive that is truncated, has another form or
 * contains a name that leads out of the root is a Failure.
 */
export function readCpio(given: Uint8Array): CpioTree {
  const bytes = uncompressed(Buffer.from(given.buffer, given.byteOffset, given.byteLength));
  const entries = new Map<string, Entry>();
  const special = new Map<string, VolumeEntry>();
  // If a file has several names, only the last one has the content.
  const contents = new Map<number, Uint8Array>();
  const linked = new Map<string, number>();
  for (let at = 0; ;) {
    const found = entryAt(bytes, at);
    if (!found) break;
    const { path, entry, inode, links, next } = found;
    // A later entry of the same path replaces it, as in the kernel.
    entries.delete(path);
    special.delete(path);
    if ('special' in entry) special.set(path, entry);
    else entries.set(path, entry);
    if (entry.kind === 'file' && 'content' in entry && links > 1) {
      linked.set(path, inode);
      if (contentSize(entry.content) > 0) contents.set(inode, contentBytes(entry.content));
    }
    at = next;
  }
  for (const [path, inode] of linked) {
    const [entry, content] = [entries.get(path), contents.get(inode)];
    if (entry?.kind === 'file' && content) entries.set(path, { ...entry, content: { kind: 'bytes', bytes: content } });
  }
  return { ...fileTree(entries, true), special };
}

function uncompressed(bytes: Buffer): Buffer {
  if (!bytes.subarray(0, gzipMagic.length).equals(gzipMagic)) return bytes;
  try {
    return gunzipSync(bytes);
  } catch (error) {
    throw bad(error instanceof Error && /unexpected end/.test(error.message) ? 'it is cut off' : 'its gzip is damaged');
  }
}

type SpecialEntry = VolumeEntry & { readonly special: SpecialFile };

interface FoundEntry {
  readonly path: string;
  readonly entry: Entry | SpecialEntry;
  readonly inode: number;
  readonly links: number;
  /** Offset of the next header. */
  readonly next: number;
}

/** Returns the entry whose header is at an offset, or undefined for the trailer. */
function entryAt(bytes: Buffer, at: number): FoundEntry | undefined {
  const header = bytes.toString('latin1', at, at + headerBytes);
  if (header.length < headerBytes) throw bad('it is cut off');
  if (!header.startsWith(newcMagic) && !header.startsWith(newcMagicWithChecksums)) throw bad(`there is no header at byte ${at}`);
  const field = (name: (typeof fieldNames)[number]): number => {
    const start = newcMagic.length + fieldNames.indexOf(name) * 8;
    const digits = header.slice(start, start + 8);
    if (!/^[0-9a-f]{8}$/i.test(digits)) throw bad(`the header at byte ${at} is damaged`);
    return Number.parseInt(digits, 16);
  };
  const [mode, size, nameEnd] = [field('mode'), field('size'), at + headerBytes + field('nameSize')];
  const start = Math.ceil(nameEnd / 4) * 4;
  if (start + size > bytes.length) throw bad('it is cut off');
  const name = decodeName(bytes.subarray(at + headerBytes, nameEnd - 1));
  if (name === trailer) return undefined;
  const plain = name.replace(/^(?:\.\/)+/, '').replace(/^\/+|\/+$/g, '');
  const path = plain === '.' ? '' : plain;
  if (path.split('/').includes('..')) throw bad(`the name "${name}" leaves the root`);
  const content = bytes.subarray(start, start + size);
  const owner = { uid: field('uid'), gid: field('gid') };
  const next = start + Math.ceil(size / 4) * 4;
  const [inode, links] = [field('inode'), field('links')];
  const type = specialTypes[mode >> 12];
  if (type) {
    const special: SpecialFile = type.endsWith('device') ? { type, device: [field('rmajor'), field('rminor')] } : { type };
    return { path, entry: { path, kind: 'other', mode: mode & 0o7777, ...owner, sizeBytes: 0, special }, inode, links, next };
  }
  const entry = entryOf(mode, owner, content);
  if (!entry) throw bad(`"${path}" has the unknown type ${mode >> 12}`);
  return { path, entry, inode, links, next };
}

function entryOf(mode: number, owner: { readonly uid: number; readonly gid: number }, content: Uint8Array): Entry | undefined {
  const permissions = mode & 0o7777;
  switch (mode & typeBits) {
    case types.directory:
      return directory(permissions, owner);
    case types.file:
      return file(content, permissions, owner);
    case types.symlink:
      return symlink(decodeName(content), owner);
    default:
      return undefined;
  }
}

function bad(why: string): Error {
  return cannot('read the initramfs', why, { hint: 'it must be a cpio archive in the form newc, plain or in gzip' });
}
