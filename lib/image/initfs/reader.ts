// The initfs of Redox (source: the crate redox-initfs): its header, its inode records, of which there are two
// generations, and a reader for both. The reader trusts no data: every offset is checked before it is
// followed.
import { Buffer } from 'node:buffer';
import { decodeName } from '../../core/paths.ts';
import { cannot } from '../../core/errors.ts';
import { badName, fileTree, joinPath } from '../file-tree.ts';
import type { Entry, FileTree } from '../file-tree.ts';
import { treeVolume } from '../read/volume.ts';
import type { Volume } from '../read/volume.ts';

/** 'older': 20 bytes with mode and owner. 'newer': 12 bytes, only whether a file is executable. */
export type InitfsGeneration = 'older' | 'newer';

export const initfsMagic = Buffer.from('RedoxFtw');
export const pageBytes = 4096;
export const inodeBytes = { older: 20, newer: 12 } as const satisfies Record<InitfsGeneration, number>;
export const dirEntryBytes = 8;
export const noBootstrap = 0xffff_ffff_ffff_ffffn;
export const headerBytes = 44;
/** Inode numbers are 16 bits wide. */
export const mostInodes = 0xffff;

export interface InitfsHeader {
  readonly inodeTableOffset: number;
  readonly createdSec: number;
  readonly inodeCount: number;
  /** e_entry of the bootstrap program, which is at offset 4096. All bits are ones if there is no program. */
  readonly bootstrapEntry: bigint;
  readonly sizeBytes: number;
}

export interface Inode {
  readonly kind: 'file' | 'directory' | 'symlink';
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly length: number;
  readonly offset: number;
}

export function encodeInitfsHeader(header: InitfsHeader): Buffer {
  const bytes = Buffer.alloc(headerBytes);
  bytes.set(initfsMagic, 0);
  bytes.writeUInt32LE(header.inodeTableOffset, 8);
  bytes.writeBigUInt64LE(BigInt(header.createdSec), 12);
  bytes.writeUInt16LE(header.inodeCount, 24);
  bytes.writeBigUInt64LE(header.bootstrapEntry, 26);
  bytes.writeBigUInt64LE(BigInt(header.sizeBytes), 34);
  bytes.writeUInt16LE(pageBytes, 42);
  return bytes;
}

/** Returns undefined if the bytes do not begin with an initfs header of this format. */
export function decodeInitfsHeader(bytes: Buffer): InitfsHeader | undefined {
  if (bytes.length < headerBytes || !bytes.subarray(0, 8).equals(initfsMagic) || bytes.readUInt16LE(42) !== pageBytes) return undefined;
  return {
    inodeTableOffset: bytes.readUInt32LE(8),
    createdSec: Number(bytes.readBigUInt64LE(12)),
    inodeCount: bytes.readUInt16LE(24),
    bootstrapEntry: bytes.readBigUInt64LE(26),
    sizeBytes: Number(bytes.readBigUInt64LE(34)),
  };
}

const olderTypes = { file: 0, directory: 1, symlink: 2 } as const;
const newerTypes = { file: 0, executable: 1, directory: 2, symlink: 3 } as const;
const ownerMayExecute = 0o100;

export function encodeInode(inode: Inode, generation: InitfsGeneration): Buffer {
  const bytes = Buffer.alloc(inodeBytes[generation]);
  const kind = inode.kind === 'file' && (inode.mode & ownerMayExecute) !== 0 ? 'executable' : inode.kind;
  bytes.writeUInt32LE(generation === 'newer' ? newerTypes[kind] : olderTypes[inode.kind] * 2 ** 28 + inode.mode, 0);
  bytes.writeUInt32LE(inode.length, 4);
  bytes.writeUInt32LE(inode.offset, 8);
  if (generation === 'older') {
    bytes.writeUInt32LE(inode.uid, 12);
    bytes.writeUInt32LE(inode.gid, 16);
  }
  return bytes;
}

/**
 * Returns undefined if the generation does not have the type. Modes that the newer generation lacks are 755,
 * 644 and 777.
 */
