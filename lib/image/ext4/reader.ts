// Reads the files of an ext2, ext3 or ext4 without trusting its content. e2fsck checks it in place.
// Names and link targets are bytes (lib/core/paths.ts). The journal is not replayed, as in debugfs:
// an image that was not unmounted shows the data that was written to its final place.
import { Buffer } from 'node:buffer';
import { decodeName } from '../../core/paths.ts';
import { byCodeUnit } from '../../core/digest.ts';
import { cannot } from '../../core/errors.ts';
import { MiB } from '../../core/sizes.ts';
import {
  dataBytes,
  decodeInode,
  deviceOf,
  entriesIn,
  Ext4Superblock,
  fileTypes,
  inlineName,
  inlineParts,
  typeOf,
  xattrsInBlock,
  xattrsInInode,
} from './format.ts';
import type { Ext4Inode } from './format.ts';
import { badName, joinPath } from '../file-tree.ts';
import { ImageBytes, specialTypes } from '../read/volume.ts';
import type { FilePiece, SpecialFile, Volume, VolumeEntry } from '../read/volume.ts';
import { xattrsOf } from '../xattrs.ts';
import type { Xattrs } from '../xattrs.ts';
import type { Context } from '../../core/events.ts';
import { tried, withPlainName } from '../image-tools.ts';
import type { ImageHost } from '../image-tools.ts';

const rootInode = 2;
/** The longest path that the kernel accepts. */
const longestTarget = 4096;

export class Ext4Reader {
  readonly #bytes: ImageBytes;
  readonly #superblock: Ext4Superblock;

  constructor(bytes: ImageBytes) {
    this.#bytes = bytes;
    this.#superblock = new Ext4Superblock(bytes);
  }

