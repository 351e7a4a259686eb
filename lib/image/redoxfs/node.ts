// The nodes of RedoxFS version 8 (source: node.rs, tree.rs, dir.rs and htree.rs of the crate redoxfs): one
// for each file, directory and link, the tree that maps a node's id to its block, and the contents of
// directories. Converts blocks to values and back. It reads and writes no files.
import { Buffer } from 'node:buffer';
import { blockBytes, isNull, longestName, nullPointer, pointerBytes, readPointer, readPointers, writePointer } from './blocks.ts';
import type { BlockPointer } from './blocks.ts';
import { byCodeUnit } from '../../core/digest.ts';
import { itemOf } from '../../core/errors.ts';
import { seahash } from './seahash.ts';

export const nodeTypes = { file: 0x8000, directory: 0x4000, symlink: 0xa000, socket: 0xc000 } as const;
const typeMask = 0xf000;

/** Number of pointers of each depth in a node: depth 0 points to records, depth n to block lists of depth n-1. */
export const pointersAtDepth = [128, 64, 32, 16, 8] as const;
const allPointers = pointersAtDepth.reduce<number>((sum, count) => sum + count, 0);

const dataAt = 128;
/** Largest inline data that upstream writes. It can read one byte more. */
export const mostInlineBytes = blockBytes - dataAt - 1;
const inlineFlag = 1;

const at = {
  mode: 0,
  uid: 2,
  gid: 6,
  links: 10,
  size: 14,
  blocks: 22,
  ctime: 30,
  mtime: 42,
  atime: 54,
  recordLevel: 66,
  flags: 70,
} as const;

export interface Node {
  /** Type bits and 12 permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly links: number;
  readonly sizeBytes: number;
  /** Number of 4 KiB blocks in use, including the node itself. */
  readonly blocks: number;
  readonly recordLevel: number;
  readonly timeSec: number;
  readonly data: NodeData;
}

/** The bytes themselves, or the pointers of each depth (absent ones are null). */
export type NodeData = { readonly inline: Uint8Array } | { readonly pointers: readonly (readonly BlockPointer[])[] };

export function typeOf(node: Node): number {
  return node.mode & typeMask;
}

export function permissionsOf(node: Node): number {
  return node.mode & ~typeMask;
}

export function encodeNode(node: Node): Buffer {
  const block = Buffer.alloc(blockBytes);
  block.writeUInt32LE(node.links, at.links);
  for (const time of [at.ctime, at.mtime, at.atime]) block.writeBigUInt64LE(BigInt(node.timeSec), time);
  return changedNode(block, node);
}

/** Returns a copy of a node's block with other contents and attributes. Links and times stay the same. */
export function changedNode(before: Buffer, node: Omit<Node, 'links' | 'timeSec'>): Buffer {
  const block = Buffer.from(before);
  block.writeUInt16LE(node.mode, at.mode);
  block.writeUInt32LE(node.uid, at.uid);
  block.writeUInt32LE(node.gid, at.gid);
  block.writeBigUInt64LE(BigInt(node.sizeBytes), at.size);
  block.writeBigUInt64LE(BigInt(node.blocks), at.blocks);
  block.writeUInt32LE(node.recordLevel, at.recordLevel);
  block.fill(0, dataAt);
  const flags = block.readUInt32LE(at.flags) & ~inlineFlag;
  if ('inline' in node.data) {
    block.writeUInt32LE((flags | inlineFlag) >>> 0, at.flags);
    block.set(node.data.inline, dataAt);
    return block;
  }
  block.writeUInt32LE(flags >>> 0, at.flags);
  for (const [depth, pointers] of node.data.pointers.entries()) {
    for (const [i, pointer] of pointers.entries()) writePointer(block, depthAt(depth) + i * pointerBytes, pointer);
  }
  return block;
}

