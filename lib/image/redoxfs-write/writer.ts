// Writes a file tree as a RedoxFS of version 8 (source: filesystem.rs of the crate redoxfs): contents first,
// nodes above them, then the tree, the allocation log and the headers. The bytes of each block are defined in
// the files that this one imports.
import { Buffer } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import { cannot, present } from '../../core/errors.ts';
import { formatBytes } from '../../core/sizes.ts';
import type { Context } from '../../core/events.ts';
import { joinPath, namesByDirectory, openContent } from '../file-tree.ts';
import type { Entry, FileTree } from '../file-tree.ts';
import { guidFrom, guidText } from '../guid.ts';
import { pace } from '../../core/events.ts';
import { BlockAllocator, writeAllocationLog } from './allocation.ts';
import { encodeNode, encodeTreeList, idOfSlot, isFull, mostNodes, nodeTypes, slotsPerList, treeLevels } from '../redoxfs/node.ts';
import type { DirectoryEntry } from '../redoxfs/node.ts';
import { grouped, writeDirectory } from './directory-writer.ts';
import { encodeHeader, newKeys } from '../redoxfs/header.ts';
import type { BlockCipher, Header } from '../redoxfs/header.ts';
import { blockBytes, fileRecordLevel, markerPointer, nullPointer, pointerTo } from '../redoxfs/blocks.ts';
import type { BlockPointer } from '../redoxfs/blocks.ts';
import { RecordWriter } from './records.ts';
import { encryptedDisk, fileDisk } from './sink.ts';
import type { BlockDisk, BlockSink } from './sink.ts';
import { largestFolders } from '../tree-sizes.ts';
import { refuseXattrs } from '../xattrs.ts';

export interface RedoxfsOptions {
  /** Name in errors: that of the partition. */
  readonly name: string;
  /** Start of the file system in the open file, which must contain zeros there. */
  readonly offsetBytes: number;
  /** Available space in bytes. The part after the last whole block is not used. */
  readonly sizeBytes: number;
  /** All times of all nodes, in seconds since 1970. */
  readonly timestampSec: number;
  /** Whether records are compressed with LZ4 if that saves blocks. Default: false. */
  readonly compress?: boolean | undefined;
  /** Encrypts the file system with random keys that this password opens. The bytes then differ each time. */
  readonly password?: string | undefined;
}

export interface WrittenRedoxfs {
  readonly uuid: string;
  readonly nodes: number;
  /** End of its last block in use, from the start of the file system. Zeros follow. */
  readonly usedEndBytes: number;
}

/**
 * The pointer of a block without space. It is never written, but it is not null, so that the lists above it
 * are counted too.
 */
const noRoom = markerPointer(0);

/**
 * Writes `tree` into the open file `fd`. A name that RedoxFS does not support, and too little space (the
 * error has the number of missing bytes), are Failures.
 */
export async function writeRedoxfs(tree: FileTree, fd: number, options: RedoxfsOptions, context: Context): Promise<WrittenRedoxfs> {
  refuseXattrs(tree, 'a RedoxFS');
  const writer = new RedoxfsWriter(tree, fd, options, context);
  const ids = new Map([...tree.entries.keys()].map((path, i) => [path, idOfSlot(i + 1)]));
  if (ids.size > mostNodes)
    throw cannot(`write the RedoxFS "${options.name}"`, `it has ${ids.size} files, and RedoxFS allows ${mostNodes}`);
  const names = namesByDirectory(tree);
  const nodes: BlockPointer[] = [];
  for (const [path, entry] of tree.entries) {
    const entries = (names.get(path) ?? []).map((name): DirectoryEntry => ({ name, id: present(ids.get(joinPath(path, name)), name) }));
    nodes.push(await writer.writeEntry(path, entry, entries));
  }
  const header = writer.writeTreeAndHeaders(nodes);
  return { uuid: guidText(header.uuid), nodes: nodes.length, usedEndBytes: writer.usedEndBytes };
}

class RedoxfsWriter implements BlockSink {
  private readonly disk: BlockDisk;
  /** Present if the file system is to be encrypted. */
  private readonly keys: { readonly cipher: BlockCipher; readonly keySlots: Buffer } | undefined;
  private readonly options: RedoxfsOptions;
  private readonly tree: FileTree;
  private readonly blocks: BlockAllocator;
  private readonly turn: (bytes: number) => Promise<void>;
  private readonly records: RecordWriter;

