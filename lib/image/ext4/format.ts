// The structures of an ext2, ext3 or ext4: superblock and group descriptors, inodes, directories, extended
// attributes. Source: Linux, Documentation/filesystems/ext4 (super.rst, group_descr.rst, blockgroup.rst,
// inodes.rst, special_inodes.rst, directory.rst, inlinedata.rst, attributes.rst) and fs/ext4/acl.h.
import { Buffer } from 'node:buffer';
import type { ImageBytes } from '../read/volume.ts';
import { decodeName } from '../../core/paths.ts';
import { KiB } from '../../core/sizes.ts';

/** The superblock's magic number, and its offset in the file system. */
export const ext4Magic = { value: 0xef53, atBytes: 1024 + 56 } as const;

const superblock = { atBytes: 1024, bytes: 1024 } as const;
const inSuperblock = {
  inodes: 0x00,
  firstDataBlock: 0x14,
  logBlockSize: 0x18,
  blocksPerGroup: 0x20,
  inodesPerGroup: 0x28,
  magic: 0x38,
  revision: 0x4c,
  inodeSize: 0x58,
  compatible: 0x5c,
  incompatible: 0x60,
  readOnlyCompatible: 0x64,
  descriptorSize: 0xfe,
  firstMetaGroup: 0x104,
  backupGroups: 0x24c,
} as const;
const feature = { sparseSuper2: 0x200, sparseSuper: 0x1, fileType: 0x2, metaGroups: 0x10, wide: 0x80 } as const;
/**
 * Features that change what this module reads, and that it does not know: compression, a journal's own
 * device, data in directories.
 */
const unknownFeatures: Readonly<Record<number, string>> = { 0x1: 'compression', 0x8: 'journal_dev', 0x1000: 'dirdata' };
/** `bg_inode_table` of a group descriptor. */
const inodeTable = { low: 0x08, high: 0x28 } as const;

export class Ext4Superblock {
  readonly blockBytes: number;
  readonly inodeBytes: number;
  readonly inodes: number;
  /** Whether directory entries have a byte for the type of the file, next to a name length of one byte. */
  readonly hasFileTypes: boolean;
  readonly #bytes: ImageBytes;
  readonly #fields: Buffer;
  readonly #descriptorBytes: number;
  readonly #inodesPerGroup: number;
  /** Group -> first block of its inodes. */
  readonly #tables = new Map<number, number>();

