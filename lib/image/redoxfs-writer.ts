// Writes a file tree as a RedoxFS of version 8 (facts: RedoxFS 1.12): contents first, nodes above them, then the tree, the
// allocation log and the headers. Nothing is compressed, which is always valid. What the bytes of each block are, is in the
// files that this one imports; here is only what goes where.
import { Buffer } from 'node:buffer';
import { writeSync } from 'node:fs';
import { cannot } from '../core/errors.ts';
import { formatBytes } from '../core/sizes.ts';
import type { Context } from '../core/events.ts';
import { openContent } from './content.ts';
import type { OpenContent } from './content.ts';
import { joinPath, namesByDirectory } from './file-tree.ts';
import type { Entry, FileTree } from './file-tree.ts';
import { guidFrom, guidText } from './guid.ts';
import { pace } from '../core/pace.ts';
import { BlockAllocator, encodeAllocationLog, entriesPerLogBlock } from './redoxfs-allocation.ts';
import { badRedoxfsName, cutIntoLists, deepestHtree, encodeDirList, encodeHtree, htreeEntries } from './redoxfs-directory.ts';
import type { DirectoryEntry, HtreeEntry } from './redoxfs-directory.ts';
import { encodeHeader } from './redoxfs-header.ts';
import type { Header } from './redoxfs-header.ts';
import { encodeNode, mostInlineBytes, nodeTypes, pointersAtDepth } from './redoxfs-node.ts';
import type { Node } from './redoxfs-node.ts';
import {
  blockBytes,
  bytesOfLevel,
  fileRecordLevel,
  isNull,
  levelFor,
  markerPointer,
  nullPointer,
  pointerBytes,
  pointerTo,
  writePointer,
} from './redoxfs-pointer.ts';
import type { BlockPointer } from './redoxfs-pointer.ts';
import { encodeTreeList, idOfSlot, isFull, mostNodes, slotsPerList, treeLevels } from './redoxfs-tree.ts';

export interface RedoxfsOptions {
  /** What errors call it: the partition's name. */
  readonly name: string;
  /** Where the file system begins in the open file, which must read as zeros there. */
  readonly offsetBytes: number;
  /** Room for it; what is beyond the last whole block stays unused. */
  readonly sizeBytes: number;
  /** All times of all nodes, in seconds since 1970. */
  readonly timestampSec: number;
}

export interface WrittenRedoxfs {
  readonly uuid: string;
  readonly nodes: number;
  /** Where its last block in use ends, from its start; zeros follow. */
  readonly usedEndBytes: number;
}

const pointersPerList = blockBytes / pointerBytes;
/** Stands for a block that found no room; never written, but not null, so that the lists above it are counted too. */
const noRoom = markerPointer(0);
const zeros = Buffer.alloc(bytesOfLevel(fileRecordLevel));

/** Writes `tree` into the open file `fd`. A name that RedoxFS cannot hold, or too little room (it says how many bytes are missing), is a Failure. */
export async function writeRedoxfs(tree: FileTree, fd: number, options: RedoxfsOptions, context: Context): Promise<WrittenRedoxfs> {
  const writer = new RedoxfsWriter(fd, options, context);
  const ids = new Map([...tree.entries.keys()].map((path, i) => [path, idOfSlot(i + 1)]));
  if (ids.size > mostNodes)
    throw cannot(`write the RedoxFS "${options.name}"`, `it has ${ids.size} files, and RedoxFS allows ${mostNodes}`);
  const names = namesByDirectory(tree);
  const nodes: BlockPointer[] = [];
  for (const [path, entry] of tree.entries) {
    const entries = (names.get(path) ?? []).map((name): DirectoryEntry => ({ name, id: ids.get(joinPath(path, name)) ?? 0 }));
    nodes.push(await writer.writeEntry(path, entry, entries));
  }
  const header = writer.writeTreeAndHeaders(nodes);
  return { uuid: guidText(header.uuid), nodes: nodes.length, usedEndBytes: writer.usedEndBytes };
}

class RedoxfsWriter {
  private readonly fd: number;
  private readonly options: RedoxfsOptions;
  private readonly blocks: BlockAllocator;
  private readonly turn: (bytes: number) => Promise<void>;
  private readonly record = Buffer.alloc(bytesOfLevel(fileRecordLevel));
  /** Blocks that the node being written uses so far. */
  private nodeBlocks = 0;

  constructor(fd: number, options: RedoxfsOptions, context: Context) {
    this.fd = fd;
    this.options = options;
    this.blocks = new BlockAllocator(Math.floor(options.sizeBytes / blockBytes));
    this.turn = pace(context);
  }