/** Inline data is truncated to the space in the node. A larger size means zeros beyond. */
export function decodeNode(block: Buffer): Node {
  const sizeBytes = Number(block.readBigUInt64LE(at.size));
  const inline = (block.readUInt32LE(at.flags) & inlineFlag) !== 0;
  return {
    mode: block.readUInt16LE(at.mode),
    uid: block.readUInt32LE(at.uid),
    gid: block.readUInt32LE(at.gid),
    links: block.readUInt32LE(at.links),
    sizeBytes,
    blocks: Number(block.readBigUInt64LE(at.blocks)),
    recordLevel: block.readUInt32LE(at.recordLevel),
    timeSec: Number(block.readBigUInt64LE(at.mtime)),
    data: inline
      ? { inline: Uint8Array.from(block.subarray(dataAt, Math.min(blockBytes, dataAt + sizeBytes))) }
      : { pointers: pointersAtDepth.map((count, depth) => readPointers(block, depthAt(depth), count)) },
  };
}

function depthAt(depth: number): number {
  return dataAt + pointerBytes * pointersAtDepth.slice(0, depth).reduce<number>((sum, count) => sum + count, 0);
}

if (dataAt + allPointers * pointerBytes !== blockBytes) throw new Error('a node block has other pointers than it has room for');

export const slotsPerList = 254;
export const treeLevels = 4;
export const rootId = 1;
export const mostNodes = slotsPerList ** treeLevels - 1;

const bitmapsAt = slotsPerList * pointerBytes;
const allOnes = (1n << BigInt(slotsPerList)) - 1n;

/**
 * Returns the id of the n-th slot: n in base 254, one digit per byte. Slot 0 is reserved and slot 1 is the
 * root.
 */
export function idOfSlot(slot: number): number {
  let id = 0;
  for (let level = treeLevels - 1; level >= 0; level--) id = id * 256 + (Math.floor(slot / slotsPerList ** level) % slotsPerList);
  return id;
}

/** Returns the slot in each list from the top (level 3) down, or undefined for an invalid id. */
export function slotsOfId(id: number): readonly number[] | undefined {
  const slots = [24, 16, 8, 0].map((shift) => (id >>> shift) & 255);
  return slots.every((slot) => slot < slotsPerList) ? slots : undefined;
}

