// The blocks of RedoxFS version 8 (source: block.rs and allocator.rs of the crate redoxfs): pointers to them,
// their bytes, which are only used if they have the hash of their pointer, and the log of free blocks.
// Failures name the path for which a block was read, because users need the damaged file.
import { Buffer } from 'node:buffer';
import { readSync } from 'node:fs';
import { seahash } from './seahash.ts';
import { Failure } from '../../core/errors.ts';

export const blockBytes = 4096;
export const pointerBytes = 16;
/** Blocks 0..255 hold the headers of the last 256 generations. */
export const headerRingBlocks = 256;
/** Regular files are stored in records of 4096 << 5 bytes. */
export const fileRecordLevel = 5;
export const longestName = 252;

export interface BlockPointer {
  /** Index of the first 4 KiB block, counted from the file system's start. 0 is the null pointer. */
  readonly index: number;
  /** The block is 4096 << level bytes. */
  readonly level: number;
  /** The level of the decompressed data, or 0 if it is not compressed. */
  readonly decompressedLevel: number;
  /** SeaHash of the whole block in its stored form. */
  readonly hash: bigint;
}

export const nullPointer: BlockPointer = { index: 0, level: 0, decompressedLevel: 0, hash: 0n };

const allOnes = 0xffff_ffff_ffff_ffffn;

/**
 * Returns the first pointer of a directory that is not empty. It is not a block (its index is infinite), but
 * contains the depth of the H-tree (source: htree.rs of the crate redoxfs).
 */
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

/** Returns the smallest level whose block can hold `sizeBytes`. */
export function levelFor(sizeBytes: number): number {
  let level = 0;
  while (bytesOfLevel(level) < sizeBytes) level++;
  return level;
}

/** Returns the pointer to a block of these bytes, uncompressed. */
export function pointerTo(index: number, level: number, block: Uint8Array): BlockPointer {
  return { index, level, decompressedLevel: 0, hash: seahash(block) };
}

/**
 * Little-endian address (level in bits 0-3, decompressed level in 4-7, index above; in a marker all bits
 * above bit 3 are ones), then the hash.
 */
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

/** Called when a block was read and has the right hash. `path` is the path for which it was read. */
export type BlockSeen = (pointer: BlockPointer, path: string) => void;

/** How blocks are read. */
export interface BlockReading {
  readonly seen?: BlockSeen | undefined;
  /** Present for an encrypted file system. */
  readonly cipher?: BlockDecryption | undefined;
}

export interface BlockDecryption {
  /** Decrypts whole blocks of 4096 bytes. `index` is the index of the first in the file system. */
  decrypted(index: number, bytes: Uint8Array): Buffer;
}

const lengthBytes = 2;

export class RedoxfsBlocks {
  private readonly fd: number;
  private readonly startBytes: number;
  private readonly blockCount: number;
  private readonly reading: BlockReading;

  /** `startBytes`: offset of block 0 in the open file. */
  constructor(fd: number, startBytes: number, blockCount: number, reading: BlockReading = {}) {
    this.fd = fd;
    this.startBytes = startBytes;
    this.blockCount = blockCount;
    this.reading = reading;
  }

  /** Returns a metadata block of 4 KiB. Such blocks are never larger and never compressed. */
  meta(pointer: BlockPointer, path: string): Buffer {
    if (pointer.level !== 0 || pointer.decompressedLevel !== 0) throw damaged(path, 'a pointer to its description has a level');
    return this.stored(pointer, path);
  }

  /**
   * Returns the decompressed bytes of a record of at most 4096 << mostLevel bytes. Missing bytes at the end
   * are zeros.
   */
  record(pointer: BlockPointer, mostLevel: number, path: string): Uint8Array {
    if (Math.max(pointer.level, pointer.decompressedLevel) > mostLevel)
      throw damaged(path, `block ${pointer.index} is larger than its record`);
    const stored = this.stored(pointer, path);
    if (pointer.decompressedLevel === 0) return stored;
    const end = lengthBytes + stored.readUInt16LE(0);
    const bytes = end > stored.length ? undefined : lz4Block(stored.subarray(lengthBytes, end), bytesOfLevel(pointer.decompressedLevel));
    if (!bytes) throw damaged(path, `block ${pointer.index} cannot be decompressed`);
    return bytes;
  }

  private stored(pointer: BlockPointer, path: string): Buffer {
    const { index, level } = pointer;
    if (isNull(pointer) || isMarker(pointer)) throw damaged(path, 'a pointer that must lead to a block does not');
    if (index + 2 ** level > this.blockCount) throw damaged(path, `block ${index} is beyond the end of the file system`);
    const onDisk = readBlocks(this.fd, this.startBytes + index * blockBytes, bytesOfLevel(level));
    if (!onDisk) throw damaged(path, `block ${index} is beyond the end of the image`);
    const bytes = this.reading.cipher?.decrypted(index, onDisk) ?? onDisk;
    if (seahash(bytes) !== pointer.hash) throw damaged(path, `block ${index} does not have the hash of its pointer`);
    this.reading.seen?.(pointer, path);
    return bytes;
  }
}

/** Returns undefined if the file ends before. */
export function readBlocks(fd: number, atBytes: number, length: number): Buffer | undefined {
  const bytes = Buffer.alloc(length);
  for (let done = 0; done < length;) {
    const count = readSync(fd, bytes, done, length - done, atBytes + done);
    if (count === 0) return undefined;
    done += count;
  }
  return bytes;
}

