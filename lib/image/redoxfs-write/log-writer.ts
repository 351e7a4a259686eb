// Writes an allocation log that describes the free blocks of a RedoxFS from scratch (facts: RedoxFS 1.11). The blocks of the log are
// allocated before the free blocks are counted, because they are not free.
import { encodeAllocationLog, entriesPerLogBlock, nullPointer, pointerTo } from '../redoxfs/blocks.ts';
import type { BlockPointer, Extent } from '../redoxfs/blocks.ts';
import { grouped } from './directory-writer.ts';
import type { BlockDisk } from './sink.ts';

export interface LogSpace {
  /** Allocates one block; undefined when there is no room. */
  allocate(): number | undefined;
  /** The extents that are free at the time of the call. */
  freeExtents(): readonly Extent[];
}

/** Writes the chain of log blocks and returns the pointer to its newest block. */
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
