// The free blocks of an existing RedoxFS as extents: replayed from the allocation log, allocated from, and extended. Blocks that a
// transaction releases are kept apart: they must not be written before the next header is valid.
import { decodeAllocationLog, joined } from './redoxfs-allocation.ts';
import type { AllocationEntry, Extent } from './redoxfs-allocation.ts';
import { damaged } from './redoxfs-blocks.ts';
import { isNull } from './redoxfs-pointer.ts';
import type { BlockPointer } from './redoxfs-pointer.ts';
import type { Redoxfs } from './redoxfs-reader.ts';

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
  private extents: { index: number; count: number }[] = [];
  /** Blocks of the file system. Allocations that find no room are placed after them. */
  private readonly blockCount: number;
  private end: number;

  constructor(extents: readonly Extent[], blockCount: number) {
    this.extents = joined(extents).map(({ index, count }) => ({ index, count }));
    this.blockCount = blockCount;
    this.end = blockCount;
    this.extents.forEach(({ index, count }, i) => {
      const next = this.extents[i + 1];
      if (index + count > blockCount) throw damaged(logPath, `it names block ${index + count - 1}, and there are ${blockCount}`);
      if (next && index + count > next.index) throw damaged(logPath, `block ${next.index} is free twice`);
    });
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

  /** Takes blocks that the log says are allocated; false when one of them is not free. */
  take(index: number, count: number): boolean {
    const at = this.extents.findIndex((extent) => extent.index <= index && index + count <= extent.index + extent.count);
    if (at === -1) return false;
    this.cut(at, index, count);
    return true;
  }
}

/** The free blocks that the log describes, for a file system of `blockCount` blocks. */
export function replayed({ entries }: AllocationLog, blockCount: number): FreeList {
  let list = new FreeList([], blockCount);
  let freed: Extent[] = [];
  const flush = (): void => {
    if (freed.length > 0) list = new FreeList([...list.list(), ...freed], blockCount);
    freed = [];
  };
  for (const entry of entries) {
    if (entry.count > 0) {
      freed.push(entry);
      continue;
    }
    flush();
    const { index, count } = { index: entry.index, count: -entry.count };
    if (!list.take(index, count)) throw damaged(logPath, `it takes blocks from ${index} on that are not free`);
  }
  flush();
  return list;
}
