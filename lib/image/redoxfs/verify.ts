// Judges a whole RedoxFS: reads every block that anything leads to, and compares what the parts say of each other: directories, tree,
// bitmaps, node counts, allocation log. Every finding names a path, or the part of the file system that has none.
import type { Context } from '../../core/events.ts';
import { joinPath } from '../file-tree.ts';
import { pace } from '../../core/events.ts';
import { Damage } from './blocks.ts';
import { nameHash } from './directory.ts';
import type { DirectoryEntry } from './directory.ts';
import { nodeTypes, typeOf } from './node.ts';
import { blockBytes, isNull } from './pointer.ts';
import type { BlockPointer } from './pointer.ts';
import { openRedoxfs } from './reader.ts';
import type { Redoxfs, RedoxfsEntry } from './reader.ts';
import { isFull, rootId, slotsPerList, treeLevels } from './tree.ts';
import { BlockUsage, freeBlocks } from './usage.ts';
import type { Finding } from '../read/volume.ts';

export interface RedoxfsVerdict {
  readonly findings: readonly Finding[];
  /** Files, directories and links that were read. */
  readonly paths: number;
  /** In blocks that something leads to. */
  readonly usedBytes: number;
  /** Blocks that are taken though nothing leads to them: a waste, not a damage; a used file system may have some. 0 when there are findings. */
  readonly leakedBlocks: number;
}

const treePath = '(tree)';
const logPath = '(allocation log)';

/** Reads the RedoxFS that begins at `offsetBytes`. Only one without a usable header is a Failure; all else are findings. */
export async function verifyRedoxfs(imagePath: string, offsetBytes: number, context: Context, password?: string): Promise<RedoxfsVerdict> {
  const usage = new BlockUsage();
  const fs = openRedoxfs(imagePath, offsetBytes, { seen: (pointer, path) => usage.reach(pointer, path), password });
  try {
    const judge = new RedoxfsJudge(fs, usage);
    judge.tree(fs.header.tree, treeLevels - 1, 0);
    await judge.paths(pace(context));
    judge.nodesWithoutName();
    const free = judge.attempt(() => freeBlocks(fs, fs.header.sizeBytes / blockBytes, logPath));
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
  /** Ids that the tree has nodes for. */
  private readonly ids = new Set<number>();
  /** How many names each node has; the root has one by being the root. */
  private readonly names = new Map<number, number>([[rootId, 1]]);
  /** How many names each node that was read believes to have. */
  private readonly links = new Map<number, number>();

  constructor(fs: Redoxfs, usage: BlockUsage) {
    this.fs = fs;
    this.usage = usage;
  }

  /** Runs `work`; a damage that it meets becomes a finding. */
  attempt<T>(work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof Damage)) throw error;
      this.find(error.path, error.why);
      return undefined;
    }
  }

  /** The lists of the tree and their bitmaps. True when the list is full. */
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

  /** Every path from the root down; a directory that cannot be listed hides only what is below it. */
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

  /** One path: its contents, and what its node says of them. Gives the children of a directory. */
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

  /** Reads all records, also those past the end. */
  private contents({ path, node }: RedoxfsEntry): void {
    for (const { pointer } of this.fs.records(node, path)) this.fs.blocks.record(pointer, node.recordLevel, path);
    if (typeOf(node) === nodeTypes.symlink) this.fs.linkTarget(node, path);
  }

  /** Nodes in the tree that no directory names, and link counts. A node that waits in the release list has no name rightfully. */
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