  constructor(bytes: ImageBytes) {
    const fields = bytes.read(superblock.atBytes, superblock.bytes);
    if (fields.readUInt16LE(inSuperblock.magic) !== ext4Magic.value) throw bytes.bad('it has no superblock');
    const incompatible = fields.readUInt32LE(inSuperblock.incompatible);
    for (const [bit, name] of Object.entries(unknownFeatures)) {
      if ((incompatible & Number(bit)) !== 0) throw bytes.bad(`it has the feature ${name}, which cannot be read here`);
    }
    const logBlockSize = fields.readUInt32LE(inSuperblock.logBlockSize);
    const inodeBytes = fields.readUInt32LE(inSuperblock.revision) === 0 ? 128 : fields.readUInt16LE(inSuperblock.inodeSize);
    this.#inodesPerGroup = fields.readUInt32LE(inSuperblock.inodesPerGroup);
    this.#descriptorBytes = (incompatible & feature.wide) === 0 ? 32 : fields.readUInt16LE(inSuperblock.descriptorSize);
    const sound = logBlockSize <= 6 && inodeBytes >= 128 && this.#inodesPerGroup > 0 && this.#descriptorBytes >= 32;
    this.blockBytes = 1024 << logBlockSize;
    if (!sound || inodeBytes > this.blockBytes || this.#descriptorBytes > this.blockBytes) throw bytes.bad('its superblock is damaged');
    this.inodeBytes = inodeBytes;
    this.inodes = fields.readUInt32LE(inSuperblock.inodes);
    this.hasFileTypes = (incompatible & feature.fileType) !== 0;
    this.#bytes = bytes;
    this.#fields = fields;
  }

  /** Returns the offset of an inode in the file system. */
  inodeAtBytes(inode: number): number {
    if (inode < 1 || inode > this.inodes) throw this.#bytes.bad(`it refers to inode ${inode}, and it has ${this.inodes}`);
    const group = Math.floor((inode - 1) / this.#inodesPerGroup);
    return this.#inodeTable(group) * this.blockBytes + ((inode - 1) % this.#inodesPerGroup) * this.inodeBytes;
  }

  #inodeTable(group: number): number {
    const known = this.#tables.get(group);
    if (known !== undefined) return known;
    const perBlock = Math.floor(this.blockBytes / this.#descriptorBytes);
    const place = this.#descriptorBlock(Math.floor(group / perBlock), perBlock) * this.blockBytes;
    const descriptor = this.#bytes.read(place + (group % perBlock) * this.#descriptorBytes, this.#descriptorBytes);
    const high = this.#descriptorBytes >= 64 ? descriptor.readUInt32LE(inodeTable.high) : 0;
    const block = high * 2 ** 32 + descriptor.readUInt32LE(inodeTable.low);
    this.#tables.set(group, block);
    return block;
  }

  /**
   * Returns the block with the descriptors of groups from `index * perBlock` on. With the feature
   * meta_bg it is in the first of these groups.
   */
  #descriptorBlock(index: number, perBlock: number): number {
    const fields = this.#fields;
    const superBlock = Math.floor(superblock.atBytes / this.blockBytes);
    const inMetaGroup =
      (fields.readUInt32LE(inSuperblock.incompatible) & feature.metaGroups) !== 0 &&
      index >= fields.readUInt32LE(inSuperblock.firstMetaGroup);
    if (!inMetaGroup) return superBlock + 1 + index;
    const group = index * perBlock;
    const firstBlock = fields.readUInt32LE(inSuperblock.firstDataBlock);
    // The superblock of a file system whose blocks of 1 KiB are counted from 0 is block 1.
    const shift = group === 0 ? superBlock - firstBlock : 0;
    return firstBlock + group * fields.readUInt32LE(inSuperblock.blocksPerGroup) + (this.#hasSuperblock(group) ? 1 : 0) + shift;
  }

  #hasSuperblock(group: number): boolean {
    const fields = this.#fields;
    if (group === 0) return true;
    if ((fields.readUInt32LE(inSuperblock.compatible) & feature.sparseSuper2) !== 0) {
      return fields.readUInt32LE(inSuperblock.backupGroups) === group || fields.readUInt32LE(inSuperblock.backupGroups + 4) === group;
    }
    if ((fields.readUInt32LE(inSuperblock.readOnlyCompatible) & feature.sparseSuper) === 0) return true;
    return group === 1 || [3, 5, 7].some((base) => isPowerOf(base, group));
  }
}

function isPowerOf(base: number, value: number): boolean {
  let power = base;
  while (power < value) power *= base;
  return power === value;
}

export interface Ext4Inode {
  readonly number: number;
  /** File type and permissions, as in stat(2). */
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
  /** Number of its names. */
  readonly links: number;
  /** The block with its extended attributes, or 0. */
  readonly xattrBlock: number;
  /** The bytes after its fields, which may have extended attributes. */
  readonly afterFields: Buffer;
}

const inInode = {
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
  const mode = bytes.readUInt16LE(inInode.mode);
  const flags = bytes.readUInt32LE(inInode.flags);
  // Directories of old file systems have something else in the upper half.
  const sizeHigh = mode >> 12 === fileTypes.directory ? 0 : bytes.readUInt32LE(inInode.sizeHigh);
  const data = bytes.subarray(inInode.data, inInode.data + dataBytes);
  const isLong = bytes.length > oldInodeBytes + 2;
  const afterFields = bytes.subarray(isLong ? oldInodeBytes + bytes.readUInt16LE(inInode.extraSize) : bytes.length);
  return {
    number,
    mode,
    uid: bytes.readUInt16LE(inInode.uidHigh) * 2 ** 16 + bytes.readUInt16LE(inInode.uid),
    gid: bytes.readUInt16LE(inInode.gidHigh) * 2 ** 16 + bytes.readUInt16LE(inInode.gid),
    sizeBytes: sizeHigh * 2 ** 32 + bytes.readUInt32LE(inInode.size),
    hasExtents: (flags & flag.extents) !== 0,
    isEncrypted: (flags & flag.encrypted) !== 0,
    data,
    inline: (flags & flag.inline) === 0 ? undefined : Buffer.concat([data, inlineRest(afterFields)]),
    links: bytes.readUInt16LE(inInode.links),
    xattrBlock: bytes.readUInt16LE(inInode.xattrBlockHigh) * 2 ** 32 + bytes.readUInt32LE(inInode.xattrBlock),
    afterFields,
  };
}

/**
 * Returns the numbers of a device: the old form in the first word of the field, or the new one in the
 * second.
 */
export function deviceOf({ data }: Ext4Inode): readonly [major: number, minor: number] {
  const old = data.readUInt32LE(0);
  const dev = data.readUInt32LE(4);
  return old === 0 ? [(dev >>> 8) & 0xfff, (dev & 0xff) + ((dev >>> 12) & 0xf_ff00)] : [(old >>> 8) & 0xff, old & 0xff];
}

/**
 * Returns the part of inline data that does not fit into the field: the value of the attribute
 * "system.data".
 */
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

export interface DirectoryEntry {
  readonly inode: number;
  readonly name: Uint8Array;
}

const entryHeaderBytes = 8;

/** Yields the entries in use of a block of a directory. Throws what `bad` returns if the block is damaged. */
export function* entriesIn(block: Buffer, hasFileTypes: boolean, bad: (why: string) => Error): Generator<DirectoryEntry> {
  for (let at = 0; at + entryHeaderBytes <= block.length;) {
    const inode = block.readUInt32LE(at);
    const length = recordLength(block.readUInt16LE(at + 4), block.length);
    const nameLength = hasFileTypes ? block.readUInt8(at + 6) : block.readUInt16LE(at + 6);
    if (length < entryHeaderBytes + (inode === 0 ? 0 : nameLength) || at + length > block.length) throw bad('an entry has no sound length');
    if (inode !== 0) yield { inode, name: block.subarray(at + entryHeaderBytes, at + entryHeaderBytes + nameLength) };
    at += length;
  }
}

/**
 * Returns the parts of a directory that is stored in its inode: the field without the number of its
 * parent, and the data after the field.
 */
export function inlineParts(inline: Buffer, sizeBytes: number): readonly Buffer[] {
  return [inline.subarray(4, dataBytes), inline.subarray(dataBytes, Math.max(dataBytes, sizeBytes))];
}

/**
 * With blocks of 64 KiB a length of 65536 does not fit into its field, and the two lowest bits are
 * those above the highest.
 */
function recordLength(stored: number, blockBytes: number): number {
  if (blockBytes < 65_536) return stored;
  return stored === 0 || stored === 65_535 ? blockBytes : (stored & 0xfffc) | ((stored & 3) << 16);
}

const xattrMagic = 0xea02_0000;
/**
 * Fields of an entry: lengths in bytes, then the position, the inode and the size of the value. The
 * name follows after `bytes`.
 */
const inXattr = { nameLength: 0, nameIndex: 1, place: 2, inode: 4, size: 8, bytes: 16 } as const;
const blockHeaderBytes = 32;
const inodeHeaderBytes = 4;
/** The kernel accepts no longer value. */
const longestValue = 64 * KiB;

/** The beginning of a name by its index. */
const xattrPrefixes: Readonly<Record<number, string>> = {
  0: '',
  1: 'user.',
  2: 'system.posix_acl_access',
  3: 'system.posix_acl_default',
  4: 'trusted.',
  6: 'security.',
  7: 'system.',
  8: 'system.richacl',
};
/** The content of a file that is stored in its inode. */
export const inlineName = 'system.data';

export interface StoredXattr {
  readonly name: string;
  readonly value: Uint8Array;
}

/**
 * Functions of the caller: report damage, and return the content of an inode that is the value of an
 * attribute (feature ea_inode).
 */
export interface XattrReader {
  readonly bad: (why: string) => Error;
  readonly inodeContent: (inode: number, sizeBytes: number) => Uint8Array;
}

/** Yields the attributes in an inode, from the end of its fields on. */
export function* xattrsInInode(rest: Buffer, reader: XattrReader): Generator<StoredXattr> {
  if (rest.length < inodeHeaderBytes || rest.readUInt32LE(0) !== xattrMagic) return;
  const entries = rest.subarray(inodeHeaderBytes);
  yield* xattrsIn(entries, 0, entries, reader);
}

/** Yields the attributes in a block. */
export function* xattrsInBlock(block: Buffer, reader: XattrReader): Generator<StoredXattr> {
  if (block.readUInt32LE(0) !== xattrMagic) throw reader.bad('their block has no magic number');
  yield* xattrsIn(block, blockHeaderBytes, block, reader);
}

function* xattrsIn(entries: Buffer, start: number, values: Buffer, { bad, inodeContent }: XattrReader): Generator<StoredXattr> {
  for (let at = start; at + 4 <= entries.length && entries.readUInt32LE(at) !== 0;) {
    if (at + inXattr.bytes > entries.length) throw bad('an entry is cut off');
    const nameLength = entries.readUInt8(at + inXattr.nameLength);
    const index = entries.readUInt8(at + inXattr.nameIndex);
    const end = at + inXattr.bytes + nameLength;
    const [place, inode, size] = [
      entries.readUInt16LE(at + inXattr.place),
      entries.readUInt32LE(at + inXattr.inode),
      entries.readUInt32LE(at + inXattr.size),
    ];
    if (end > entries.length || size > longestValue || (inode === 0 && place + size > values.length))
      throw bad('an entry has no sound length');
    const prefix = xattrPrefixes[index];
    if (prefix === undefined) throw bad(`a name begins with the unknown prefix ${index}`);
    const value = inode === 0 ? values.subarray(place, place + size) : inodeContent(inode, size);
    const name = prefix + decodeName(entries.subarray(at + inXattr.bytes, end));
    yield { name, value: name.startsWith('system.posix_acl_') ? plainAcl(value, bad) : value };
    at = Math.ceil(end / 4) * 4;
  }
}

/** Tags of the rows that name a user or a group. */
const namedTags = new Set([0x02, 0x08]);
const noId = 0xffff_ffff;

/**
 * Converts an access control list from the form in the file system (version 1) to that of getxattr(2)
 * (version 2, with an identifier in each row).
 */
function plainAcl(stored: Uint8Array, bad: (why: string) => Error): Buffer {
  const from = Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength);
  if (from.length < 4 || from.readUInt32LE(0) !== 1) throw bad('an access control list has an unknown version');
  const rows: Buffer[] = [Buffer.from([2, 0, 0, 0])];
  for (let at = 4; at < from.length;) {
    const named = from.length - at >= 4 && namedTags.has(from.readUInt16LE(at));
    if (from.length - at < (named ? 8 : 4)) throw bad('an access control list is cut off');
    const row = Buffer.alloc(8);
    from.copy(row, 0, at, at + 4);
    row.writeUInt32LE(named ? from.readUInt32LE(at + 4) : noId, 4);
    rows.push(row);
    at += named ? 8 : 4;
  }
  return Buffer.concat(rows);
}
