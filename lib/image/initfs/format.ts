// The initfs of Redox (facts: initfs, section 2 and 1.13): its header, and its inode records, of which there are two generations.
// Values from and to bytes; how they are arranged is the writer's and the reader's concern.
import { Buffer } from 'node:buffer';

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
  /** e_entry of the bootstrap program, which lies at offset 4096; all ones when there is none. */
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

/** undefined when the bytes do not begin with an initfs header of this format. */
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

/** undefined when the type is none of the generation's. Modes that the newer generation does not have are 755, 644 and 777. */
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

/** The records do not say their generation, but inode 0 is the root directory, whose first word differs. */
export function generationOf(rootInode: Buffer): InitfsGeneration | undefined {
  const first = rootInode.readUInt32LE(0);
  if (first === newerTypes.directory) return 'newer';
  return first >>> 28 === olderTypes.directory ? 'older' : undefined;
}
