// Reads a RedoxFS of version 8: finds the newest header, follows the tree to nodes, lists directories and
// returns the bytes of files. It checks every block that it reads. volume.ts reads and checks all blocks.
import { Buffer } from 'node:buffer';
import { closeSync, openSync } from 'node:fs';
import { byCodeUnit } from '../../core/digest.ts';
import { cannot, cannotBecause, Failure } from '../../core/errors.ts';
import { badName, joinPath } from '../file-tree.ts';
import {
  blockBytes,
  bytesOfLevel,
  damaged,
  headerRingBlocks,
  isMarker,
  isNull,
  pointerBytes,
  readBlocks,
  readPointers,
  RedoxfsBlocks,
} from './blocks.ts';
import type { BlockPointer, BlockReading, BlockSeen } from './blocks.ts';
import { decodeDirList, decodeHtree, decodeNode, decodeTreeList, nodeTypes, rootId, slotsOfId, typeOf } from './node.ts';
import type { DirectoryEntry, Node, TreeList } from './node.ts';
import { cipherOf, decodeHeader } from './header.ts';
import type { BlockCipher, Header } from './header.ts';
import type { FilePiece } from '../read/volume.ts';

export interface RedoxfsEntry {
  readonly path: string;
  readonly id: number;
  readonly node: Node;
}

const pointersPerList = blockBytes / pointerBytes;
const deepestRecord = 15;

export interface OpenOptions {
  readonly seen?: BlockSeen | undefined;
  /** Password of an encrypted file system. It is ignored if the file system is not encrypted. */
  readonly password?: string | undefined;
}

/**
 * Opens the RedoxFS that begins at `offsetBytes` of the file. Call `close` afterwards. A missing header, and
 * a missing password of an encrypted file system, are Failures.
 */
export function openRedoxfs(imagePath: string, offsetBytes: number, { seen, password }: OpenOptions = {}): Redoxfs {
  let fd: number;
  try {
    fd = openSync(imagePath, 'r');
  } catch (error) {
    throw cannotBecause(`read "${imagePath}"`, error);
  }
  try {
    const what = `read the RedoxFS in "${imagePath}"`;
    const { header, block, startBytes } = newestHeader(fd, what, offsetBytes);
    const cipher = header.keySlots && openedCipher(block, header, password, what);
    return new Redoxfs(fd, header, startBytes, { seen, cipher });
  } catch (error) {
    closeSync(fd);
    throw cannotBecause(`read "${imagePath}"`, error);
  }
}

/** Whether the file system there needs a password. A RedoxFS without a valid header does not. */
export function isEncrypted(imagePath: string, offsetBytes: number): boolean {
  const fd = openSync(imagePath, 'r');
  try {
    return newestHeader(fd, '', offsetBytes).header.keySlots !== undefined;
  } catch (error) {
    if (error instanceof Failure) return false;
    throw error;
  } finally {
    closeSync(fd);
  }
}

function openedCipher(block: Buffer, header: Header, password: string | undefined, what: string): BlockCipher {
  if (password === undefined) throw cannot(what, 'it is encrypted', { hint: '--password-file FILE gives its password' });
  const cipher = cipherOf(block, header, password);
  if (!cipher) throw cannot(what, 'the password does not open it', { hint: 'give the password with which it was written' });
  return cipher;
}

export class Redoxfs {
  readonly header: Header;
  /** Present if the file system is encrypted. */
  readonly cipher: BlockCipher | undefined;
  /** Offset of block 0 in the file. */
  readonly startBytes: number;
  readonly blocks: RedoxfsBlocks;
  private readonly fd: number;
  private readonly lists = new Map<number, TreeList>();

  constructor(fd: number, header: Header, startBytes: number, reading: BlockReading & { readonly cipher: BlockCipher | undefined }) {
    this.fd = fd;
    this.header = header;
    this.startBytes = startBytes;
    this.cipher = reading.cipher;
    this.blocks = new RedoxfsBlocks(fd, startBytes, header.sizeBytes / blockBytes, reading);
  }

