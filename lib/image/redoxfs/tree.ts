// The tree of RedoxFS version 8 (facts: RedoxFS 1.7): four levels of lists lead from a node's id to its block, and say by bitmaps
// which of their slots are taken. Blocks from and to values; nothing is read or written.
import { Buffer } from 'node:buffer';
import { blockBytes, pointerBytes, readPointers, writePointer } from './pointer.ts';
import type { BlockPointer } from './pointer.ts';

export const slotsPerList = 254;
export const treeLevels = 4;
export const rootId = 1;
export const mostNodes = slotsPerList ** treeLevels - 1;

const bitmapsAt = slotsPerList * pointerBytes;
const allOnes = (1n << BigInt(slotsPerList)) - 1n;

/** The id of the n-th slot: n in base 254, a digit to a byte. Slot 0 is reserved and slot 1 is the root. */
export function idOfSlot(slot: number): number {
  let id = 0;
  for (let level = treeLevels - 1; level >= 0; level--) id = id * 256 + (Math.floor(slot / slotsPerList ** level) % slotsPerList);
  return id;
}

/** The slot of each list from the top (level 3) down; undefined for an id that cannot be. */
export function slotsOfId(id: number): readonly number[] | undefined {
  const slots = [24, 16, 8, 0].map((shift) => (id >>> shift) & 255);
  return slots.every((slot) => slot < slotsPerList) ? slots : undefined;
}

export interface TreeList {
  readonly pointers: readonly BlockPointer[];
  /** Bit i: at level 0, slot i is taken (upstream's inserter asserts that every other is null); above, the list at slot i is full. */
  readonly bitmap: bigint;
}

export function isFull(list: TreeList): boolean {
  return (list.bitmap & allOnes) === allOnes;
}

export function encodeTreeList(list: TreeList): Buffer {
  const block = Buffer.alloc(blockBytes);
  for (const [i, pointer] of list.pointers.entries()) writePointer(block, i * pointerBytes, pointer);
  for (let word = 0; word < 4; word++) block.writeBigUInt64LE(BigInt.asUintN(64, list.bitmap >> BigInt(64 * word)), bitmapsAt + 8 * word);
  return block;
}

export function decodeTreeList(block: Buffer): TreeList {
  let bitmap = 0n;
  for (let word = 3; word >= 0; word--) bitmap = (bitmap << 64n) | block.readBigUInt64LE(bitmapsAt + 8 * word);
  return { pointers: readPointers(block, 0, slotsPerList), bitmap };
}
