// Who uses which blocks of a RedoxFS, and which are free by its allocation log. Two accounts of the same thing, kept apart so that
// they can be compared.
import { bytesOfLevel, headerRingBlocks } from './pointer.ts';
import type { BlockPointer } from './pointer.ts';
import { firstUsableBlock, readAllocationLog } from './allocation.ts';
import { damaged } from './blocks.ts';
import type { Redoxfs } from './reader.ts';
import type { Finding } from '../read/volume.ts';

/** The blocks that something leads to, each with the path it was read for. */
export class BlockUsage {
  private readonly owners = new Map<number, { readonly path: string; readonly level: number }>();
  private readonly counts = new Map<string, number>();
  private readonly shared: Finding[] = [];

  reach({ index, level }: BlockPointer, path: string): void {
    const owner = this.owners.get(index);
    if (owner?.path === path) return;
    if (owner) {
      this.shared.push({ path, why: `block ${index} belongs to "${owner.path}" as well` });
      return;
    }
    this.owners.set(index, { path, level });
    this.counts.set(path, (this.counts.get(path) ?? 0) + 2 ** level);
  }

  /** Blocks of 4 KiB that were read for a path. */
  blocksOf(path: string): number {
    return this.counts.get(path) ?? 0;
  }

  get bytes(): number {
    return [...this.owners.values()].reduce((sum, { level }) => sum + bytesOfLevel(level), 0);
  }

  /** Blocks that belong to two, lie in the header ring, or are free by the log. */
  conflicts(free: Uint8Array): readonly Finding[] {
    const found = [...this.shared];
    let end = headerRingBlocks;
    let before = 'the header ring';
    for (const [index, { path, level }] of [...this.owners].sort(([a], [b]) => a - b)) {
      if (index < end) found.push({ path, why: `block ${index} overlaps a block of "${before}"` });
      if (free.subarray(index, index + 2 ** level).includes(1)) found.push({ path, why: `block ${index} is free by the allocation log` });
      end = index + 2 ** level;
      before = path;
    }
    return found;
  }

  /** Blocks that are neither free nor reached; upstream itself never uses the one after the header ring. */
  leaked(free: Uint8Array): number {
    const accounted = Uint8Array.from(free);
    for (const [index, { level }] of this.owners) accounted.fill(1, index, index + 2 ** level);
    return accounted.subarray(firstUsableBlock).reduce((count, known) => count + (known === 1 ? 0 : 1), 0);
  }
}

/** Replays the log from its oldest block: a byte for each block, 1 where it is free. Nonsense in the log is a Failure. */
export function freeBlocks(fs: Redoxfs, blockCount: number, logPath: string): Uint8Array {
  const free = new Uint8Array(blockCount);
  for (const { index, count } of readAllocationLog(fs.blocks, fs.header.alloc).entries) {
    const length = Math.abs(count);
    if (index + length > blockCount) throw damaged(logPath, `it speaks of block ${index + length - 1}, and there are ${blockCount}`);
    const range = free.subarray(index, index + length);
    const wanted = count > 0 ? 0 : 1;
    if (range.includes(1 - wanted)) {
      throw damaged(logPath, `it ${count > 0 ? 'frees' : 'takes'} blocks from ${index} on that are not ${count > 0 ? 'taken' : 'free'}`);
    }
    range.fill(1 - wanted);
  }
  return free;
}
