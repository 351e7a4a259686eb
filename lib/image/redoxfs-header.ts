// The header block of RedoxFS version 8 (facts: RedoxFS 1.4, 1.5, 1.13): one per generation, in a ring of 256.
import { Buffer } from 'node:buffer';
import { blockBytes, readPointer, writePointer } from './redoxfs-pointer.ts';
import type { BlockPointer } from './redoxfs-pointer.ts';
import { seahash } from './seahash.ts';

const signature = Buffer.from('RedoxFS\0');
export const redoxfsVersion = 8n;

const at = { version: 8, uuid: 16, size: 32, generation: 40, tree: 48, alloc: 64, release: 3152, encryptedHash: 4072, hash: 4088 } as const;

export interface Header {
  /** 16 bytes. */
  readonly uuid: Uint8Array;
  /** Of the whole file system, a multiple of 4096. */
  readonly sizeBytes: number;
  readonly generation: number;
  /** The level-3 tree list. */
  readonly tree: BlockPointer;
  /** The newest block of the allocation log. */
  readonly alloc: BlockPointer;
  /** Nodes unlinked while open; null in an image that we wrote. */
  readonly release: BlockPointer;
}

export function encodeHeader(header: Header): Buffer {
  const block = Buffer.alloc(blockBytes);
  block.set(signature, 0);
  block.writeBigUInt64LE(redoxfsVersion, at.version);
  block.set(header.uuid, at.uuid);
  block.writeBigUInt64LE(BigInt(header.sizeBytes), at.size);
  block.writeBigUInt64LE(BigInt(header.generation), at.generation);
  writePointer(block, at.tree, header.tree);
  writePointer(block, at.alloc, header.alloc);
  writePointer(block, at.release, header.release);
  // The hash covers what precedes the encrypted hash, which without encryption repeats it.
  const hash = seahash(block.subarray(0, at.encryptedHash));
  block.writeBigUInt64LE(hash, at.encryptedHash);
  block.writeBigUInt64LE(hash, at.hash);
  return block;
}

/** What a block says if it is a header of version 8 with the right hash; why it cannot be used if it only looks like a header. */
export function decodeHeader(
  block: Buffer,
): { readonly header: Header; readonly encrypted: boolean } | { readonly bad: string | undefined } {
  if (!block.subarray(0, signature.length).equals(signature)) return { bad: undefined };
  const version = block.readBigUInt64LE(at.version);
  if (version !== redoxfsVersion) return { bad: `it is RedoxFS version ${version}, and only version ${redoxfsVersion} can be read` };
  const hash = block.readBigUInt64LE(at.hash);
  if (hash !== seahash(block.subarray(0, at.encryptedHash))) return { bad: 'the header does not have its hash' };
  const plain = Buffer.alloc(16);
  plain.writeBigUInt64LE(hash, 0);
  return {
    encrypted: !block.subarray(at.encryptedHash, at.encryptedHash + 16).equals(plain),
    header: {
      uuid: Uint8Array.from(block.subarray(at.uuid, at.uuid + 16)),
      sizeBytes: Number(block.readBigUInt64LE(at.size)),
      generation: Number(block.readBigUInt64LE(at.generation)),
      tree: readPointer(block, at.tree),
      alloc: readPointer(block, at.alloc),
      release: readPointer(block, at.release),
    },
  };
}
