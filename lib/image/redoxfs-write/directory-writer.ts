// Writes the entries of a directory as RedoxFS lists with the H-tree above them (source: dir.rs and htree.rs
// of the crate redoxfs).
import { cannot, itemOf, lastOf } from '../../core/errors.ts';
import { joinPath } from '../file-tree.ts';
import { badRedoxfsName, cutIntoLists, deepestHtree, encodeDirList, encodeHtree, htreeEntries } from '../redoxfs/node.ts';
import type { DirectoryEntry, HtreeEntry, NodeData } from '../redoxfs/node.ts';
import { blockBytes, markerPointer } from '../redoxfs/blocks.ts';
import type { BlockSink } from './sink.ts';

export interface WrittenDirectory {
  readonly sizeBytes: number;
  readonly data: NodeData;
  /** Number of blocks of 4 KiB, without the node itself. */
  readonly blocks: number;
}

/**
 * Writes all entries of the directory at `path`. Names that RedoxFS does not support are a Failure that names
 * the path.
 */
export function writeDirectory(path: string, entries: readonly DirectoryEntry[], sink: BlockSink): WrittenDirectory {
  for (const { name } of entries) {
    const why = badRedoxfsName(name);
    if (why) throw cannot(`write "${joinPath(path, name)}" into a RedoxFS`, why);
  }
  if (entries.length === 0) return { sizeBytes: 0, data: { pointers: [] }, blocks: 0 };
  const lists = cutIntoLists(entries);
  if (!lists) throw cannot(`write the directory "${path}" into a RedoxFS`, 'too many of its names have the same hash');
  let level: HtreeEntry[] = lists.map((list) => ({ hash: list.maxHash, pointer: sink.write(encodeDirList(list.entries), 0) }));
  let blocks = level.length;
  let depth = 0;
  for (; level.length > 1; depth++) {
    level = grouped(level, htreeEntries).map((group) => ({
      hash: lastOf(group).hash,
      pointer: sink.write(encodeHtree(group), 0),
    }));
    blocks += level.length;
  }
  if (depth > deepestHtree) throw cannot(`write the directory "${path}" into a RedoxFS`, 'it has too many entries');
  const root = itemOf(level, 0).pointer;
  return { sizeBytes: blocks * blockBytes, data: { pointers: [[markerPointer(depth), root]] }, blocks };
}

/** Returns the items in groups of `size`. The last group may be smaller. */
export function grouped<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size));
}