/** Damage of a file system, with the affected path. As an error it has the usual form. */
export class Damage extends Failure {
  readonly path: string;
  readonly why: string;

  constructor(path: string, why: string) {
    super('failed', `Cannot read "${path === '' ? '/' : path}": ${why}`, { hint: 'the image is damaged; build it again' });
    this.path = path;
    this.why = why;
  }
}

export function damaged(path: string, why: string): Damage {
  return new Damage(path, why);
}

const shortestMatch = 4;
const longRun = 15;

/**
 * Decompresses one LZ4 block (lz4 project, "LZ4 Block Format Description"), the format of compressed records.
 * Every length and distance is checked. Returns at most `mostBytes`, or undefined if the block is malformed
 * or would give more.
 */
export function lz4Block(source: Uint8Array, mostBytes: number): Uint8Array | undefined {
  const out = new Uint8Array(mostBytes);
  let from = 0;
  let to = 0;

  /**
   * A length of 15 continues in bytes that are added until one is not 255. Returns undefined if the input
   * ends before.
   */
  const runLength = (nibble: number): number | undefined => {
    let length = nibble;
    for (let byte = nibble === longRun ? 255 : 0; byte === 255;) {
      const next = source[from++];
      if (next === undefined) return undefined;
      length += next;
      byte = next;
    }
    return length;
  };

  while (from < source.length) {
    const token = source[from++] ?? 0;
    const literals = runLength(token >> 4);
    if (literals === undefined || from + literals > source.length || to + literals > mostBytes) return undefined;
    out.set(source.subarray(from, from + literals), to);
    from += literals;
    to += literals;
    if (from === source.length) return out.subarray(0, to); // the last sequence has literals only
    const distance = (source[from] ?? 0) | ((source[from + 1] ?? 0) << 8);
    from += 2;
    const more = runLength(token & longRun);
    if (more === undefined || from > source.length) return undefined;
    const length = more + shortestMatch;
    if (distance === 0 || distance > to || to + length > mostBytes) return undefined;
    // A match may overlap its own output and then repeats it, so it is copied byte by byte in ascending
    // order.
    if (distance >= length) out.copyWithin(to, to - distance, to - distance + length);
    else for (let i = 0; i < length; i++) out[to + i] = out[to + i - distance] ?? 0;
    to += length;
  }
  return undefined;
}

export interface Extent {
  readonly index: number;
  readonly count: number;
}

/** A run of blocks that the log frees (count > 0) or allocates (count < 0). */
export type AllocationEntry = Extent;

export const entriesPerLogBlock = 255;
/** Upstream never uses the block after the header ring. */
export const firstUsableBlock = headerRingBlocks + 1;

/** Returns the extents sorted by index, with neighbours joined. */
export function joined(extents: readonly Extent[]): readonly Extent[] {
  const sorted = [...extents].sort((a, b) => a.index - b.index);
  const out: { index: number; count: number }[] = [];
  for (const { index, count } of sorted) {
    const last = out.at(-1);
    if (last && last.index + last.count === index) last.count += count;
    else out.push({ index, count });
  }
  return out;
}

interface AllocationLogBlock {
  /** The previous block of the log, or null in the first. */
  readonly previous: BlockPointer;
  readonly entries: readonly AllocationEntry[];
}

export function encodeAllocationLog(log: AllocationLogBlock): Buffer {
  const block = Buffer.alloc(blockBytes);
  writePointer(block, 0, log.previous);
  for (const [i, { index, count }] of log.entries.entries()) {
    block.writeBigUInt64LE(BigInt(index), pointerBytes * (i + 1));
    block.writeBigInt64LE(BigInt(count), pointerBytes * (i + 1) + 8);
  }
  return block;
}

/** Entries with a count of 0 are empty and left out. */
function decodeAllocationLog(block: Buffer): AllocationLogBlock {
  const entries = Array.from({ length: entriesPerLogBlock }, (_, i): AllocationEntry => ({
    index: Number(block.readBigUInt64LE(pointerBytes * (i + 1))),
    count: Number(block.readBigInt64LE(pointerBytes * (i + 1) + 8)),
  }));
  return { previous: readPointer(block, 0), entries: entries.filter(({ count }) => count !== 0) };
}

export const logPath = '(allocation log)';

export interface AllocationLog {
  /** The blocks of the chain, newest first. */
  readonly blocks: readonly BlockPointer[];
  /** The entries, oldest first. */
  readonly entries: readonly AllocationEntry[];
}

/** Reads the chain of log blocks, from the newest one on. */
export function readAllocationLog(from: RedoxfsBlocks, newest: BlockPointer): AllocationLog {
  const blocks: BlockPointer[] = [];
  const groups: (readonly AllocationEntry[])[] = [];
  const seen = new Set<number>();
  for (let pointer = newest; !isNull(pointer);) {
    if (seen.has(pointer.index)) throw damaged(logPath, 'the chain of its blocks is a cycle');
    seen.add(pointer.index);
    blocks.push(pointer);
    const { previous, entries } = decodeAllocationLog(from.meta(pointer, logPath));
    groups.push(entries);
    pointer = previous;
  }
  return { blocks, entries: groups.reverse().flat() };
}
