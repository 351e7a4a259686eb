// Changes the tree of a RedoxFS (facts: RedoxFS 1.7): finds free ids, and rewrites the lists that lead to changed nodes. Lists that
// lead to no changed node are kept.
import { isNull, nullPointer } from '../redoxfs/blocks.ts';
import type { BlockPointer } from '../redoxfs/blocks.ts';
import type { Redoxfs } from '../redoxfs/reader.ts';
import type { BlockSink } from './sink.ts';
import { encodeTreeList, isFull, slotsPerList, treeLevels } from '../redoxfs/node.ts';
import type { TreeList } from '../redoxfs/node.ts';

const treePath = '(tree)';
const emptyList: TreeList = { pointers: [], bitmap: 0n };

/** The lowest id without a node that is not in `taken`; undefined when the tree is full. */
export function freeId(fs: Redoxfs, taken: ReadonlySet<number>): number | undefined {
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

/** Writes the lists anew that lead to the nodes in `changed` (id to pointer), and returns the new top. `release` is called with replaced blocks. */
export function changedTree(
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
