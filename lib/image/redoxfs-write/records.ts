// Writes the bytes of a file as RedoxFS records with the block lists above them (source: node.rs and
// record.rs of the crate redoxfs). Records of zeros become holes. Compression is optional: a record is stored
// compressed only if it then takes fewer blocks.
import { Buffer } from 'node:buffer';
import type { OpenContent } from '../file-tree.ts';
import { mostInlineBytes, pointersAtDepth } from '../redoxfs/node.ts';
import type { NodeData } from '../redoxfs/node.ts';
import { blockBytes, bytesOfLevel, fileRecordLevel, isNull, levelFor, nullPointer, pointerBytes, writePointer } from '../redoxfs/blocks.ts';
import type { BlockPointer } from '../redoxfs/blocks.ts';
import type { BlockSink } from './sink.ts';

export interface RecordOptions {
  /** Whether records are compressed if that saves blocks. */
  readonly compress: boolean;
  /** Called after each record with its size in bytes. */
  readonly turn: (bytes: number) => Promise<void>;
}

export interface WrittenData {
  readonly data: NodeData;
  /** Number of blocks of 4 KiB in records and block lists, without the node itself. */
  readonly blocks: number;
}

const pointersPerList = blockBytes / pointerBytes;
const zeros = Buffer.alloc(bytesOfLevel(fileRecordLevel));
const lengthBytes = 2;
/** The stored form of a compressed record has a 16-bit length, and upstream limits it to this size. */
const mostCompressedBytes = 65_536;

export class RecordWriter {
  private readonly sink: BlockSink;
  private readonly options: RecordOptions;
  private readonly record = Buffer.alloc(bytesOfLevel(fileRecordLevel));
  private readonly packed = Buffer.alloc(mostCompressedBytes);
  private blocks = 0;

  constructor(sink: BlockSink, options: RecordOptions) {
    this.sink = sink;
    this.options = options;
  }

  /**
   * Writes the content in records of at most 4096 << recordLevel bytes. Small content is stored inline.
   * Returns undefined if the format cannot store it.
   */
  async write(content: OpenContent, recordLevel: number): Promise<WrittenData | undefined> {
    this.blocks = 0;
    if (content.sizeBytes <= mostInlineBytes) {
      const inline = new Uint8Array(content.sizeBytes);
      content.read(0, inline);
      return { data: { inline }, blocks: 0 };
    }
    const records = Math.ceil(content.sizeBytes / bytesOfLevel(recordLevel));
    const pointers: BlockPointer[][] = [];
    let first = 0;
    for (const [depth, most] of pointersAtDepth.entries()) {
      const here: BlockPointer[] = [];
      for (; here.length < most && first < records; first += pointersPerList ** depth) {
        here.push(await this.writeSpan(content, recordLevel, depth, first));
      }
      pointers.push(here);
    }
    return first < records ? undefined : { data: { pointers }, blocks: this.blocks };
  }

  /**
   * Writes record `first` (depth 0), or the block list of depth `depth` that begins with it. Returns null if
   * all bytes are zeros.
   */
  private async writeSpan(content: OpenContent, recordLevel: number, depth: number, first: number): Promise<BlockPointer> {
    const recordBytes = bytesOfLevel(recordLevel);
    const start = first * recordBytes;
    const length = Math.min(content.sizeBytes - start, pointersPerList ** depth * recordBytes);
    if (content.isHole(start, length)) return nullPointer;
    if (depth === 0) return await this.writeRecord(content, start, length);
    const list = Buffer.alloc(blockBytes);
    let empty = true;
    for (let i = 0; i < pointersPerList; i++) {
      const child = first + i * pointersPerList ** (depth - 1);
      if (child * recordBytes >= content.sizeBytes) break;
      const pointer = await this.writeSpan(content, recordLevel, depth - 1, child);
      empty &&= isNull(pointer);
      writePointer(list, i * pointerBytes, pointer);
    }
    if (empty) return nullPointer;
    this.blocks += 1;
    return this.sink.write(list, 0);
  }

