// Block pointers of RedoxFS version 8 (facts: RedoxFS 1.1, 1.6): where a block lies, how large it is, and its hash. Constants of
// the format that everything shares are here as well.
import { Buffer } from 'node:buffer';
import { seahash } from './seahash.ts';

export const blockBytes = 4096;
export const pointerBytes = 16;
/** Blocks 0..255 hold the headers of the last 256 generations. */
export const headerRingBlocks = 256;
/** Regular files are stored in records of 4096 << 5 bytes. */
export const fileRecordLevel = 5;
export const longestName = 252;

export interface BlockPointer {
  /** Index of the first 4 KiB block, counted from the file system's start; 0 is the null pointer. */
  readonly index: number;
  /** The block is 4096 << level bytes. */
  readonly level: number;
  /** The level of the data when decompressed; 0 when it is not compressed. */
  readonly decompressedLevel: number;
  /** SeaHash of the whole block as it is stored. */
  readonly hash: bigint;
}

export const nullPointer: BlockPointer = { index: 0, level: 0, decompressedLevel: 0, hash: 0n };

const allOnes = 0xffff_ffff_ffff_ffffn;

/** The first pointer of a directory that is not empty: not a block (its index is infinite), but the depth of its H-tree (facts: RedoxFS 1.10). */
export function markerPointer(depth: number): BlockPointer {
  return { index: Infinity, level: depth, decompressedLevel: 15, hash: allOnes };
}

export function isMarker(pointer: BlockPointer): boolean {
  return pointer.index === Infinity;
}

export function isNull(pointer: BlockPointer): boolean {
  return pointer.index === 0;
}

export function bytesOfLevel(level: number): number {
  return blockBytes * 2 ** level;
}

/** The smallest level whose block holds `sizeBytes`. */
export function levelFor(sizeBytes: number): number {
  let level = 0;
  while (bytesOfLevel(level) < sizeBytes) level++;
  return level;
}

/** The pointer to a block of these bytes, uncompressed. */
export function pointerTo(index: number, level: number, block: Uint8Array): BlockPointer {
  return { index, level, decompressedLevel: 0, hash: seahash(block) };
}

/** Little-endian address (level in bits 0-3, decompressed level in 4-7, index above; all ones above bit 3 in a marker), then the hash. */
export function writePointer(block: Buffer, at: number, pointer: BlockPointer): void {
  const lowIndex = isMarker(pointer) ? 2 ** 24 - 1 : pointer.index % 2 ** 24;
  block.writeUInt32LE(lowIndex * 256 + pointer.decompressedLevel * 16 + pointer.level, at);
  block.writeUInt32LE(isMarker(pointer) ? 2 ** 32 - 1 : (pointer.index - lowIndex) / 2 ** 24, at + 4);
  block.writeBigUInt64LE(pointer.hash, at + 8);
}

export function readPointer(block: Buffer, at: number): BlockPointer {
  const low = block.readUInt32LE(at);
  const high = block.readUInt32LE(at + 4);
  const marker = high === 2 ** 32 - 1 && low >>> 4 === 2 ** 28 - 1;
  const index = marker ? Infinity : high * 2 ** 24 + (low >>> 8);
  return { index, level: low & 15, decompressedLevel: (low >>> 4) & 15, hash: block.readBigUInt64LE(at + 8) };
}

export function readPointers(block: Buffer, at: number, count: number): BlockPointer[] {
  return Array.from({ length: count }, (_, i) => readPointer(block, at + i * pointerBytes));
}
