// Which blocks of a RedoxFS are free: the allocator that a writer takes blocks from, and the log on disk that says what it left
// (facts: RedoxFS 1.3, 1.6, 1.11). Knows block numbers only.
import { Buffer } from 'node:buffer';
import { blockBytes, fileRecordLevel, headerRingBlocks, pointerBytes, readPointer, writePointer } from './pointer.ts';
import type { BlockPointer } from './pointer.ts';

export interface Extent {
  readonly index: number;
  readonly count: number;
}

/** A run of blocks that the log frees (count > 0) or takes (count < 0). */
export type AllocationEntry = Extent;

export const entriesPerLogBlock = 255;
/** Upstream leaves the block after the header ring unused for ever. */
export const firstUsableBlock = headerRingBlocks + 1;

const largest = 2 ** fileRecordLevel;

/**
 * Hands out blocks of level n as 2^n blocks aligned to 2^n, as upstream's buddy allocator does: from the smallest free piece that
 * serves, lowest first, else from the untouched end. It does not stop at the end of the file system: what it handed out beyond says
 * exactly how much a file system that is too small lacks.
 */
export class BlockAllocator {
  readonly blockCount: number;
  /** Free pieces of 2^level blocks, by level, each list ascending. */
  private readonly pieces: number[][] = Array.from({ length: fileRecordLevel + 1 }, () => []);
  private untouched = Math.ceil(firstUsableBlock / largest) * largest;
  /** One past the last block handed out. */
  usedEnd = firstUsableBlock;

  constructor(blockCount: number) {
    this.blockCount = blockCount;
    this.addPieces(firstUsableBlock, this.untouched);
  }

  /** The index of the first block, or undefined when it would lie beyond the end. */
  allocate(level: number): number | undefined {
    let from = this.pieces.findIndex((list, at) => at >= level && list.length > 0);
    if (from === -1) {
      from = fileRecordLevel;
      this.addPieces(this.untouched, this.untouched + largest);
      this.untouched += largest;
    }
    const index = this.pieces[from]?.shift() ?? 0;
    const end = index + 2 ** level;
    this.addPieces(end, index + 2 ** from);
    this.usedEnd = Math.max(this.usedEnd, end);
    return end <= this.blockCount ? index : undefined;
  }

  /** How many more blocks would have been enough. */
  get missingBlocks(): number {
    return Math.max(0, this.usedEnd - this.blockCount);
  }

  /** What is free now: ascending, neighbours joined. */
  freeExtents(): readonly Extent[] {
    const parts = this.pieces.flatMap((list, level) => list.map((index) => ({ index, end: index + 2 ** level })));
    parts.push({ index: this.untouched, end: this.blockCount });
    return joined(
      parts.map(({ index, end }) => ({ index, count: Math.min(end, this.blockCount) - index })).filter(({ count }) => count > 0),
    );
  }

  /** Cuts [start, end) into the largest aligned pieces. */
  private addPieces(start: number, end: number): void {
    for (let index = start; index < end;) {
      let level = fileRecordLevel;
      while (index % 2 ** level !== 0 || index + 2 ** level > end) level--;
      const list = this.pieces[level] ?? [];
      list.push(index);
      list.sort((a, b) => a - b);
      index += 2 ** level;
    }
  }
}

/** Sorted by index, with neighbours made one. */
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

export interface AllocationLogBlock {
  /** The block before this one in time; null in the first. */
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
export function decodeAllocationLog(block: Buffer): AllocationLogBlock {
  const entries = Array.from({ length: entriesPerLogBlock }, (_, i): AllocationEntry => ({
    index: Number(block.readBigUInt64LE(pointerBytes * (i + 1))),
    count: Number(block.readBigInt64LE(pointerBytes * (i + 1) + 8)),
  }));
  return { previous: readPointer(block, 0), entries: entries.filter(({ count }) => count !== 0) };
}