  /** Writes a record at the smallest sufficient level. Only the last record of a file is short. */
  private async writeRecord(content: OpenContent, start: number, length: number): Promise<BlockPointer> {
    const level = levelFor(length);
    const bytes = this.record.subarray(0, bytesOfLevel(level));
    content.read(start, bytes);
    await this.options.turn(bytes.length);
    if (bytes.equals(zeros.subarray(0, bytes.length))) return nullPointer;
    const packed = this.options.compress ? this.compressed(bytes, level) : undefined;
    const storedLevel = packed ? levelFor(packed.length) : level;
    this.blocks += 2 ** storedLevel;
    return packed ? this.sink.write(packed, storedLevel, level) : this.sink.write(bytes, level);
  }

  /**
   * Returns the stored form of a compressed record, padded with zeros to its level, or undefined if its level
   * would not be lower.
   */
  private compressed(bytes: Buffer, level: number): Buffer | undefined {
    if (level === 0) return undefined;
    const most = Math.min(bytesOfLevel(level - 1), mostCompressedBytes);
    const length = compressedLz4(bytes, this.packed.subarray(lengthBytes, most));
    if (length === undefined) return undefined;
    this.packed.writeUInt16LE(length, 0);
    const stored = this.packed.subarray(0, bytesOfLevel(levelFor(lengthBytes + length)));
    return stored.fill(0, lengthBytes + length);
  }
}

const shortestMatch = 4;
const longRun = 15;
const farthest = 65_535;
/**
 * Rules of the format for the end of a block: the last match begins at least 12 bytes before it, and the last
 * five bytes are literals.
 */
const noMatchBytes = 12;
const lastLiterals = 5;

const hashBits = 14;
const table = new Int32Array(2 ** hashBits);
/** The search begins to skip bytes after this number of consecutive misses, as a power of 2. */
const skipBits = 6;

/**
 * Compresses one LZ4 block (lz4 project, "LZ4 Block Format Description"). It takes the first match in a table
 * of hashes of four bytes. The same input gives the same output. Writes the block into `out` and returns its
 * length, or undefined if it does not fit.
 */
export function compressedLz4(source: Buffer, out: Buffer): number | undefined {
  const words = new DataView(source.buffer, source.byteOffset, source.length);
  table.fill(-1);
  const matchEnd = source.length - lastLiterals;
  const searchEnd = source.length - noMatchBytes;
  let to = 0;
  let anchor = 0;
  let misses = 0;
  for (let at = 0; at < searchEnd;) {
    const word = words.getInt32(at, true);
    const slot = Math.imul(word, 0x9e3779b1) >>> (32 - hashBits);
    const candidate = table[slot] ?? -1;
    table[slot] = at;
    if (candidate < 0 || at - candidate > farthest || words.getInt32(candidate, true) !== word) {
      at += 1 + (misses++ >> skipBits);
      continue;
    }
    let length = shortestMatch;
    while (at + length < matchEnd && source[at + length] === source[candidate + length]) length++;
    const next = writeSequence(source.subarray(anchor, at), { distance: at - candidate, length }, out, to);
    if (next === undefined) return undefined;
    to = next;
    at += length;
    anchor = at;
    misses = 0;
  }
  return writeSequence(source.subarray(anchor), undefined, out, to);
}

interface Match {
  readonly distance: number;
  readonly length: number;
}

/** Writes literals and a match (none in the last sequence) at `to`. Returns the end. */
function writeSequence(bytes: Buffer, match: Match | undefined, out: Buffer, to: number): number | undefined {
  const literals = bytes.length;
  const matched = match ? match.length - shortestMatch : 0;
  if (to + 1 + runBytes(literals) + literals + (match ? 2 + runBytes(matched) : 0) > out.length) return undefined;
  out[to++] = (Math.min(literals, longRun) << 4) | Math.min(matched, longRun);
  to = writeRun(literals, out, to);
  out.set(bytes, to);
  to += literals;
  if (!match) return to;
  out[to++] = match.distance & 255;
  out[to++] = match.distance >> 8;
  return writeRun(matched, out, to);
}

/** Returns the number of bytes that continue a length beyond its four bits. */
function runBytes(length: number): number {
  return length < longRun ? 0 : Math.floor((length - longRun) / 255) + 1;
}

function writeRun(length: number, out: Buffer, to: number): number {
  if (length < longRun) return to;
  let rest = length - longRun;
  for (; rest >= 255; rest -= 255) out[to++] = 255;
  out[to++] = rest;
  return to;
}
