// Changes an existing RedoxFS by copy-on-write (source: transaction.rs and header.rs of the crate redoxfs).
// New blocks are written only to free space, and the change becomes visible by one write, the header of the
// next generation. If the process ends at any point, the file system has its old or its new state.
//
// Every change is computed twice. The first time nothing is written, which shows whether there is enough
// space.
import type { Buffer } from 'node:buffer';
import { cannot } from '../../core/errors.ts';
import { formatBytes } from '../../core/sizes.ts';
import {
  blockBytes,
  damaged,
  headerRingBlocks,
  isNull,
  joined,
  logPath,
  nullPointer,
  pointerTo,
  readAllocationLog,
} from '../redoxfs/blocks.ts';
import type { AllocationLog, BlockPointer, Extent } from '../redoxfs/blocks.ts';
import { replayed, writeAllocationLog } from './allocation.ts';
import type { FreeList } from './allocation.ts';
import { encodeHeader } from '../redoxfs/header.ts';
import type { Header } from '../redoxfs/header.ts';
import type { Redoxfs } from '../redoxfs/reader.ts';
import { encryptedDisk } from './sink.ts';
import type { BlockDisk, BlockSink } from './sink.ts';
import { encodeTreeList, isFull, slotsPerList, treeLevels } from '../redoxfs/node.ts';
import type { TreeList } from '../redoxfs/node.ts';

/** A file system that is being changed. */
export interface Target {
  readonly fs: Redoxfs;
  readonly disk: BlockDisk;
  /** The new size of the file system, which may be larger than before. */
  readonly blockCount: number;
  /** The action for "Cannot <what>: ...". */
  readonly what: string;
}

const noDisk: BlockDisk = { write: () => {} };

/**
 * Runs `change`, which must do the same each time, and publishes it. Too little space is a Failure, and
 * nothing is written then.
 */
export async function commit(target: Target, change: (transaction: RedoxfsTransaction) => Promise<void>): Promise<Header> {
  const log = readAllocationLog(target.fs.blocks, target.fs.header.alloc);
  const trial = new RedoxfsTransaction({ ...target, disk: noDisk }, log);
  await change(trial);
  trial.finish();
  if (trial.missingBlocks > 0) {
    const bytes = trial.missingBlocks * blockBytes;
    const missing = `${bytes} bytes (${formatBytes(bytes)}) are missing`;
    const why = `the file system of ${formatBytes(target.blockCount * blockBytes)} has too little room: ${missing}`;
    throw cannot(target.what, why, { hint: 'npx zx tasks/image.ts grow IMAGE --size MIB makes an image larger' });
  }
  const { cipher } = target.fs;
  const transaction = new RedoxfsTransaction({ ...target, disk: encryptedDisk(target.disk, cipher) }, log);
  await change(transaction);
  const header = transaction.finish();
  target.disk.write(header.generation % headerRingBlocks, encodeHeader(header, cipher));
  return header;
}

export class RedoxfsTransaction implements BlockSink {
  readonly fs: Redoxfs;
  private readonly target: Target;
  private readonly log: AllocationLog;
  private readonly free: FreeList;
  /** Blocks of the previous generation that the next one does not use. */
  private readonly released: Extent[] = [];
  private readonly nodes = new Map<number, BlockPointer>();
  private readonly newIds = new Set<number>();

  constructor(target: Target, log: AllocationLog) {
    const { fs, blockCount } = target;
    const before = fs.header.sizeBytes / blockBytes;
    this.fs = fs;
    this.target = target;
    this.log = log;
    this.free = replayed(log, blockCount);
    if (blockCount > before && !this.free.give(before, blockCount - before)) {
      throw damaged(logPath, `it names blocks from ${before} on, which do not exist`);
    }
  }

  /** Number of blocks that the change lacks. */
  get missingBlocks(): number {
    return this.free.missingBlocks;
  }

  write(bytes: Buffer, level: number, decompressedLevel = 0): BlockPointer {
    const index = this.free.allocate(level);
    this.target.disk.write(index, bytes);
    return { ...pointerTo(index, level, bytes), decompressedLevel };
  }

  /** Releases the block from the next generation on. */
  release({ index, level }: BlockPointer): void {
    this.released.push({ index, count: 2 ** level });
  }

  /** Returns an id for a node that is not in the tree yet. */
  newId(): number {
    const id = freeId(this.fs, this.newIds);
    if (id === undefined) throw cannot(this.target.what, 'the file system has as many files as the format allows');
    this.newIds.add(id);
    return id;
  }