  /** Returns all entries by path, sorted. */
  entries(): ReadonlyMap<string, VolumeEntry> {
    const found = new Map<string, VolumeEntry>();
    const seen = new Set<number>([rootInode]);
    const folders: { readonly path: string; readonly inode: Ext4Inode }[] = [{ path: '', inode: this.#inode(rootInode) }];
    found.set('', this.#entry('', this.#inode(rootInode)));
    for (let folder = folders.pop(); folder; folder = folders.pop()) {
      for (const [name, number] of this.#names(folder.path, folder.inode)) {
        const path = joinPath(folder.path, name);
        const inode = this.#inode(number);
        const entry = this.#entry(path, inode);
        if (found.has(path)) throw this.#bad(path, 'it is there twice');
        found.set(path, entry);
        if (entry.kind !== 'directory') continue;
        if (seen.has(number)) throw this.#bad(path, 'it is a directory that is in two places');
        seen.add(number);
        folders.push({ path, inode });
      }
    }
    return new Map([...found].sort(([a], [b]) => byCodeUnit(a, b)));
  }

  find(path: string): VolumeEntry | undefined {
    const inode = this.#lookUp(path);
    return inode && this.#entry(path, inode);
  }

  /** Yields the bytes of a file in order, without holes. */
  *pieces(path: string): Generator<FilePiece> {
    const inode = this.#lookUp(path);
    if (!inode || typeOf(inode) !== fileTypes.file) throw this.#bad(path, 'it is not a file');
    if (inode.isEncrypted) throw this.#bad(path, 'it is encrypted');
    yield* this.#content(inode);
  }

  #lookUp(path: string): Ext4Inode | undefined {
    let inode = this.#inode(rootInode);
    for (const name of path === '' ? [] : path.split('/')) {
      if (typeOf(inode) !== fileTypes.directory) return undefined;
      const number = this.#names('', inode).get(name);
      if (number === undefined) return undefined;
      inode = this.#inode(number);
    }
    return inode;
  }

  #inode(number: number): Ext4Inode {
    const { inodeBytes } = this.#superblock;
    return decodeInode(number, this.#bytes.read(this.#superblock.inodeAtBytes(number), inodeBytes));
  }

  /** Returns the entries of a directory as name -> inode. */
  #names(path: string, inode: Ext4Inode): ReadonlyMap<string, number> {
    if (inode.isEncrypted) throw this.#bad(path, 'its names are encrypted');
    const names = new Map<string, number>();
    const bad = (why: string): Error => this.#bad(path, `its directory is damaged: ${why}`);
    for (const part of this.#directoryParts(inode)) {
      for (const { inode: number, name: bytes } of entriesIn(part, this.#superblock.hasFileTypes, bad)) {
        const name = decodeName(bytes);
        if (name === '.' || name === '..') continue;
        const why = badName(name);
        if (why) throw this.#bad(joinPath(path, name), why);
        if (names.has(name)) throw this.#bad(joinPath(path, name), 'it is there twice');
        names.set(name, number);
      }
    }
    return names;
  }

  *#directoryParts(inode: Ext4Inode): Generator<Buffer> {
    if (inode.inline) yield* inlineParts(inode.inline, inode.sizeBytes);
    else {
      const { blockBytes } = this.#superblock;
      for (const { fileBlock, diskBlock, blocks } of runsOf(inode, this.#bytes, blockBytes)) {
        const end = Math.min(blocks, Math.ceil(inode.sizeBytes / blockBytes) - fileBlock);
        for (let i = 0; i < end; i++) yield this.#bytes.read((diskBlock + i) * blockBytes, blockBytes);
      }
    }
  }

  #entry(path: string, inode: Ext4Inode): VolumeEntry {
    const type = typeOf(inode);
    const { mode, uid, gid, links, number } = inode;
    const xattrs = this.#xattrs(path, inode);
    const extras = {
      ...(xattrs.size > 0 && { xattrs }),
      ...(links > 1 && type !== fileTypes.directory && { links: { inode: number, count: links } }),
    };
    const common = { path, mode: mode & 0o7777, uid, gid, sizeBytes: 0, ...extras };
    switch (type) {
      case fileTypes.directory:
        return { ...common, kind: 'directory' };
      case fileTypes.file:
        return { ...common, kind: 'file', sizeBytes: inode.sizeBytes };
      case fileTypes.symlink:
        return { ...common, kind: 'symlink', target: this.#target(path, inode) };
      default:
        return { ...common, kind: 'other', ...withSpecial(inode) };
    }
  }

  #xattrs(path: string, inode: Ext4Inode): Xattrs {
    const { blockBytes } = this.#superblock;
    const reader = {
      bad: (why: string): Error => this.#bad(path, `its extended attributes are damaged: ${why}`),
      inodeContent: (number: number, sizeBytes: number): Uint8Array => {
        const value = this.#inode(number);
        if (value.sizeBytes !== sizeBytes) throw reader.bad(`inode ${number} has ${value.sizeBytes} bytes instead of ${sizeBytes}`);
        return this.#wholeContent(value);
      },
    };
    const found = [...xattrsInInode(inode.afterFields, reader)];
    if (inode.xattrBlock !== 0) found.push(...xattrsInBlock(this.#bytes.read(inode.xattrBlock * blockBytes, blockBytes), reader));
    return xattrsOf(found.flatMap(({ name, value }) => (name === inlineName ? [] : [[name, value] as const])));
  }

  /** A short target without extents is in the inode itself. */
  #target(path: string, inode: Ext4Inode): string {
    const { sizeBytes, hasExtents, inline, data } = inode;
    if (inode.isEncrypted) throw this.#bad(path, 'its target is encrypted');
    if (sizeBytes > longestTarget) throw this.#bad(path, `its target has ${sizeBytes} bytes`);
    if (!hasExtents && !inline && sizeBytes < dataBytes) return decodeName(data.subarray(0, sizeBytes));
    return decodeName(this.#wholeContent(inode));
  }

  /** The content of a file without holes. */
  #wholeContent(inode: Ext4Inode): Buffer {
    return Buffer.concat([...this.#content(inode)].map(({ bytes }) => bytes));
  }

  *#content(inode: Ext4Inode): Generator<FilePiece> {
    const { sizeBytes, inline } = inode;
    if (inline) yield { atBytes: 0, bytes: inline.subarray(0, sizeBytes) };
    else {
      const { blockBytes } = this.#superblock;
      for (const { fileBlock, diskBlock, blocks } of runsOf(inode, this.#bytes, blockBytes)) {
        const start = fileBlock * blockBytes;
        const length = Math.min(blocks * blockBytes, sizeBytes - start);
        for (let done = 0; done < length; done += MiB) {
          yield { atBytes: start + done, bytes: this.#bytes.read(diskBlock * blockBytes + done, Math.min(MiB, length - done)) };
        }
      }
    }
  }

  #bad(path: string, why: string): Error {
    return cannot(`read "${path === '' ? '/' : path}" of ${this.#bytes.name}`, why);
  }
}

function withSpecial(inode: Ext4Inode): { readonly special?: SpecialFile } {
  const type = specialTypes[typeOf(inode)];
  if (!type) return {};
  return { special: type === 'pipe' || type === 'socket' ? { type } : { type, device: deviceOf(inode) } };
}

/**
 * Blocks that are contiguous in the file and in the file system. Blocks of the file in no run are
 * zeros.
 */
export interface Run {
  readonly fileBlock: number;
  readonly diskBlock: number;
  readonly blocks: number;
}

const extent = { magic: 0xf30a, headerBytes: 12, entryBytes: 12, mostDepth: 5, mostBlocks: 32_768 } as const;
const direct = 12;
const pointerBytes = 4;

/**
 * Yields the runs of a file in order (source: ifork.rst): a tree of extents, or the older map of single
 * blocks. Extents that are allocated and not yet written are left out, because they read as zeros.
 */
function* runsOf(inode: Ext4Inode, bytes: ImageBytes, blockBytes: number): Generator<Run> {
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

/** `depth`: the required depth of the node. Undefined for the root, which alone may be empty. */
function* extentRuns(node: Buffer, depth: number | undefined, map: BlockMap): Generator<FoundRun> {
  const entries = node.readUInt16LE(2);
  const ownDepth = node.readUInt16LE(6);
  const fits = extent.headerBytes + entries * extent.entryBytes <= node.length && ownDepth <= extent.mostDepth;
  const expected = depth === undefined || (ownDepth === depth && entries > 0);
  if (node.readUInt16LE(0) !== extent.magic || !fits || !expected) throw map.bad('its tree of extents is not a tree');
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

/**
 * Twelve pointers to blocks of the file, then one pointer each to blocks of pointers of one, two and
 * three levels.
 */
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
  /** Number of levels of tables below this one. */
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

export interface Ext4Place {
  readonly imagePath: string;
  readonly offsetBytes: number;
  /** An existing directory for temporary files. */
  readonly scratchDir: string;
}

/** Returns the volume. The image is opened when the volume is first used. */
export function ext4Volume({ imagePath, offsetBytes, scratchDir }: Ext4Place, host: ImageHost, context: Context): Volume {
  let bytes: ImageBytes | undefined;
  let opened: Ext4Reader | undefined;
  let listed: ReadonlyMap<string, VolumeEntry> | undefined;
  const reader = (): Ext4Reader => (opened ??= new Ext4Reader((bytes ??= new ImageBytes(imagePath, offsetBytes, 'ext4'))));
  const entries = (): ReadonlyMap<string, VolumeEntry> => (listed ??= reader().entries());

  return {
    async *entries() {
      for (const entry of entries().values()) {
        context.signal.throwIfAborted();
        yield entry;
      }
    },
    async find(path) {
      return listed ? listed.get(path) : reader().find(path);
    },
    async *pieces(path) {
      for (const piece of reader().pieces(path)) {
        context.signal.throwIfAborted();
        yield piece;
      }
    },
    async verify() {
      const what = `check the ext4 in "${imagePath}"`;
      const { exitCode, stdout } = await withPlainName(imagePath, scratchDir, ({ cwd, name }) =>
        tried({ what, argv: ['e2fsck', '-fn', `${name}?offset=${offsetBytes}`], cwd }, host, context),
      );
      const lines = stdout.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('Pass '));
      if (exitCode !== 0) return { findings: [{ path: '(ext4)', why: lines.join('; ') || 'e2fsck refuses it' }], paths: 0 };
      return { findings: [], paths: entries().size };
    },
    async close() {
      bytes?.close();
    },
  };
}
