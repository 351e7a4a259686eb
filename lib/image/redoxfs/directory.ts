// The contents of a directory in RedoxFS version 8 (facts: RedoxFS 1.10, 1.13): lists of entries (DirList), and above them, when
// there is more than one, a tree ordered by the hash of the names (H-tree). Blocks from and to values; nothing is read or written.
import { Buffer } from 'node:buffer';
import { byCodeUnit } from '../../core/digest.ts';
import { blockBytes, isNull, longestName, nullPointer, readPointer, writePointer } from './pointer.ts';
import type { BlockPointer } from './pointer.ts';
import { seahash } from './seahash.ts';

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

/** Why RedoxFS cannot hold an entry of this name, if so. */
export function badRedoxfsName(name: string): string | undefined {
  if (name.includes(':')) return 'RedoxFS forbids ":" in names';
  const bytes = Buffer.byteLength(name);
  return bytes > longestName ? `its name has ${bytes} bytes, and RedoxFS allows ${longestName}` : undefined;
}

/** The low 32 bits of the name's SeaHash; the value that marks an unused entry is avoided. */
export function nameHash(name: string): number {
  const hash = Number(seahash(Buffer.from(name)) & 0xffff_ffffn);
  return hash === unusedHash ? unusedHash - 1 : hash;
}

export interface CutList {
  readonly maxHash: number;
  readonly entries: readonly DirectoryEntry[];
}

/** Entries cut into lists that fit a block each, ordered by hash; equal hashes stay in one list. undefined when too many names share a hash. */
export function cutIntoLists(entries: readonly DirectoryEntry[]): readonly CutList[] | undefined {
  const hashed = entries.map((entry) => ({ hash: nameHash(entry.name), bytes: entryBytes(entry), entry }));
  hashed.sort((a, b) => a.hash - b.hash || byCodeUnit(a.entry.name, b.entry.name));
  const lists: { maxHash: number; bytes: number; entries: DirectoryEntry[] }[] = [];
  for (let i = 0; i < hashed.length;) {
    const hash = hashed[i]?.hash ?? 0;
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

/** The entries must fit; `cutIntoLists` sees to that. */
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

/** undefined when the counts do not match the entries, or an entry leaves the block. */
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

/** At most 204 entries, in order; the rest of the block is unused ones. */
export function encodeHtree(entries: readonly HtreeEntry[]): Buffer {
  const block = Buffer.alloc(blockBytes);
  for (let i = 0; i < htreeEntries; i++) {
    block.writeUInt32LE(entries[i]?.hash ?? unusedHash, i * htreeEntryBytes);
    writePointer(block, i * htreeEntryBytes + 4, entries[i]?.pointer ?? nullPointer);
  }
  return block;
}

/** The entries in use. undefined when they are out of order, or one follows an unused one. */
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
