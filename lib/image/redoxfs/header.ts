// The header block of RedoxFS version 8: one per generation, in a ring of 256. The header of an encrypted
// file system has the keys of its blocks (source: key.rs, header.rs and filesystem.rs of redoxfs 0.9.1).
// Every block except the headers is encrypted with AES-128-XTS. The two keys are in slots. Each slot is
// encrypted with AES-128 under a key that Argon2id derives from a password and the slot's salt.
import { Buffer } from 'node:buffer';
import * as crypto from 'node:crypto';
import { blockBytes, readPointer, writePointer } from './blocks.ts';
import type { BlockPointer } from './blocks.ts';
import { seahash } from './seahash.ts';
import { cannot } from '../../core/errors.ts';

const signature = Buffer.from('RedoxFS\0');
const redoxfsVersion = 8n;

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
  /** Size of the whole file system, a multiple of 4096. */
  readonly sizeBytes: number;
  readonly generation: number;
  /** The level-3 tree list. */
  readonly tree: BlockPointer;
  /** The newest block of the allocation log. */
  readonly alloc: BlockPointer;
  /** Nodes unlinked while open. Null in an image that this room wrote. */
  readonly release: BlockPointer;
  /** 64 slots with the encrypted keys of its blocks. Absent if it is not encrypted. */
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
  // The hash covers the bytes before the encrypted hash.
  const hash = seahash(block.subarray(0, at.encryptedHash));
  block.set(encryptedHash(hash, header.generation, cipher), at.encryptedHash);
  block.writeBigUInt64LE(hash, at.hash);
  return block;
}

/** Returns the cipher of an encrypted header's blocks, or undefined if the password opens none of its slots. */
export function cipherOf(block: Buffer, { generation, keySlots }: Header, password: string): BlockCipher | undefined {
  const hash = block.readBigUInt64LE(at.hash);
  const stored = block.subarray(at.encryptedHash, at.encryptedHash + hashBlockBytes);
  for (const cipher of ciphersOf(keySlots ?? Buffer.alloc(0), password)) {
    if (encryptedHash(hash, generation, cipher).equals(stored)) return cipher;
  }
  return undefined;
}

/**
 * Returns the hash in 16 bytes, encrypted with the generation as the number of the data unit. Without a
 * cipher it is not encrypted.
 */
function encryptedHash(hash: bigint, generation: number, cipher: BlockCipher | undefined): Buffer {
  const plain = Buffer.alloc(hashBlockBytes);
  plain.writeBigUInt64LE(hash, 0);
  return cipher ? cipher.encryptedUnit(generation, plain) : plain;
}

/**
 * Returns the header of a block of version 8 with the right hash. For a block that only looks like a header,
 * returns why it cannot be used.
 */
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

const saltBytes = 16;
const keyBytes = 16;
const slotBytes = saltBytes + 2 * keyBytes;

/** All slots of a header. Slots that no password uses are zeros. */
const keySlotsBytes = 64 * slotBytes;

/**
 * The default cost of version 0.4 of the crate argon2, which redoxfs 0.9.1 uses. The image does not contain
 * the cost.
 */
const cost = { memory: 4096, passes: 3, parallelism: 1, tagLength: keyBytes } as const;

/** Encrypts and decrypts blocks with the keys of one file system. */
export class BlockCipher {
  /** The key of the data, then the key of the tweak. */
  private readonly keys: Uint8Array;

  constructor(keys: Uint8Array) {
    this.keys = keys;
  }

  /** Encrypts whole blocks of 4096 bytes. `index` is the index of the first in the file system. */
  encrypted(index: number, bytes: Uint8Array): Buffer {
    return inBlocks(index, bytes, (tweak, block) => this.encryptedUnit(tweak, block));
  }

  decrypted(index: number, bytes: Uint8Array): Buffer {
    return inBlocks(index, bytes, (tweak, block) => {
      const decipher = crypto.createDecipheriv('aes-128-xts', this.keys, tweakOf(tweak));
      return Buffer.concat([decipher.update(block), decipher.final()]);
    });
  }

  /** Encrypts one data unit of at least 16 bytes. */
  encryptedUnit(tweak: number, bytes: Uint8Array): Buffer {
    const cipher = crypto.createCipheriv('aes-128-xts', this.keys, tweakOf(tweak));
    return Buffer.concat([cipher.update(bytes), cipher.final()]);
  }
}

/** Returns random keys, and the slots of a header from which the password recovers them. */
export function newKeys(password: string): { readonly cipher: BlockCipher; readonly keySlots: Buffer } {
  const keys = crypto.randomBytes(2 * keyBytes);
  const salt = crypto.randomBytes(saltBytes);
  const encipher = crypto.createCipheriv('aes-128-ecb', passwordKey(password, salt), null).setAutoPadding(false);
  const keySlots = Buffer.alloc(keySlotsBytes);
  keySlots.set(salt, 0);
  keySlots.set(Buffer.concat([encipher.update(keys), encipher.final()]), saltBytes);
  return { cipher: new BlockCipher(keys), keySlots };
}

/**
 * Yields the result of each slot in use for a password. With the right password, exactly one slot has the
 * right keys.
 */
function* ciphersOf(keySlots: Uint8Array, password: string): Generator<BlockCipher> {
  for (let at = 0; at + slotBytes <= keySlots.length; at += slotBytes) {
    const slot = keySlots.subarray(at, at + slotBytes);
    if (slot.every((byte) => byte === 0)) continue;
    const key = passwordKey(password, slot.subarray(0, saltBytes));
    const decipher = crypto.createDecipheriv('aes-128-ecb', key, null).setAutoPadding(false);
    yield new BlockCipher(Buffer.concat([decipher.update(slot.subarray(saltBytes)), decipher.final()]));
  }
}

function passwordKey(password: string, salt: Uint8Array): Buffer {
  // A namespace import, because a Node before 24.7 lacks the function, and most images are not encrypted.
  if (!('argon2Sync' in crypto)) {
    throw cannot('use an encrypted RedoxFS', 'this Node has no argon2', { blame: 'host', hint: 'use npx zx, which brings Node 24' });
  }
  return crypto.argon2Sync('argon2id', { message: password, nonce: salt, ...cost });
}

/** Returns the number of the data unit in the form of XTS: 16 bytes, the lowest first. */
function tweakOf(unit: number): Buffer {
  const tweak = Buffer.alloc(16);
  tweak.writeBigUInt64LE(BigInt(unit), 0);
  return tweak;
}

function inBlocks(index: number, bytes: Uint8Array, change: (tweak: number, block: Uint8Array) => Buffer): Buffer {
  const changed = Buffer.allocUnsafe(bytes.length);
  for (let at = 0; at < bytes.length; at += blockBytes) {
    changed.set(change(index + at / blockBytes, bytes.subarray(at, at + blockBytes)), at);
  }
  return changed;
}
