// The superblock and the group descriptors of an ext2, ext3 or ext4: where its inodes are. Source of the format: Linux,
// Documentation/filesystems/ext4 (super.rst, group_descr.rst, blockgroup.rst).
import type { Buffer } from 'node:buffer';
import type { ImageBytes } from '../image-bytes.ts';

/** The superblock's magic number, and its place in the file system. */
export const ext4Magic = { value: 0xef53, atBytes: 1024 + 56 } as const;

const superblock = { atBytes: 1024, bytes: 1024 } as const;
const at = {
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
/** Features that change what this module reads, and that it does not know: compression, a journal's own device, data in directories. */
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
    if (fields.readUInt16LE(at.magic) !== ext4Magic.value) throw bytes.bad('it has no superblock');
    const incompatible = fields.readUInt32LE(at.incompatible);
    for (const [bit, name] of Object.entries(unknownFeatures)) {
      if ((incompatible & Number(bit)) !== 0) throw bytes.bad(`it has the feature ${name}, which cannot be read here`);
    }
    const logBlockSize = fields.readUInt32LE(at.logBlockSize);
    const inodeBytes = fields.readUInt32LE(at.revision) === 0 ? 128 : fields.readUInt16LE(at.inodeSize);
    this.#inodesPerGroup = fields.readUInt32LE(at.inodesPerGroup);
    this.#descriptorBytes = (incompatible & feature.wide) === 0 ? 32 : fields.readUInt16LE(at.descriptorSize);
    const sound = logBlockSize <= 6 && inodeBytes >= 128 && this.#inodesPerGroup > 0 && this.#descriptorBytes >= 32;
    this.blockBytes = 1024 << logBlockSize;
    if (!sound || inodeBytes > this.blockBytes || this.#descriptorBytes > this.blockBytes) throw bytes.bad('its superblock is damaged');
    this.inodeBytes = inodeBytes;
    this.inodes = fields.readUInt32LE(at.inodes);
    this.hasFileTypes = (incompatible & feature.fileType) !== 0;
    this.#bytes = bytes;
    this.#fields = fields;
  }

  /** Returns where an inode is in the file system. */
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

  /** The block that has the descriptors of groups from `index * perBlock` on. With the feature meta_bg it is in the first of these groups. */
  #descriptorBlock(index: number, perBlock: number): number {
    const fields = this.#fields;
    const superBlock = Math.floor(superblock.atBytes / this.blockBytes);
    const inMetaGroup =
      (fields.readUInt32LE(at.incompatible) & feature.metaGroups) !== 0 && index >= fields.readUInt32LE(at.firstMetaGroup);
    if (!inMetaGroup) return superBlock + 1 + index;
    const group = index * perBlock;
    const firstBlock = fields.readUInt32LE(at.firstDataBlock);
    // The superblock of a file system whose blocks of 1 KiB are counted from 0 is block 1.
    const shift = group === 0 ? superBlock - firstBlock : 0;
    return firstBlock + group * fields.readUInt32LE(at.blocksPerGroup) + (this.#hasSuperblock(group) ? 1 : 0) + shift;
  }

  #hasSuperblock(group: number): boolean {
    const fields = this.#fields;
    if (group === 0) return true;
    if ((fields.readUInt32LE(at.compatible) & feature.sparseSuper2) !== 0) {
      return fields.readUInt32LE(at.backupGroups) === group || fields.readUInt32LE(at.backupGroups + 4) === group;
    }
    if ((fields.readUInt32LE(at.readOnlyCompatible) & feature.sparseSuper) === 0) return true;
    return group === 1 || [3, 5, 7].some((base) => isPowerOf(base, group));
  }
}

function isPowerOf(base: number, value: number): boolean {
  let power = base;
  while (power < value) power *= base;
  return power === value;
}