  get usedEndBytes(): number {
    return this.blocks.usedEnd * blockBytes;
  }

  /** Everything of one path, its node last. */
  async writeEntry(path: string, entry: Entry, children: readonly DirectoryEntry[]): Promise<BlockPointer> {
    await this.turn(blockBytes);
    this.nodeBlocks = 1;
    const { uid, gid } = entry;
    const common = { mode: nodeTypes[entry.kind] | entry.mode, uid, gid, links: 1, timeSec: this.options.timestampSec };
    if (entry.kind === 'directory') return this.writeNode({ ...common, recordLevel: 0, ...this.writeDirectory(path, children) });
    const recordLevel = entry.kind === 'file' ? fileRecordLevel : 0;
    const content = openContent(entry.kind === 'file' ? entry.content : { kind: 'bytes', bytes: Buffer.from(entry.target) });
    try {
      const data =
        content.sizeBytes <= mostInlineBytes ? { inline: readAll(content) } : { pointers: await this.writeRecords(content, recordLevel) };
      return this.writeNode({ ...common, recordLevel, sizeBytes: content.sizeBytes, data });
    } finally {
      content.close();
    }
  }

  private writeNode(node: Omit<Node, 'blocks'>): BlockPointer {
    return this.writeBlock(encodeNode({ ...node, blocks: this.nodeBlocks }), 0);
  }

  /** The records of a file and the block lists above them, as the pointers of its node. */
  private async writeRecords(content: OpenContent, recordLevel: number): Promise<readonly (readonly BlockPointer[])[]> {
    const records = Math.ceil(content.sizeBytes / bytesOfLevel(recordLevel));
    const pointers: BlockPointer[][] = [];
    let first = 0;
    for (const [depth, most] of pointersAtDepth.entries()) {
      const here: BlockPointer[] = [];
      for (; here.length < most && first < records; first += pointersPerList ** depth) {
        here.push(await this.writeSpan(content, recordLevel, depth, first));
      }
      pointers.push(here);
    }
    if (first < records) {
      throw cannot(`write the RedoxFS "${this.options.name}"`, `a file of ${content.sizeBytes} bytes is larger than the format allows`);
    }
    return pointers;
  }

  /** Record `first` (depth 0), or the block list of depth `depth` that begins with it; null where all is zeros. */
  private async writeSpan(content: OpenContent, recordLevel: number, depth: number, first: number): Promise<BlockPointer> {
    const recordBytes = bytesOfLevel(recordLevel);
    const start = first * recordBytes;
    const length = Math.min(content.sizeBytes - start, pointersPerList ** depth * recordBytes);
    if (content.isHole(start, length)) return nullPointer;
    if (depth === 0) return await this.writeRecord(content, start, length);
    const list = Buffer.alloc(blockBytes);
    let empty = true;
    for (let i = 0; i < pointersPerList; i++) {
      const child = first + i * pointersPerList ** (depth - 1);
      if (child * recordBytes >= content.sizeBytes) break;
      const pointer = await this.writeSpan(content, recordLevel, depth - 1, child);
      empty &&= isNull(pointer);
      writePointer(list, i * pointerBytes, pointer);
    }
    if (empty) return nullPointer;
    this.nodeBlocks += 1;
    return this.writeBlock(list, 0);
  }

  /** A record at the smallest level that holds it: only the last one of a file is short. */
  private async writeRecord(content: OpenContent, start: number, length: number): Promise<BlockPointer> {
    const level = levelFor(length);
    const bytes = this.record.subarray(0, bytesOfLevel(level));
    content.read(start, bytes);
    await this.turn(bytes.length);
    if (bytes.equals(zeros.subarray(0, bytes.length))) return nullPointer;
    this.nodeBlocks += 2 ** level;
    return this.writeBlock(bytes, level);
  }

  /** The lists of a directory and the H-tree above them. */
  private writeDirectory(path: string, entries: readonly DirectoryEntry[]): Pick<Node, 'sizeBytes' | 'data'> {
    for (const { name } of entries) {
      const why = badRedoxfsName(name);
      if (why) throw cannot(`write "${joinPath(path, name)}" into a RedoxFS`, why);
    }
    if (entries.length === 0) return { sizeBytes: 0, data: { pointers: [] } };
    const lists = cutIntoLists(entries);
    if (!lists) throw cannot(`write the directory "${path}" into a RedoxFS`, 'too many of its names have the same hash');
    let level: HtreeEntry[] = lists.map((list) => ({ hash: list.maxHash, pointer: this.writeBlock(encodeDirList(list.entries), 0) }));
    let blocks = level.length;
    let depth = 0;
    for (; level.length > 1; depth++) {
      level = grouped(level, htreeEntries).map((group) => ({
        hash: group.at(-1)?.hash ?? 0,
        pointer: this.writeBlock(encodeHtree(group), 0),
      }));
      blocks += level.length;
    }
    if (depth > deepestHtree) throw cannot(`write the directory "${path}" into a RedoxFS`, 'it has too many entries');
    this.nodeBlocks += blocks;
    return { sizeBytes: blocks * blockBytes, data: { pointers: [[markerPointer(depth), level[0]?.pointer ?? nullPointer]] } };
  }