  close(): void {
    closeSync(this.fd);
  }

  /** Returns the node of an id. `path` is the path for which it is read. */
  node(id: number, path: string): Node {
    return decodeNode(this.nodeBlock(id, path));
  }

  /** Returns the block of a node in its stored form. */
  nodeBlock(id: number, path: string): Buffer {
    let pointer: BlockPointer | undefined = this.header.tree;
    for (const slot of slotsOfId(id) ?? []) pointer = pointer && this.treeList(pointer, path).pointers[slot];
    if (!slotsOfId(id) || !pointer || isNull(pointer)) throw damaged(path, `node ${id} does not exist`);
    return this.blocks.meta(pointer, path);
  }

  treeList(pointer: BlockPointer, path: string): TreeList {
    const known = this.lists.get(pointer.index);
    if (known) return known;
    const list = decodeTreeList(this.blocks.meta(pointer, path));
    this.lists.set(pointer.index, list);
    return list;
  }

  /**
   * Yields everything below the root, each directory before its entries, in the order of a listing by
   * directory.
   */
  *walk(): Generator<RedoxfsEntry> {
    yield* this.walkFrom('', rootId, new Set());
  }

  private *walkFrom(path: string, id: number, above: ReadonlySet<number>): Generator<RedoxfsEntry> {
    const node = this.node(id, path);
    yield { path, id, node };
    if (typeOf(node) !== nodeTypes.directory) return;
    if (above.has(id)) throw damaged(path, 'the directory is inside itself');
    for (const child of this.list(node, path)) yield* this.walkFrom(joinPath(path, child.name), child.id, new Set([...above, id]));
  }

  /** Returns the entry at a path, or undefined. */
  find(path: string): RedoxfsEntry | undefined {
    let found: RedoxfsEntry = { path: '', id: rootId, node: this.node(rootId, '') };
    for (const name of path === '' ? [] : path.split('/')) {
      const child =
        typeOf(found.node) === nodeTypes.directory ? this.list(found.node, found.path).find((entry) => entry.name === name) : undefined;
      if (!child) return undefined;
      const childPath = joinPath(found.path, name);
      found = { path: childPath, id: child.id, node: this.node(child.id, childPath) };
    }
    return found;
  }

  /** Returns the entries of a directory, sorted by name. Duplicate and invalid names are refused. */
  list(node: Node, path: string): readonly DirectoryEntry[] {
    const entries = [...this.dirLists(node, path)].flatMap((list) => list.entries).sort((a, b) => byCodeUnit(a.name, b.name));
    for (const [i, { name }] of entries.entries()) {
      const why = entries[i + 1]?.name === name ? `it has two entries "${name}"` : badName(name);
      if (why) throw damaged(path, why);
    }
    return entries;
  }

  /**
   * Yields the lists of a directory in the order of its H-tree. `maxHash` is the hash that the tree has for
   * each list. It is absent if there is no tree.
   */
  *dirLists(node: Node, path: string): Generator<{ readonly entries: readonly DirectoryEntry[]; readonly maxHash: number | undefined }> {
    const [marker, root] = 'pointers' in node.data ? (node.data.pointers[0] ?? []) : [];
    if (!marker || !root || isNull(marker)) return;
    if (!isMarker(marker)) throw damaged(path, 'the directory does not begin with a marker');
    yield* this.dirListsBelow(root, marker.level, undefined, path);
  }

  private *dirListsBelow(pointer: BlockPointer, depth: number, maxHash: number | undefined, path: string): ReturnType<Redoxfs['dirLists']> {
    const block = this.blocks.meta(pointer, path);
    if (depth === 0) {
      const entries = decodeDirList(block);
      if (!entries) throw damaged(path, `block ${pointer.index} is not a list of entries`);
      yield { entries, maxHash };
      return;
    }
    const children = decodeHtree(block);
    if (!children) throw damaged(path, `block ${pointer.index} is not a part of an H-tree`);
    const largest = children.at(-1)?.hash ?? 0;
    if (largest > (maxHash ?? Infinity)) throw damaged(path, `block ${pointer.index} has larger hashes than the block above it allows`);
    for (const child of children) yield* this.dirListsBelow(child.pointer, depth - 1, child.hash, path);
  }

