// The allocation log of a RedoxFS (facts: RedoxFS 1.6, 1.11): a chain of blocks that says which blocks are free.
import { Buffer } from 'node:buffer';
import { damaged } from './blocks.ts';
import type { RedoxfsBlocks } from './blocks.ts';
import { blockBytes, headerRingBlocks, isNull, pointerBytes, readPointer, writePointer } from './pointer.ts';
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

