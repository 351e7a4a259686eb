// The blocks of a file in an ext2, ext3 or ext4: a tree of extents, or the older map of single blocks. Source of the format: Linux,
// Documentation/filesystems/ext4 (ifork.rst).
import type { Buffer } from 'node:buffer';
import type { Ext4Inode } from './inode.ts';
import type { ImageBytes } from '../image-bytes.ts';

/** Blocks that are next to each other in the file and in the file system. Blocks of the file that are in no run are zeros. */
export interface Run {
  readonly fileBlock: number;
  readonly diskBlock: number;
  readonly blocks: number;
}

const extent = { magic: 0xf30a, headerBytes: 12, entryBytes: 12, mostDepth: 5, mostBlocks: 32_768 } as const;
const direct = 12;
const pointerBytes = 4;

/** Yields the runs of a file in order. Extents that are allocated and not yet written are left out: they read as zeros. */
export function* runsOf(inode: Ext4Inode, bytes: ImageBytes, blockBytes: number): Generator<Run> {
  const bad = (why: string): Error => bytes.bad(`inode ${inode.number} is damaged: ${why}`);
  const map: BlockMap = { bytes, blockBytes, bad };
  let end = 0;
  for (const { written, ...run } of inode.hasExtents ? extentRuns(inode.data, undefined, map) : mappedRuns(inode, map)) {
    if (run.fileBlock < end) throw bad('its blocks are not in order');
    end = run.fileBlock + run.blocks;
    if (written) yield run;
  }
}

interface BlockMap {
  readonly bytes: ImageBytes;
  readonly blockBytes: number;
  readonly bad: (why: string) => Error;
}

type FoundRun = Run & { readonly written: boolean };

/** `depth`: the depth that the node must have; undefined for the root, which alone may be empty. */
function* extentRuns(node: Buffer, depth: number | undefined, map: BlockMap): Generator<FoundRun> {
  const entries = node.readUInt16LE(2);
  const ownDepth = node.readUInt16LE(6);
  const fits = extent.headerBytes + entries * extent.entryBytes <= node.length && ownDepth <= extent.mostDepth;
  const expected = depth === undefined || (ownDepth === depth && entries > 0);
  if (node.readUInt16LE(0) !== extent.magic || !fits || !expected) throw map.bad('its tree of extents is no tree');
  for (let i = 0; i < entries; i++) {
    const entry = node.subarray(extent.headerBytes + i * extent.entryBytes);
    if (ownDepth > 0) {
      const child = entry.readUInt16LE(8) * 2 ** 32 + entry.readUInt32LE(4);
      yield* extentRuns(map.bytes.read(child * map.blockBytes, map.blockBytes), ownDepth - 1, map);
      continue;
    }
    const length = entry.readUInt16LE(4);
    const written = length <= extent.mostBlocks;
    const blocks = written ? length : length - extent.mostBlocks;
    yield { fileBlock: entry.readUInt32LE(0), diskBlock: entry.readUInt16LE(6) * 2 ** 32 + entry.readUInt32LE(8), blocks, written };
  }
}

function* mappedRuns(inode: Ext4Inode, map: BlockMap): Generator<FoundRun> {
  let run: FoundRun | undefined;
  for (const [fileBlock, diskBlock] of mappedBlocks(inode, map)) {
    if (run && fileBlock === run.fileBlock + run.blocks && diskBlock === run.diskBlock + run.blocks) {
      run = { ...run, blocks: run.blocks + 1 };
      continue;
    }
    if (run) yield run;
    run = { fileBlock, diskBlock, blocks: 1, written: true };
  }
  if (run) yield run;
}

type MappedBlock = readonly [fileBlock: number, diskBlock: number];

/** Twelve pointers to blocks of the file, then one each to blocks of pointers of one, two and three levels. */
function* mappedBlocks({ data, sizeBytes }: Ext4Inode, map: BlockMap): Generator<MappedBlock> {
  const end = Math.ceil(sizeBytes / map.blockBytes);
  yield* pointedBlocks(data.subarray(0, direct * pointerBytes), { level: 0, fileBlock: 0, end }, map);
  let fileBlock = direct;
  for (const level of [1, 2, 3]) {
    const pointer = data.subarray((direct + level - 1) * pointerBytes, (direct + level) * pointerBytes);
    yield* pointedBlocks(pointer, { level, fileBlock, end }, map);
    fileBlock += (map.blockBytes / pointerBytes) ** level;
  }
}

interface PointerTable {
  /** How many levels of tables are below this one. */
  readonly level: number;
  /** The block of the file that the first pointer leads to. */
  readonly fileBlock: number;
  /** Number of blocks of the file. */
  readonly end: number;
}

function* pointedBlocks(table: Buffer, { level, fileBlock, end }: PointerTable, map: BlockMap): Generator<MappedBlock> {
  const step = (map.blockBytes / pointerBytes) ** level;
  for (let i = 0; i < table.length / pointerBytes && fileBlock + i * step < end; i++) {
    const diskBlock = table.readUInt32LE(i * pointerBytes);
    const first = fileBlock + i * step;
    if (diskBlock === 0) continue;
    if (level === 0) yield [first, diskBlock];
    else {
      const next = map.bytes.read(diskBlock * map.blockBytes, map.blockBytes);
      yield* pointedBlocks(next, { level: level - 1, fileBlock: first, end }, map);
    }
  }
}
