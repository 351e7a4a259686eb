// Lists every block that belongs to a node besides the node itself: records and block lists of a file, lists and H-tree of a directory.
// A transaction that replaces the contents of the node releases these blocks.
import { decodeHtree, nodeTypes, typeOf } from '../redoxfs/node.ts';
import type { Node } from '../redoxfs/node.ts';
import { blockBytes, damaged, isNull, pointerBytes, readPointers } from '../redoxfs/blocks.ts';
import type { BlockPointer } from '../redoxfs/blocks.ts';
import type { Redoxfs } from '../redoxfs/reader.ts';

/** The blocks of the node at `path`, each before the blocks that it points at. */
export function* nodeBlocks(fs: Redoxfs, node: Node, path: string): Generator<BlockPointer> {
  if ('inline' in node.data) return;
  if (typeOf(node) === nodeTypes.directory) {
    const [marker, root] = node.data.pointers[0] ?? [];
    if (marker && root && !isNull(root)) yield* htreeBlocks(fs, root, marker.level, path);
    return;
  }
  for (const [depth, pointers] of node.data.pointers.entries()) {
    for (const pointer of pointers) yield* listBlocks(fs, pointer, depth, path);
  }
}

function* listBlocks(fs: Redoxfs, pointer: BlockPointer, depth: number, path: string): Generator<BlockPointer> {
  if (isNull(pointer)) return;
  yield pointer;
  if (depth === 0) return;
  for (const child of readPointers(fs.blocks.meta(pointer, path), 0, blockBytes / pointerBytes)) {
    yield* listBlocks(fs, child, depth - 1, path);
  }
}

function* htreeBlocks(fs: Redoxfs, pointer: BlockPointer, depth: number, path: string): Generator<BlockPointer> {
  yield pointer;
  if (depth === 0) return;
  const children = decodeHtree(fs.blocks.meta(pointer, path));
  if (!children) throw damaged(path, `block ${pointer.index} is not a part of an H-tree`);
  for (const child of children) yield* htreeBlocks(fs, child.pointer, depth - 1, path);
}
