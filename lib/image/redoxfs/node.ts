// The node block of RedoxFS version 8 (facts: RedoxFS 1.8, 1.13): one per file, directory and link, with its first pointers or,
// when they are few, its bytes.
import { Buffer } from 'node:buffer';
import { blockBytes, pointerBytes, readPointers, writePointer } from './pointer.ts';
import type { BlockPointer } from './pointer.ts';

export const nodeTypes = { file: 0x8000, directory: 0x4000, symlink: 0xa000, socket: 0xc000 } as const;
const typeMask = 0xf000;

/** How many pointers of each depth a node has: depth 0 points at records, depth n at block lists of depth n-1. */
export const pointersAtDepth = [128, 64, 32, 16, 8] as const;
const allPointers = pointersAtDepth.reduce<number>((sum, count) => sum + count, 0);

const dataAt = 128;
/** What upstream still keeps inside the node; it can read one byte more. */
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
  /** 4 KiB blocks in use, the node itself included. */
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

/** A copy of a node's block with other contents and attributes. Links and times stay as they are. */
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

/** Inline data is cut to what the node can hold; a larger size means zeros beyond. */
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