  /** Yields the bytes of a file or of a link's target. */
  *pieces(node: Node, path: string): Generator<FilePiece> {
    if ('inline' in node.data) {
      if (node.data.inline.length > 0) yield { atBytes: 0, bytes: node.data.inline };
      return;
    }
    const recordBytes = bytesOfLevel(node.recordLevel);
    for (const { record, pointer } of this.records(node, path)) {
      const atBytes = record * recordBytes;
      if (atBytes >= node.sizeBytes) return;
      yield { atBytes, bytes: this.blocks.record(pointer, node.recordLevel, path).subarray(0, node.sizeBytes - atBytes) };
    }
  }

  /**
   * Yields the pointers to a node's records with their numbers. Holes are left out. Records past the end,
   * which a used image may have, are included.
   */
  *records(node: Node, path: string): Generator<{ readonly record: number; readonly pointer: BlockPointer }> {
    if (node.recordLevel > deepestRecord) throw damaged(path, `its record level ${node.recordLevel} cannot be`);
    let first = 0;
    for (const [depth, pointers] of ('pointers' in node.data ? node.data.pointers : []).entries()) {
      for (const pointer of pointers) {
        yield* this.recordsBelow(pointer, depth, first, path);
        first += pointersPerList ** depth;
      }
    }
  }

  private *recordsBelow(pointer: BlockPointer, depth: number, first: number, path: string): ReturnType<Redoxfs['records']> {
    if (isNull(pointer)) return;
    if (depth === 0) {
      yield { record: first, pointer };
      return;
    }
    for (const [i, child] of readPointers(this.blocks.meta(pointer, path), 0, pointersPerList).entries()) {
      yield* this.recordsBelow(child, depth - 1, first + i * pointersPerList ** (depth - 1), path);
    }
  }

  /** Returns the target of a symbolic link. */
  linkTarget(node: Node, path: string): string {
    if (node.sizeBytes > 65_536) throw damaged(path, `its link target has ${node.sizeBytes} bytes`);
    const target = Buffer.alloc(node.sizeBytes);
    for (const { atBytes, bytes } of this.pieces(node, path)) target.set(bytes, atBytes);
    return target.toString();
  }
}

/** Number of blocks that may be the first slot of the ring (source: header.rs of the crate redoxfs). */
const headerCandidates = 65_536;

interface FoundHeader {
  readonly header: Header;
  /** The bytes of the header. */
  readonly block: Buffer;
  readonly startBytes: number;
}

/** The first valid header shows where the ring begins. In the ring the highest valid generation is used. */
function newestHeader(fd: number, what: string, offsetBytes: number): FoundHeader {
  let why = 'it has no RedoxFS signature';
  for (let candidate = 0; candidate < headerCandidates; candidate++) {
    const block = readBlocks(fd, offsetBytes + candidate * blockBytes, blockBytes);
    if (!block) break;
    const found = decodeHeader(block);
    if ('bad' in found) {
      why = found.bad ?? why;
      continue;
    }
    const ringStart = candidate - (found.header.generation % headerRingBlocks);
    if (ringStart < 0) continue;
    const startBytes = offsetBytes + ringStart * blockBytes;
    let newest = { header: found.header, block };
    const ring = readBlocks(fd, startBytes, headerRingBlocks * blockBytes);
    for (let slot = 0; ring && slot < headerRingBlocks; slot++) {
      const inSlot = ring.subarray(slot * blockBytes, (slot + 1) * blockBytes);
      const decoded = decodeHeader(inSlot);
      if ('header' in decoded && decoded.header.generation > newest.header.generation) newest = { header: decoded.header, block: inSlot };
    }
    return { ...newest, startBytes };
  }
  throw cannot(what, why);
}