  /** Writes the block of a new or changed node. */
  setNode(id: number, block: Buffer): void {
    this.nodes.set(id, this.write(block, 0));
  }

  /** Writes the tree and the allocation log, and returns the header that publishes them. */
  finish(): Header {
    const { header } = this.fs;
    const tree = this.nodes.size === 0 ? header.tree : changedTree(this.fs, this.nodes, this, (pointer) => this.release(pointer));
    for (const block of this.log.blocks) this.release(block);
    const alloc = writeAllocationLog({ allocate: () => this.free.allocate(0), freeExtents: () => this.freeAfterwards() }, this.target.disk);
    return { ...header, sizeBytes: this.target.blockCount * blockBytes, generation: nextGeneration(header.generation), tree, alloc };
  }

  private freeAfterwards(): readonly Extent[] {
    const all = [...this.free.list(), ...this.released].sort((a, b) => a.index - b.index);
    for (const [i, { index, count }] of all.entries()) {
      const next = all[i + 1];
      if (next && index + count > next.index) throw damaged(logPath, `block ${next.index} is free, and something points at it`);
    }
    return joined(all);
  }
}

/**
 * Readers with a known start of the file system look for a header only in slot 0. Generations that would
 * overwrite it are skipped, so an interrupted write never damages the header there.
 */
function nextGeneration(generation: number): number {
  const next = generation + 1;
  return next % headerRingBlocks === 0 ? next + 1 : next;
}

const treePath = '(tree)';
const emptyList: TreeList = { pointers: [], bitmap: 0n };

/** Returns the lowest id without a node that is not in `taken`, or undefined if the tree is full. */
function freeId(fs: Redoxfs, taken: ReadonlySet<number>): number | undefined {
  return freeIdBelow(fs, fs.header.tree, treeLevels - 1, 0, taken);
}

function freeIdBelow(fs: Redoxfs, pointer: BlockPointer, level: number, idAbove: number, taken: ReadonlySet<number>): number | undefined {
  const list = listAt(fs, pointer);
  for (let slot = 0; slot < slotsPerList; slot++) {
    if (((list.bitmap >> BigInt(slot)) & 1n) === 1n) continue;
    const id = idAbove * 256 + slot;
    const child = list.pointers[slot] ?? nullPointer;
    const found = level > 0 ? freeIdBelow(fs, child, level - 1, id, taken) : isNull(child) && id !== 0 && !taken.has(id) ? id : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}

/**
 * Writes new lists that lead to the nodes in `changed` (id to pointer), and returns the new top. `release` is
 * called with replaced blocks.
 */
function changedTree(
  fs: Redoxfs,
  changed: ReadonlyMap<number, BlockPointer>,
  sink: BlockSink,
  release: (pointer: BlockPointer) => void,
): BlockPointer {
  const rewrite = (
    pointer: BlockPointer,
    level: number,
    here: ReadonlyMap<number, BlockPointer>,
  ): { pointer: BlockPointer; full: boolean } => {
    const before = listAt(fs, pointer);
    const pointers = Array.from({ length: slotsPerList }, (_, slot) => before.pointers[slot] ?? nullPointer);
    let { bitmap } = before;
    for (const [slot, below] of bySlot(here, level)) {
      const old = pointers[slot] ?? nullPointer;
      const bit = 1n << BigInt(slot);
      if (level > 0) {
        const child = rewrite(old, level - 1, below);
        pointers[slot] = child.pointer;
        bitmap = child.full ? bitmap | bit : bitmap & ~bit;
        continue;
      }
      for (const node of below.values()) pointers[slot] = node;
      if (!isNull(old)) release(old);
      bitmap |= bit;
    }
    if (!isNull(pointer)) release(pointer);
    const list = { pointers, bitmap };
    return { pointer: sink.write(encodeTreeList(list), 0), full: isFull(list) };
  };
  return rewrite(fs.header.tree, treeLevels - 1, changed).pointer;
}

function bySlot(changed: ReadonlyMap<number, BlockPointer>, level: number): ReadonlyMap<number, ReadonlyMap<number, BlockPointer>> {
  const slots = new Map<number, Map<number, BlockPointer>>();
  for (const [id, pointer] of changed) {
    const slot = (id >>> (8 * level)) & 255;
    const group = slots.get(slot) ?? new Map<number, BlockPointer>();
    slots.set(slot, group.set(id, pointer));
  }
  return slots;
}

function listAt(fs: Redoxfs, pointer: BlockPointer): TreeList {
  return isNull(pointer) ? emptyList : fs.treeList(pointer, treePath);
}