  constructor(tree: FileTree, fd: number, options: RedoxfsOptions, context: Context) {
    this.keys = options.password === undefined ? undefined : newKeys(options.password);
    this.disk = encryptedDisk(fileDisk(fd, options.offsetBytes), this.keys?.cipher);
    this.options = options;
    this.tree = tree;
    this.blocks = new BlockAllocator(Math.floor(options.sizeBytes / blockBytes));
    this.turn = pace(context);
    this.records = new RecordWriter(this, { compress: options.compress ?? false, turn: this.turn });
  }

  get usedEndBytes(): number {
    return this.blocks.usedEnd * blockBytes;
  }

  /** Writes everything of one path, its node last. */
  async writeEntry(path: string, entry: Entry, children: readonly DirectoryEntry[]): Promise<BlockPointer> {
    await this.turn(blockBytes);
    const { uid, gid } = entry;
    const common = { mode: nodeTypes[entry.kind] | entry.mode, uid, gid, links: 1, timeSec: this.options.timestampSec };
    if (entry.kind === 'directory') {
      const { sizeBytes, data, blocks } = writeDirectory(path, children, this);
      return this.write(encodeNode({ ...common, recordLevel: 0, sizeBytes, data, blocks: blocks + 1 }), 0);
    }
    const recordLevel = entry.kind === 'file' ? fileRecordLevel : 0;
    const content = openContent(entry.kind === 'file' ? entry.content : { kind: 'bytes', bytes: Buffer.from(entry.target) });
    try {
      const written = await this.records.write(content, recordLevel);
      const { sizeBytes } = content;
      if (!written)
        throw cannot(`write the RedoxFS "${this.options.name}"`, `a file of ${sizeBytes} bytes is larger than the format allows`);
      return this.write(encodeNode({ ...common, recordLevel, sizeBytes, data: written.data, blocks: written.blocks + 1 }), 0);
    } finally {
      content.close();
    }
  }

  /**
   * Writes the four levels of lists over the nodes (in order of their ids), the log, and the headers of
   * generations 0 and 1.
   */
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
    const alloc = writeAllocationLog({ allocate: () => this.blocks.allocate(0), freeExtents: () => this.blocks.freeExtents() }, this.disk);
    if (this.blocks.missingBlocks > 0) this.failForRoom();
    const sizeBytes = this.blocks.blockCount * blockBytes;
    // The tree's pointer contains the hash of everything below it, so the UUID depends on the content. That
    // of an encrypted file system reveals nothing about the content.
    const keys = this.keys;
    const content = keys ? randomUUID() : `${tree.index} ${tree.hash} ${alloc.index} ${alloc.hash}`;
    const uuid = guidFrom(`redoxfs ${sizeBytes} ${content}`);
    const header = { uuid, sizeBytes, generation: 0, tree, alloc, release: nullPointer, keySlots: keys?.keySlots };
    // Readers with a known block read slot 0 first and then take the highest generation, which is 1 after
    // upstream's first commit. Slot 0 has the same pointers, so that nothing is lost if slot 1 is lost.
    this.disk.write(0, encodeHeader(header, keys?.cipher));
    this.disk.write(1, encodeHeader({ ...header, generation: 1 }, keys?.cipher));
    return header;
  }

  private writeTreeList(
    pointers: readonly BlockPointer[],
    taken: readonly boolean[],
  ): { readonly pointer: BlockPointer; readonly full: boolean } {
    const bitmap = taken.reduce((bits, bit, i) => (bit ? bits | (1n << BigInt(i)) : bits), 0n);
    const list = { pointers, bitmap };
    return { pointer: this.write(encodeTreeList(list), 0), full: isFull(list) };
  }

  private failForRoom(): never {
    const bytes = this.blocks.missingBlocks * blockBytes;
    const why = `its ${formatBytes(this.options.sizeBytes)} are too small: ${bytes} bytes (${formatBytes(bytes)}) are missing`;
    throw cannot(`write the RedoxFS "${this.options.name}"`, why, {
      hint: `make the image or the partition larger, or leave something out; the largest folders are ${largestFolders(this.tree)}`,
    });
  }

  /**
   * Allocates a block and writes it. If there is no space left, blocks are still counted, and the end of the
   * writing fails.
   */
  write(bytes: Buffer, level: number, decompressedLevel = 0): BlockPointer {
    const index = this.blocks.allocate(level);
    if (index === undefined) return noRoom;
    this.disk.write(index, bytes);
    return { ...pointerTo(index, level, bytes), decompressedLevel };
  }
}
