// A RedoxFS as a volume, and its verification: it reads every block that is referenced, and compares
// directories, tree, bitmaps, node counts and the allocation log with each other. Every finding names a path,
// or the part of the file system without a path.
import type { Context } from '../../core/events.ts';
import { formatBytes, plural } from '../../core/sizes.ts';
import { isFull, nameHash, nodeTypes, permissionsOf, rootId, slotsPerList, treeLevels, typeOf } from './node.ts';
import type { DirectoryEntry } from './node.ts';
import { openRedoxfs } from './reader.ts';
import type { Redoxfs, RedoxfsEntry } from './reader.ts';
import {
  blockBytes,
  bytesOfLevel,
  Damage,
  damaged,
  firstUsableBlock,
  headerRingBlocks,
  isNull,
  logPath,
  readAllocationLog,
} from './blocks.ts';
import type { BlockPointer } from './blocks.ts';
import type { Finding, Volume, VolumeEntry } from '../read/volume.ts';
import { joinPath } from '../file-tree.ts';
import { pace } from '../../core/events.ts';

/**
 * Returns the volume. The image is opened when the volume is first used, so that a volume without a usable
 * header can still be verified.
 */
export function redoxfsVolume(imagePath: string, offsetBytes: number, context: Context, password?: string): Volume {
  let opened: Redoxfs | undefined;
  const open = (): Redoxfs => (opened ??= openRedoxfs(imagePath, offsetBytes, { password }));
  return {
    async *entries() {
      for (const entry of open().walk()) {
        context.signal.throwIfAborted();
        yield volumeEntry(open(), entry);
      }
    },
    async find(path) {
      const entry = open().find(path);
      return entry && volumeEntry(open(), entry);
    },
    async *pieces(path) {
      const entry = open().find(path);
      if (!entry) return;
      for (const piece of open().pieces(entry.node, path)) {
        context.signal.throwIfAborted();
        yield piece;
      }
    },
    async verify() {
      const { findings, paths, leakedBlocks } = await verifyRedoxfs(imagePath, offsetBytes, context, password);
      if (leakedBlocks === 0) return { findings, paths };
      const leaked = `${plural(leakedBlocks, 'block')} (${formatBytes(leakedBlocks * blockBytes)})`;
      return { findings, paths, note: `${leaked} are taken, and nothing leads to them` };
    },
    async close() {
      opened?.close();
    },
  };
}

function volumeEntry(fs: Redoxfs, { path, node }: RedoxfsEntry): VolumeEntry {
  const type = typeOf(node);
  const common = { path, mode: permissionsOf(node), uid: node.uid, gid: node.gid, sizeBytes: node.sizeBytes };
  if (type === nodeTypes.symlink) return { ...common, kind: 'symlink', target: fs.linkTarget(node, path) };
  return { ...common, kind: type === nodeTypes.directory ? 'directory' : type === nodeTypes.file ? 'file' : 'other' };
}

export interface RedoxfsVerdict {
  readonly findings: readonly Finding[];
  /** Files, directories and links that were read. */
  readonly paths: number;
  /** Bytes in blocks that are referenced. */
  readonly usedBytes: number;
  /**
   * Number of allocated blocks without a reference. They waste space but are not damage, and a used file
   * system may have some. 0 if there are findings.
   */
  readonly leakedBlocks: number;
}

const treePath = '(tree)';

/**
 * Reads the RedoxFS that begins at `offsetBytes`. Only a missing header is a Failure. All other defects are
 * findings.
 */
export async function verifyRedoxfs(imagePath: string, offsetBytes: number, context: Context, password?: string): Promise<RedoxfsVerdict> {
  const usage = new BlockUsage();
  const fs = openRedoxfs(imagePath, offsetBytes, { seen: (pointer, path) => usage.reach(pointer, path), password });
  try {
    const judge = new RedoxfsJudge(fs, usage);
    judge.tree(fs.header.tree, treeLevels - 1, 0);
    await judge.paths(pace(context));
    judge.nodesWithoutName();
    const free = judge.attempt(() => freeBlocks(fs, fs.header.sizeBytes / blockBytes));
    if (free) judge.findings.push(...usage.conflicts(free));
    const leakedBlocks = free && judge.findings.length === 0 ? usage.leaked(free) : 0;
    return { findings: judge.findings, paths: judge.pathCount, usedBytes: usage.bytes, leakedBlocks };
  } finally {
    fs.close();
  }
}