export interface TreeList {
  readonly pointers: readonly BlockPointer[];
  /**
   * Bit i at level 0: slot i is in use (upstream's inserter asserts that every other slot is null). Above
   * level 0: the list at slot i is full.
   */
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

export interface DirectoryEntry {
  /** Id of the node in the tree. */
  readonly id: number;
  readonly name: string;
}

/** An entry of an H-tree block: the largest name hash below it, and the block. */
export interface HtreeEntry {
  readonly hash: number;
  readonly pointer: BlockPointer;
}

const listHeaderBytes = 4;
const entryHeaderBytes = 5;
const htreeEntryBytes = 20;
export const htreeEntries = 204;
const unusedHash = 0xffff_ffff;
/** An H-tree's depth is the level nibble of the marker pointer. */
export const deepestHtree = 15;

/** Returns why RedoxFS does not support a name, if so. */
export function badRedoxfsName(name: string): string | undefined {
  if (name.includes(':')) return 'RedoxFS forbids ":" in names';
  const bytes = Buffer.byteLength(name);
  return bytes > longestName ? `its name has ${bytes} bytes, and RedoxFS allows ${longestName}` : undefined;
}

/** Returns the low 32 bits of the name's SeaHash. The value that marks an unused entry is avoided. */
export function nameHash(name: string): number {
  const hash = Number(seahash(Buffer.from(name)) & 0xffff_ffffn);
  return hash === unusedHash ? unusedHash - 1 : hash;
}

export interface CutList {
  readonly maxHash: number;
  readonly entries: readonly DirectoryEntry[];
}

/**
 * Divides entries into lists that fit into one block each, ordered by hash. Equal hashes stay in one list.
 * Returns undefined if too many names have the same hash.
 */
export function cutIntoLists(entries: readonly DirectoryEntry[]): readonly CutList[] | undefined {
  const hashed = entries.map((entry) => ({ hash: nameHash(entry.name), bytes: entryBytes(entry), entry }));
  hashed.sort((a, b) => a.hash - b.hash || byCodeUnit(a.entry.name, b.entry.name));
  const lists: { maxHash: number; bytes: number; entries: DirectoryEntry[] }[] = [];
  for (let i = 0; i < hashed.length;) {
    const { hash } = itemOf(hashed, i);
    const same = [];
    for (let next = hashed[i]; next?.hash === hash; next = hashed[i + same.length]) same.push(next);
    const bytes = same.reduce((sum, next) => sum + next.bytes, 0);
    let list = lists.at(-1);
    if (!list || list.bytes + bytes > blockBytes) {
      list = { maxHash: hash, bytes: listHeaderBytes, entries: [] };
      lists.push(list);
    }
    list.maxHash = hash;
    list.bytes += bytes;
    list.entries.push(...same.map((next) => next.entry));
    if (list.bytes > blockBytes) return undefined;
    i += same.length;
  }
  return lists;
}

/** The entries must fit into a block (see `cutIntoLists`). */
export function encodeDirList(entries: readonly DirectoryEntry[]): Buffer {
  const block = Buffer.alloc(blockBytes);
  let at = listHeaderBytes;
  for (const { id, name } of entries) {
    block.writeUInt32LE(id, at);
    block.writeUInt8(block.write(name, at + entryHeaderBytes), at + 4);
    at += entryBytes({ id, name });
  }
  block.writeUInt16LE(entries.length, 0);
  block.writeUInt16LE(at - listHeaderBytes, 2);
  return block;
}

/** Returns undefined if the counts do not match the entries, or an entry leaves the block. */
export function decodeDirList(block: Buffer): readonly DirectoryEntry[] | undefined {
  const count = block.readUInt16LE(0);
  const end = listHeaderBytes + block.readUInt16LE(2);
  if (end > blockBytes) return undefined;
  const entries: DirectoryEntry[] = [];
  let at = listHeaderBytes;
  while (entries.length < count) {
    if (at + entryHeaderBytes > end) return undefined;
    const nameEnd = at + entryHeaderBytes + block.readUInt8(at + 4);
    if (nameEnd > end) return undefined;
    entries.push({ id: block.readUInt32LE(at), name: block.toString('utf8', at + entryHeaderBytes, nameEnd) });
    at = nameEnd;
  }
  return at === end ? entries : undefined;
}

/** At most 204 entries, in order. The rest of the block has unused entries. */
export function encodeHtree(entries: readonly HtreeEntry[]): Buffer {
  const block = Buffer.alloc(blockBytes);
  for (let i = 0; i < htreeEntries; i++) {
    block.writeUInt32LE(entries[i]?.hash ?? unusedHash, i * htreeEntryBytes);
    writePointer(block, i * htreeEntryBytes + 4, entries[i]?.pointer ?? nullPointer);
  }
  return block;
}

/** Returns the entries in use, or undefined if they are out of order or one follows an unused entry. */
export function decodeHtree(block: Buffer): readonly HtreeEntry[] | undefined {
  const all = Array.from({ length: htreeEntries }, (_, i): HtreeEntry => ({
    hash: block.readUInt32LE(i * htreeEntryBytes),
    pointer: readPointer(block, i * htreeEntryBytes + 4),
  }));
  const firstUnused = all.findIndex(({ pointer }) => isNull(pointer));
  const used = firstUnused === -1 ? all : all.slice(0, firstUnused);
  const unused = all.slice(used.length);
  const ordered = used.every(({ hash }, i) => hash !== unusedHash && hash >= (used[i - 1]?.hash ?? 0));
  return ordered && unused.every(({ hash, pointer }) => hash === unusedHash && isNull(pointer)) ? used : undefined;
}

function entryBytes(entry: DirectoryEntry): number {
  return entryHeaderBytes + Buffer.byteLength(entry.name);
}
