// The entries of a directory in an ext2, ext3 or ext4. A hashed directory is read as a list too: its index is in entries that are not in use.
// Source of the format: Linux, Documentation/filesystems/ext4 (directory.rst, inlinedata.rst).
import { Buffer } from 'node:buffer';
import { dataBytes } from './inode.ts';

export interface DirectoryEntry {
  readonly inode: number;
  readonly name: Uint8Array;
}

const headerBytes = 8;

/** Yields the entries in use of a block of a directory. Throws what `bad` returns if the block is damaged. */
export function* entriesIn(block: Buffer, hasFileTypes: boolean, bad: (why: string) => Error): Generator<DirectoryEntry> {
  for (let at = 0; at + headerBytes <= block.length;) {
    const inode = block.readUInt32LE(at);
    const length = recordLength(block.readUInt16LE(at + 4), block.length);
    const nameLength = hasFileTypes ? block.readUInt8(at + 6) : block.readUInt16LE(at + 6);
    if (length < headerBytes + (inode === 0 ? 0 : nameLength) || at + length > block.length) throw bad('an entry has no sound length');
    if (inode !== 0) yield { inode, name: block.subarray(at + headerBytes, at + headerBytes + nameLength) };
    at += length;
  }
}

/** The parts of a directory that is stored in its inode: the field without the number of its parent, and what follows the field. */
export function inlineParts(inline: Buffer, sizeBytes: number): readonly Buffer[] {
  return [inline.subarray(4, dataBytes), inline.subarray(dataBytes, Math.max(dataBytes, sizeBytes))];
}

/** In blocks of 64 KiB a length of 65536 does not fit into its field, and the two lowest bits are those above the highest. */
function recordLength(stored: number, blockBytes: number): number {
  if (blockBytes < 65_536) return stored;
  return stored === 0 || stored === 65_535 ? blockBytes : (stored & 0xfffc) | ((stored & 3) << 16);
}