  /** The four levels of lists over the nodes (in order of their ids), the log, and the headers of generations 0 and 1. */
  writeTreeAndHeaders(nodes: readonly BlockPointer[]): Header {
    let level = grouped([nullPointer, ...nodes], slotsPerList).map((pointers) =>
      this.writeTreeList(
        pointers,
        pointers.map(() => true),
      ),
    );
    for (let above = 1; above < treeLevels; above++) {
      level = grouped(level, slotsPerList).map((lists) =>
        this.writeTreeList(
          lists.map(({ pointer }) => pointer),
          lists.map(({ full }) => full),
        ),
      );
    }
    const tree = level[0]?.pointer ?? nullPointer;
    const alloc = this.writeAllocationLog();
    if (this.blocks.missingBlocks > 0) this.failForRoom();
    const sizeBytes = this.blocks.blockCount * blockBytes;
    // The tree's pointer carries the hash of all below it, so the UUID names the content.
    const uuid = guidFrom(`redoxfs ${sizeBytes} ${tree.index} ${tree.hash} ${alloc.index} ${alloc.hash}`);
    const header = { uuid, sizeBytes, generation: 0, tree, alloc, release: nullPointer };
    // Readers that are told the block look at slot 0 first and then take the highest generation, as upstream's own first commit is 1.
    // Slot 0 has the same pointers, so that the loss of slot 1 loses nothing.
    this.writeAt(0, encodeHeader(header));
    this.writeAt(1, encodeHeader({ ...header, generation: 1 }));
    return header;
  }

  private writeTreeList(
    pointers: readonly BlockPointer[],
    taken: readonly boolean[],
  ): { readonly pointer: BlockPointer; readonly full: boolean } {
    const bitmap = taken.reduce((bits, bit, i) => (bit ? bits | (1n << BigInt(i)) : bits), 0n);
    const list = { pointers, bitmap };
    return { pointer: this.writeBlock(encodeTreeList(list), 0), full: isFull(list) };
  }

  /** A chain of log blocks that frees what is left; the blocks of the chain are taken before the rest is counted. */
  private writeAllocationLog(): BlockPointer {
    const indices = [this.blocks.allocate(0)];
    while (indices.length * entriesPerLogBlock < this.blocks.freeExtents().length) indices.push(this.blocks.allocate(0));
    let previous = nullPointer;
    const groups = grouped(this.blocks.freeExtents(), entriesPerLogBlock);
    for (const [i, index] of indices.entries()) {
      const block = encodeAllocationLog({ previous, entries: groups[i] ?? [] });
      if (index === undefined) continue;
      this.writeAt(index, block);
      previous = pointerTo(index, 0, block);
    }
    return previous;
  }

  private failForRoom(): never {
    const bytes = this.blocks.missingBlocks * blockBytes;
    const why = `its ${formatBytes(this.options.sizeBytes)} are too small: ${bytes} bytes (${formatBytes(bytes)}) are missing`;
    throw cannot(`write the RedoxFS "${this.options.name}"`, why, {
      hint: 'make the image or the partition larger, or leave something out',
    });
  }

  /** Takes room for a block and writes it. Where there is no room left it goes on counting, and the end of the writing fails. */
  private writeBlock(bytes: Buffer, level: number): BlockPointer {
    const index = this.blocks.allocate(level);
    if (index === undefined) return noRoom;
    this.writeAt(index, bytes);
    return pointerTo(index, level, bytes);
  }

  private writeAt(index: number, bytes: Buffer): void {
    const at = this.options.offsetBytes + index * blockBytes;
    for (let done = 0; done < bytes.length;) done += writeSync(this.fd, bytes, done, bytes.length - done, at + done);
  }
}

function readAll(content: OpenContent): Uint8Array {
  const bytes = new Uint8Array(content.sizeBytes);
  content.read(0, bytes);
  return bytes;
}

function grouped<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size));
}
