// The extended attributes of a file in an ext2, ext3 or ext4: in the inode after its fields, and in a block of their own. Source of the format:
// Linux, Documentation/filesystems/ext4/attributes.rst and fs/ext4/acl.h.
import { Buffer } from 'node:buffer';
import { decodeName } from '../../core/paths.ts';
import { KiB } from '../../core/sizes.ts';

const magic = 0xea02_0000;
/** Fields of an entry: lengths in bytes, then the place, the inode and the size of the value. The name follows after `bytes`. */
const entry = { nameLength: 0, nameIndex: 1, place: 2, inode: 4, size: 8, bytes: 16 } as const;
const blockHeaderBytes = 32;
const inodeHeaderBytes = 4;
/** The kernel takes no longer value. */
const longestValue = 64 * KiB;

/** The beginning of a name, by its index. */
const prefixes: Readonly<Record<number, string>> = {
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

/** What the caller knows: how damage is reported, and what an inode holds that is the value of an attribute (feature ea_inode). */
export interface XattrReader {
  readonly bad: (why: string) => Error;
  readonly inodeContent: (inode: number, sizeBytes: number) => Uint8Array;
}

/** Yields the attributes in an inode, from the end of its fields on. */
export function* xattrsInInode(rest: Buffer, reader: XattrReader): Generator<StoredXattr> {
  if (rest.length < inodeHeaderBytes || rest.readUInt32LE(0) !== magic) return;
  const entries = rest.subarray(inodeHeaderBytes);
  yield* xattrsIn(entries, 0, entries, reader);
}

/** Yields the attributes in a block. */
export function* xattrsInBlock(block: Buffer, reader: XattrReader): Generator<StoredXattr> {
  if (block.readUInt32LE(0) !== magic) throw reader.bad('their block has no magic number');
  yield* xattrsIn(block, blockHeaderBytes, block, reader);
}

function* xattrsIn(entries: Buffer, start: number, values: Buffer, { bad, inodeContent }: XattrReader): Generator<StoredXattr> {
  for (let at = start; at + 4 <= entries.length && entries.readUInt32LE(at) !== 0;) {
    if (at + entry.bytes > entries.length) throw bad('an entry is cut off');
    const nameLength = entries.readUInt8(at + entry.nameLength);
    const index = entries.readUInt8(at + entry.nameIndex);
    const end = at + entry.bytes + nameLength;
    const [place, inode, size] = [
      entries.readUInt16LE(at + entry.place),
      entries.readUInt32LE(at + entry.inode),
      entries.readUInt32LE(at + entry.size),
    ];
    if (end > entries.length || size > longestValue || (inode === 0 && place + size > values.length))
      throw bad('an entry has no sound length');
    const prefix = prefixes[index];
    if (prefix === undefined) throw bad(`a name begins with the unknown prefix ${index}`);
    const value = inode === 0 ? values.subarray(place, place + size) : inodeContent(inode, size);
    const name = prefix + decodeName(entries.subarray(at + entry.bytes, end));
    yield { name, value: /^system\.posix_acl_/.test(name) ? plainAcl(value, bad) : value };
    at = Math.ceil(end / 4) * 4;
  }
}

/** Tags of the rows that name a user or a group. */
const namedTags = new Set([0x02, 0x08]);
const noId = 0xffff_ffff;

/** An access control list as getxattr(2) returns it (version 2, an identifier in each row), from the form in the file system (version 1). */
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
