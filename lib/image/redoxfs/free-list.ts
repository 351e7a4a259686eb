// Keeps the free blocks of an existing RedoxFS as extents: replays the allocation log and allocates from them. Blocks that a
// transaction releases are not added, because they must not be written before the next header is valid.
import { decodeAllocationLog } from './allocation.ts';
import type { AllocationEntry, Extent } from './allocation.ts';
import { damaged } from './blocks.ts';
import { isNull } from './pointer.ts';
import type { BlockPointer } from './pointer.ts';
import type { Redoxfs } from './reader.ts';

const logPath = '(allocation log)';

export interface AllocationLog {
  /** The blocks of the chain, newest first. */
  readonly blocks: readonly BlockPointer[];
  /** The entries, oldest first. */
  readonly entries: readonly AllocationEntry[];
}

/** Reads the chain of log blocks. */
export function readAllocationLog(fs: Redoxfs): AllocationLog {
  const blocks: BlockPointer[] = [];
  const groups: (readonly AllocationEntry[])[] = [];
  const seen = new Set<number>();
  for (let pointer = fs.header.alloc; !isNull(pointer);) {
    if (seen.has(pointer.index)) throw damaged(logPath, 'the chain of its blocks is a cycle');
    seen.add(pointer.index);
    blocks.push(pointer);
    const { previous, entries } = decodeAllocationLog(fs.blocks.meta(pointer, logPath));
    groups.push(entries);
    pointer = previous;
  }
  return { blocks, entries: groups.reverse().flat() };
}

export class FreeList {
  /** Ascending, apart from each other. */
  private readonly extents: { index: number; count: number }[] = [];
  /** Blocks of the file system. Allocations that find no room are placed after them. */
  private readonly blockCount: number;
  private end: number;

  /** A list in which nothing is free yet. */
  constructor(blockCount: number) {
    this.blockCount = blockCount;
    this.end = blockCount;
  }

  /** How many blocks were allocated beyond the end of the file system. */
  get missingBlocks(): number {
    return this.end - this.blockCount;
  }

  /** A copy of the extents that are free now. */
  list(): readonly Extent[] {
    return this.extents.map(({ index, count }) => ({ index, count }));
  }

  /** The index of 2^level free blocks, aligned to 2^level, at the lowest place; beyond the end when there is no room. */
  allocate(level: number): number {
    const size = 2 ** level;
    for (const [at, { index, count }] of this.extents.entries()) {
      const start = Math.ceil(index / size) * size;
      if (start + size > index + count) continue;
      this.cut(at, start, size);
      return start;
    }
    const start = Math.ceil(this.end / size) * size;
    this.end = start + size;
    return start;
  }

  /** Removes blocks from the extent at position `at` of the list. */
  private cut(at: number, start: number, size: number): void {
    const extent = this.extents[at];
    if (!extent) return;
    const before = { index: extent.index, count: start - extent.index };
    const after = { index: start + size, count: extent.index + extent.count - start - size };
    this.extents.splice(at, 1, ...[before, after].filter(({ count }) => count > 0));
  }

  /** Removes blocks that the log allocates; false when one of them is not free. */
  take(index: number, count: number): boolean {
    const at = this.extents.findIndex((extent) => extent.index <= index && index + count <= extent.index + extent.count);
    if (at === -1) return false;
    this.cut(at, index, count);
    return true;
  }

  /** Adds blocks that the log frees; false when one of them is free already or does not exist. */
  give(index: number, count: number): boolean {
    const found = this.extents.findIndex((extent) => extent.index > index);
    const at = found === -1 ? this.extents.length : found;
    const [before, after] = [this.extents[at - 1], this.extents[at]];
    const beforeEnd = before ? before.index + before.count : 0;
    const afterIndex = after?.index ?? this.blockCount;
    if (beforeEnd > index || index + count > afterIndex) return false;
    const joinsBefore = before !== undefined && beforeEnd === index;
    const joinsAfter = after !== undefined && afterIndex === index + count;
    const start = joinsBefore ? before.index : index;
    const end = joinsAfter ? after.index + after.count : index + count;
    this.extents.splice(at - Number(joinsBefore), Number(joinsBefore) + Number(joinsAfter), { index: start, count: end - start });
    return true;
  }
}

/** Returns the free blocks that the log describes, for a file system of `blockCount` blocks. */
export function replayed({ entries }: AllocationLog, blockCount: number): FreeList {
  const list = new FreeList(blockCount);
  for (const { index, count } of entries) {
    const done = count > 0 ? list.give(index, count) : list.take(index, -count);
    if (!done)
      throw damaged(logPath, `it ${count > 0 ? 'frees' : 'takes'} blocks from ${index} on that are not ${count > 0 ? 'taken' : 'free'}`);
  }
  return list;
}