export function decodeInode(bytes: Buffer, generation: InitfsGeneration): Inode | undefined {
  const first = bytes.readUInt32LE(0);
  const place = { length: bytes.readUInt32LE(4), offset: bytes.readUInt32LE(8) };
  if (generation === 'older') {
    const kind = (['file', 'directory', 'symlink'] as const)[first >>> 28];
    return kind && { kind, mode: first & 0o7777, uid: bytes.readUInt32LE(12), gid: bytes.readUInt32LE(16), ...place };
  }
  const known = (
    [
      ['file', 0o644],
      ['file', 0o755],
      ['directory', 0o755],
      ['symlink', 0o777],
    ] as const
  )[first];
  return known && { kind: known[0], mode: known[1], uid: 0, gid: 0, ...place };
}

/** The records do not contain their generation, but inode 0 is the root directory, whose first word differs. */
export function generationOf(rootInode: Buffer): InitfsGeneration | undefined {
  const first = rootInode.readUInt32LE(0);
  if (first === newerTypes.directory) return 'newer';
  return first >>> 28 === olderTypes.directory ? 'older' : undefined;
}

export interface Initfs {
  readonly generation: InitfsGeneration;
  readonly createdSec: number;
  /** Undefined if it has no bootstrap program. */
  readonly bootstrapEntry: bigint | undefined;
  /** Bytes between the header page and the inode table: the bootstrap program, padded to whole pages. */
  readonly bootstrap: Uint8Array;
  readonly tree: FileTree;
}

/** `path` is a file that is an initfs from its first byte on. */
export function initfsVolume(path: string): Volume {
  return treeVolume(path, '(initfs)', (bytes) => readInitfs(bytes).tree);
}

/** Reads the whole initfs. Contents are views of `image`. A damaged one is a Failure that names the path. */
export function readInitfs(image: Uint8Array): Initfs {
  const bytes = Buffer.from(image.buffer, image.byteOffset, image.byteLength);
  const header = decodeInitfsHeader(bytes);
  if (!header) throw cannot('read the initfs', 'it does not begin with an initfs header');
  const { sizeBytes } = header;
  if (sizeBytes > bytes.length)
    throw cannot('read the initfs', `its header has a size of ${sizeBytes} bytes, but there are ${bytes.length}`);
  const within = (path: string, offset: number, length: number): Buffer => {
    const end = offset + length;
    if (end > sizeBytes) throw cannot(`read "${path}"`, `it leads to bytes ${offset} to ${end}, beyond the end of the initfs`);
    return bytes.subarray(offset, end);
  };

  const generation = header.inodeCount === 0 ? undefined : generationOf(within('', header.inodeTableOffset, inodeBytes.newer));
  if (!generation) throw cannot('read the initfs', 'its first inode is not a directory');
  const table = within('', header.inodeTableOffset, header.inodeCount * inodeBytes[generation]);
  const inode = (path: string, number: number): Inode => {
    const at = number * inodeBytes[generation];
    const found = number < header.inodeCount ? decodeInode(table.subarray(at, at + inodeBytes[generation]), generation) : undefined;
    if (!found) throw cannot(`read "${path}"`, `inode ${number} does not exist or has an unknown type`);
    return found;
  };

  const entries: [string, Entry][] = [];
  const seen = new Set<number>();
  const visit = (path: string, number: number): void => {
    const { kind, mode, uid, gid, offset, length } = inode(path, number);
    const content = within(path, offset, length);
    if (seen.has(number)) throw cannot(`read "${path}"`, `inode ${number} is there twice`);
    seen.add(number);
    if (kind === 'file') entries.push([path, { kind, mode, uid, gid, content: { kind: 'bytes', bytes: content } }]);
    if (kind === 'symlink') entries.push([path, { kind, mode, uid, gid, target: decodeName(content) }]);
    if (kind !== 'directory') return;
    if (length % dirEntryBytes !== 0) throw cannot(`read "${path}"`, `a directory of ${length} bytes has no whole number of entries`);
    entries.push([path, { kind, mode, uid, gid }]);
    for (let at = 0; at < length; at += dirEntryBytes) {
      const name = decodeName(within(path, content.readUInt32LE(at + 4), content.readUInt16LE(at + 2)));
      const why = badName(name);
      if (why) throw cannot(`read "${path}"`, why);
      visit(joinPath(path, name), content.readUInt16LE(at));
    }
  };
  visit('', 0);
  return {
    generation,
    createdSec: header.createdSec,
    bootstrapEntry: header.bootstrapEntry === noBootstrap ? undefined : header.bootstrapEntry,
    bootstrap: within('', pageBytes, Math.max(0, header.inodeTableOffset - pageBytes)),
    tree: fileTree(entries, true),
  };
}
