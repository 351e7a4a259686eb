// An inode of an ext2, ext3 or ext4 as a record, and the data that is stored in it. Source of the format: Linux,
// Documentation/filesystems/ext4 (inodes.rst, attributes.rst, special_inodes.rst).
import { Buffer } from 'node:buffer';
import { inlineName, xattrsInInode } from './xattrs.ts';

export interface Ext4Inode {
  readonly number: number;
  /** File type and permissions, as stat(2) has them. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly sizeBytes: number;
  /** Whether `data` is the root of a tree of extents and not a map of blocks. */
  readonly hasExtents: boolean;
  readonly isEncrypted: boolean;
  /** The field `i_block`: 60 bytes whose meaning depends on the file. */
  readonly data: Buffer;
  /** The bytes of a file or a directory that is stored in its inode. */
  readonly inline: Buffer | undefined;
  /** How many names it has. */
  readonly links: number;
  /** The block with its extended attributes; 0 if there is none. */
  readonly xattrBlock: number;
  /** The bytes after its fields, which may have extended attributes. */
  readonly afterFields: Buffer;
}

const at = {
  mode: 0x00,
  uid: 0x02,
  size: 0x04,
  gid: 0x18,
  links: 0x1a,
  flags: 0x20,
  data: 0x28,
  xattrBlock: 0x68,
  sizeHigh: 0x6c,
  xattrBlockHigh: 0x76,
  uidHigh: 0x78,
  gidHigh: 0x7a,
  extraSize: 0x80,
} as const;
export const dataBytes = 60;
const oldInodeBytes = 128;
const flag = { encrypted: 0x800, extents: 0x8_0000, inline: 0x1000_0000 } as const;

/** Bits 12 to 15 of a mode. */
export const fileTypes = { directory: 0o04, file: 0o10, symlink: 0o12 } as const;

export function typeOf({ mode }: Ext4Inode): number {
  return mode >> 12;
}

export function decodeInode(number: number, bytes: Buffer): Ext4Inode {
  const mode = bytes.readUInt16LE(at.mode);
  const flags = bytes.readUInt32LE(at.flags);
  // Directories of old file systems have something else in the upper half.
  const sizeHigh = mode >> 12 === fileTypes.directory ? 0 : bytes.readUInt32LE(at.sizeHigh);
  const data = bytes.subarray(at.data, at.data + dataBytes);
  const isLong = bytes.length > oldInodeBytes + 2;
  const afterFields = bytes.subarray(isLong ? oldInodeBytes + bytes.readUInt16LE(at.extraSize) : bytes.length);
  return {
    number,
    mode,
    uid: bytes.readUInt16LE(at.uidHigh) * 2 ** 16 + bytes.readUInt16LE(at.uid),
    gid: bytes.readUInt16LE(at.gidHigh) * 2 ** 16 + bytes.readUInt16LE(at.gid),
    sizeBytes: sizeHigh * 2 ** 32 + bytes.readUInt32LE(at.size),
    hasExtents: (flags & flag.extents) !== 0,
    isEncrypted: (flags & flag.encrypted) !== 0,
    data,
    inline: (flags & flag.inline) === 0 ? undefined : Buffer.concat([data, inlineRest(afterFields)]),
    links: bytes.readUInt16LE(at.links),
    xattrBlock: bytes.readUInt16LE(at.xattrBlockHigh) * 2 ** 32 + bytes.readUInt32LE(at.xattrBlock),
    afterFields,
  };
}

/** The numbers of a device: the old form in the first word of the field, or the new one in the second. */
export function deviceOf({ data }: Ext4Inode): readonly [major: number, minor: number] {
  const old = data.readUInt32LE(0);
  const dev = data.readUInt32LE(4);
  return old === 0 ? [(dev >>> 8) & 0xfff, (dev & 0xff) + ((dev >>> 12) & 0xf_ff00)] : [(old >>> 8) & 0xff, old & 0xff];
}

/** The part of inline data that is longer than the field: the value of the attribute "system.data". */
function inlineRest(afterFields: Buffer): Uint8Array {
  const damaged = (why: string): Error => new Error(why);
  const inodeContent = (): Uint8Array => Buffer.alloc(0);
  try {
    for (const { name, value } of xattrsInInode(afterFields, { bad: damaged, inodeContent })) if (name === inlineName) return value;
  } catch {
    // The reader of the attributes reports the damage.
  }
  return Buffer.alloc(0);
}
