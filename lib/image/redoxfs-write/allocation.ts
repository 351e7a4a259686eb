// Allocates blocks of a RedoxFS (source: allocator.rs and transaction.rs of the crate redoxfs): the allocator
// of a new file system, the free blocks of an existing one, and the log on disk that describes them from
// scratch.
import { present } from '../../core/errors.ts';
import {
  damaged,
  encodeAllocationLog,
  entriesPerLogBlock,
  fileRecordLevel,
  firstUsableBlock,
  joined,
  logPath,
  nullPointer,
  pointerTo,
} from '../redoxfs/blocks.ts';
import type { AllocationLog, BlockPointer, Extent } from '../redoxfs/blocks.ts';
import { grouped } from './directory-writer.ts';
import type { BlockDisk } from './sink.ts';

const largest = 2 ** fileRecordLevel;

/**
 * Allocates blocks of level n as 2^n blocks aligned to 2^n, like upstream's buddy allocator: from the
 * smallest suitable free piece, lowest first, otherwise from the unused end. It does not stop at the end of
 * the file system. The blocks that it allocated beyond the end are exactly those that a file system that is
 * too small lacks.
 */
export class BlockAllocator {
  readonly blockCount: number;
  /** Free pieces of 2^level blocks, by level, each list ascending. */
  private readonly pieces: number[][] = Array.from({ length: fileRecordLevel + 1 }, () => []);
  private untouched = Math.ceil(firstUsableBlock / largest) * largest;
  /** Index after the last allocated block. */
  usedEnd = firstUsableBlock;

  constructor(blockCount: number) {
    this.blockCount = blockCount;
    this.addPieces(firstUsableBlock, this.untouched);
  }

  /** Returns the index of the first block, or undefined if it would be beyond the end. */
  allocate(level: number): number | undefined {
    let from = this.pieces.findIndex((list, at) => at >= level && list.length > 0);
    if (from === -1) {
      from = fileRecordLevel;
      this.addPieces(this.untouched, this.untouched + largest);
      this.untouched += largest;
    }
    const index = present(this.pieces[from]?.shift(), 'a free piece');
    const end = index + 2 ** level;
    this.addPieces(end, index + 2 ** from);
    this.usedEnd = Math.max(this.usedEnd, end);
    return end <= this.blockCount ? index : undefined;
  }

  /** Number of missing blocks. */
  get missingBlocks(): number {
    return Math.max(0, this.usedEnd - this.blockCount);
  }

  /** Returns the free extents in ascending order, with neighbours joined. */
  freeExtents(): readonly Extent[] {
    const parts = this.pieces.flatMap((list, level) => list.map((index) => ({ index, end: index + 2 ** level })));
    parts.push({ index: this.untouched, end: this.blockCount });
    return joined(
      parts.map(({ index, end }) => ({ index, count: Math.min(end, this.blockCount) - index })).filter(({ count }) => count > 0),
    );
  }

  /** Divides [start, end) into the largest aligned pieces. */
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

/**
 * Keeps the free blocks of an existing RedoxFS as extents and allocates from them. Blocks that a transaction
 * releases are not added, because they must not be written before the next header is valid.
 */
export class FreeList {
  /** In ascending order, not adjacent. */
  private readonly extents: { index: number; count: number }[] = [];
  /** Number of blocks of the file system. Allocations without space are placed after them. */
  private readonly blockCount: number;
  private end: number;

  /** Creates a list without free blocks. */
  constructor(blockCount: number) {
    this.blockCount = blockCount;
    this.end = blockCount;
  }

  /** Number of blocks that were allocated beyond the end of the file system. */
  get missingBlocks(): number {
    return this.end - this.blockCount;
  }

  /** Returns a copy of the free extents. */
  list(): readonly Extent[] {
    return this.extents.map(({ index, count }) => ({ index, count }));
  }

  /**
   * Returns the index of 2^level free blocks, aligned to 2^level, at the lowest position. The index is beyond
   * the end if there is no space.
   */
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

  /** Removes blocks that the log allocates. Returns false if one of them is not free. */
  take(index: number, count: number): boolean {
    const at = this.extents.findIndex((extent) => extent.index <= index && index + count <= extent.index + extent.count);
    if (at === -1) return false;
    this.cut(at, index, count);
    return true;
  }

  /** Adds blocks that the log frees. Returns false if one of them is free already or does not exist. */
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

export interface LogSpace {
  /** Allocates one block. Returns undefined if there is no space. */
  allocate(): number | undefined;
  /** The extents that are free at the time of the call. */
  freeExtents(): readonly Extent[];
}

/**
 * Writes the chain of log blocks and returns the pointer to its newest block. The blocks of the log are
 * allocated before the free blocks are counted, because they are not free.
 */
export function writeAllocationLog(space: LogSpace, disk: BlockDisk): BlockPointer {
  const indices = [space.allocate()];
  while (indices.length * entriesPerLogBlock < space.freeExtents().length) indices.push(space.allocate());
  const groups = grouped(space.freeExtents(), entriesPerLogBlock);
  let previous = nullPointer;
  for (const [i, index] of indices.entries()) {
    if (index === undefined) continue;
    const block = encodeAllocationLog({ previous, entries: groups[i] ?? [] });
    disk.write(index, block);
    previous = pointerTo(index, 0, block);
  }
  return previous;
}
