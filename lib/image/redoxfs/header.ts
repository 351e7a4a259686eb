// The header block of RedoxFS version 8 (facts: RedoxFS 1.4, 1.5, 1.13): one per generation, in a ring of 256.
import { Buffer } from 'node:buffer';
import { ciphersOf, keySlotsBytes } from './encryption.ts';
import type { BlockCipher } from './encryption.ts';
import { blockBytes, readPointer, writePointer } from './pointer.ts';
import type { BlockPointer } from './pointer.ts';
import { seahash } from './seahash.ts';

const signature = Buffer.from('RedoxFS\0');
export const redoxfsVersion = 8n;

const at = {
  version: 8,
  uuid: 16,
  size: 32,
  generation: 40,
  tree: 48,
  alloc: 64,
  keySlots: 80,
  release: 3152,
  encryptedHash: 4072,
  hash: 4088,
} as const;
const hashBlockBytes = 16;

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
  /** 64 slots with the encrypted keys of its blocks; absent if it is not encrypted. */
  readonly keySlots?: Uint8Array | undefined;
}

/** `cipher` is that of an encrypted file system. */
export function encodeHeader(header: Header, cipher?: BlockCipher): Buffer {
  const block = Buffer.alloc(blockBytes);
  block.set(signature, 0);
  block.writeBigUInt64LE(redoxfsVersion, at.version);
  block.set(header.uuid, at.uuid);
  block.writeBigUInt64LE(BigInt(header.sizeBytes), at.size);
  block.writeBigUInt64LE(BigInt(header.generation), at.generation);
  writePointer(block, at.tree, header.tree);
  writePointer(block, at.alloc, header.alloc);
  if (header.keySlots) block.set(header.keySlots, at.keySlots);
  writePointer(block, at.release, header.release);
  // The hash covers what precedes the encrypted hash.
  const hash = seahash(block.subarray(0, at.encryptedHash));
  block.set(encryptedHash(hash, header.generation, cipher), at.encryptedHash);
  block.writeBigUInt64LE(hash, at.hash);
  return block;
}

/** Returns the cipher of an encrypted header's blocks; undefined if the password opens none of its slots. */
export function cipherOf(block: Buffer, { generation, keySlots }: Header, password: string): BlockCipher | undefined {
  const hash = block.readBigUInt64LE(at.hash);
  const stored = block.subarray(at.encryptedHash, at.encryptedHash + hashBlockBytes);
  for (const cipher of ciphersOf(keySlots ?? Buffer.alloc(0), password)) {
    if (encryptedHash(hash, generation, cipher).equals(stored)) return cipher;
  }
  return undefined;
}

/** The hash in 16 bytes, encrypted with the generation as the number of the data unit; without a cipher as it is. */
function encryptedHash(hash: bigint, generation: number, cipher: BlockCipher | undefined): Buffer {
  const plain = Buffer.alloc(hashBlockBytes);
  plain.writeBigUInt64LE(hash, 0);
  return cipher ? cipher.encryptedUnit(generation, plain) : plain;
}

/** What a block says if it is a header of version 8 with the right hash; why it cannot be used if it only looks like a header. */
export function decodeHeader(block: Buffer): { readonly header: Header } | { readonly bad: string | undefined } {
  if (!block.subarray(0, signature.length).equals(signature)) return { bad: undefined };
  const version = block.readBigUInt64LE(at.version);
  if (version !== redoxfsVersion) return { bad: `it is RedoxFS version ${version}, and only version ${redoxfsVersion} can be read` };
  const hash = block.readBigUInt64LE(at.hash);
  if (hash !== seahash(block.subarray(0, at.encryptedHash))) return { bad: 'the header does not have its hash' };
  const generation = Number(block.readBigUInt64LE(at.generation));
  const stored = block.subarray(at.encryptedHash, at.encryptedHash + hashBlockBytes);
  const encrypted = !stored.equals(encryptedHash(hash, generation, undefined));
  return {
    header: {
      uuid: Uint8Array.from(block.subarray(at.uuid, at.uuid + 16)),
      sizeBytes: Number(block.readBigUInt64LE(at.size)),
      generation,
      tree: readPointer(block, at.tree),
      alloc: readPointer(block, at.alloc),
      release: readPointer(block, at.release),
      ...(encrypted && { keySlots: Uint8Array.from(block.subarray(at.keySlots, at.keySlots + keySlotsBytes)) }),
    },
  };
}