class RedoxfsJudge {
  readonly findings: Finding[] = [];
  pathCount = 0;
  private readonly fs: Redoxfs;
  private readonly usage: BlockUsage;
  /** Ids of the nodes in the tree. */
  private readonly ids = new Set<number>();
  /** Number of names of each node. The root counts one name. */
  private readonly names = new Map<number, number>([[rootId, 1]]);
  /** Number of names that each node itself records. */
  private readonly links = new Map<number, number>();

  constructor(fs: Redoxfs, usage: BlockUsage) {
    this.fs = fs;
    this.usage = usage;
  }

  /** Runs `work`. Damage becomes a finding. */
  attempt<T>(work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof Damage)) throw error;
      this.find(error.path, error.why);
      return undefined;
    }
  }

  /** Checks the lists of the tree and their bitmaps. Returns true if the list is full. */
  tree(pointer: BlockPointer, level: number, idAbove: number): boolean {
    const list = this.attempt(() => this.fs.treeList(pointer, treePath));
    if (!list) return false;
    for (let slot = 0; slot < slotsPerList; slot++) {
      const child = list.pointers[slot];
      const id = idAbove * 256 + slot;
      const marked = ((list.bitmap >> BigInt(slot)) & 1n) === 1n;
      const there = child !== undefined && !isNull(child);
      const expected = level === 0 ? there || id === 0 : there && this.tree(child, level - 1, id);
      if (marked !== expected)
        this.find(treePath, `the bitmap of the level-${level} list in block ${pointer.index} is wrong at slot ${slot}`);
      if (level === 0 && there) this.ids.add(id);
    }
    return isFull(list);
  }

  /** Checks every path from the root down. A directory that cannot be listed hides only the entries below it. */
  async paths(turn: (bytes: number) => Promise<void>): Promise<void> {
    const waiting = [{ path: '', id: rootId }];
    for (let next = waiting.pop(); next; next = waiting.pop()) {
      const { path, id } = next;
      const node = this.attempt(() => this.fs.node(id, path));
      if (!node) continue;
      this.pathCount++;
      this.links.set(id, node.links);
      const children = this.attempt(() => this.entry({ path, id, node })) ?? [];
      for (const child of children) {
        const before = this.names.get(child.id) ?? 0;
        this.names.set(child.id, before + 1);
        if (before === 0) waiting.push({ path: joinPath(path, child.name), id: child.id });
      }
      await turn(this.usage.blocksOf(path) * blockBytes);
    }
  }

  /** Checks one path: its contents, and the data in its node. Returns the children of a directory. */
  private entry(entry: RedoxfsEntry): readonly DirectoryEntry[] {
    const { path, node } = entry;
    const type = typeOf(node);
    let children: readonly DirectoryEntry[] = [];
    if (type === nodeTypes.directory) children = this.directory(entry);
    else if (type === nodeTypes.file || type === nodeTypes.symlink) this.contents(entry);
    else this.find(path, `its type 0x${type.toString(16)} is unknown`);
    const blocks = this.usage.blocksOf(path);
    if (node.blocks !== blocks) this.find(path, `its node counts ${node.blocks} blocks, and it has ${blocks}`);
    const directoryBytes = (blocks - 1) * blockBytes;
    if (type === nodeTypes.directory && node.sizeBytes !== directoryBytes) {
      this.find(path, `its size is ${node.sizeBytes} and should be ${directoryBytes}`);
    }
    return children;
  }

  private directory({ path, node }: RedoxfsEntry): readonly DirectoryEntry[] {
    let before = -1;
    for (const { entries, maxHash } of this.fs.dirLists(node, path)) {
      const hashes = entries.map(({ name }) => nameHash(name));
      if (entries.length === 0) this.find(path, 'it has an empty list of entries');
      else if (maxHash !== undefined && (Math.max(...hashes) > maxHash || Math.min(...hashes) <= before)) {
        this.find(path, 'its H-tree leads to names of other hashes');
      }
      before = maxHash ?? before;
    }
    const entries = this.fs.list(node, path);
    for (const { id, name } of entries) {
      if (!this.ids.has(id)) this.find(joinPath(path, name), `node ${id} does not exist`);
    }
    return entries.filter(({ id }) => this.ids.has(id));
  }

  /** Reads all records, including those past the end. */
  private contents({ path, node }: RedoxfsEntry): void {
    for (const { pointer } of this.fs.records(node, path)) this.fs.blocks.record(pointer, node.recordLevel, path);
    if (typeOf(node) === nodeTypes.symlink) this.fs.linkTarget(node, path);
  }

  /**
   * Finds nodes in the tree that no directory names, and wrong link counts. A node in the release list
   * correctly has no name.
   */
  nodesWithoutName(): void {
    if (this.findings.length > 0 || !isNull(this.fs.header.release)) return;
    for (const id of this.ids) {
      const names = this.names.get(id) ?? 0;
      const links = this.links.get(id) ?? 0;
      if (names === 0) this.find(treePath, `node ${id} has no name`);
      else if (links !== names) this.find(treePath, `node ${id} counts ${links} links, and has ${names} names`);
    }
  }

  private find(path: string, why: string): void {
    this.findings.push({ path, why });
  }
}

/** The referenced blocks, each with the path for which it was read. */
class BlockUsage {
  private readonly owners = new Map<number, { readonly path: string; readonly level: number }>();
  private readonly counts = new Map<string, number>();
  private readonly shared: Finding[] = [];

  reach({ index, level }: BlockPointer, path: string): void {
    const owner = this.owners.get(index);
    if (owner?.path === path) return;
    if (owner) {
      this.shared.push({ path, why: `block ${index} belongs to "${owner.path}" as well` });
      return;
    }
    this.owners.set(index, { path, level });
    this.counts.set(path, (this.counts.get(path) ?? 0) + 2 ** level);
  }

  /** Returns the number of 4 KiB blocks that were read for a path. */
  blocksOf(path: string): number {
    return this.counts.get(path) ?? 0;
  }

  get bytes(): number {
    return [...this.owners.values()].reduce((sum, { level }) => sum + bytesOfLevel(level), 0);
  }

  /** Returns blocks that belong to two paths, are in the header ring, or are free by the log. */
  conflicts(free: Uint8Array): readonly Finding[] {
    const found = [...this.shared];
    let end = headerRingBlocks;
    let before = 'the header ring';
    for (const [index, { path, level }] of [...this.owners].sort(([a], [b]) => a - b)) {
      if (index < end) found.push({ path, why: `block ${index} overlaps a block of "${before}"` });
      if (free.subarray(index, index + 2 ** level).includes(1)) found.push({ path, why: `block ${index} is free by the allocation log` });
      end = index + 2 ** level;
      before = path;
    }
    return found;
  }

  /**
   * Returns blocks that are neither free nor referenced. Upstream itself never uses the one after the header
   * ring.
   */
  leaked(free: Uint8Array): number {
    const accounted = Uint8Array.from(free);
    for (const [index, { level }] of this.owners) accounted.fill(1, index, index + 2 ** level);
    return accounted.subarray(firstUsableBlock).reduce((count, known) => count + (known === 1 ? 0 : 1), 0);
  }
}

/**
 * Replays the log from its oldest block: one byte for each block, which is 1 if the block is free. An invalid
 * log is a Failure.
 */
function freeBlocks(fs: Redoxfs, blockCount: number): Uint8Array {
  const free = new Uint8Array(blockCount);
  for (const { index, count } of readAllocationLog(fs.blocks, fs.header.alloc).entries) {
    const length = Math.abs(count);
    if (index + length > blockCount) throw damaged(logPath, `it speaks of block ${index + length - 1}, and there are ${blockCount}`);
    const range = free.subarray(index, index + length);
    const wanted = count > 0 ? 0 : 1;
    if (range.includes(1 - wanted)) {
      throw damaged(logPath, `it ${count > 0 ? 'frees' : 'takes'} blocks from ${index} on that are not ${count > 0 ? 'taken' : 'free'}`);
    }
    range.fill(1 - wanted);
  }
  return free;
}
