// The encryption of RedoxFS version 8 (source: key.rs, header.rs and filesystem.rs of redoxfs 0.9.1). Every block is encrypted with AES-128-XTS except
// for the headers. The two keys are in the header, in slots, each encrypted with AES-128 under a key that Argon2id makes of a password and the slot's salt.
import { Buffer } from 'node:buffer';
import * as crypto from 'node:crypto';
import { cannot } from '../../core/errors.ts';
import { blockBytes } from './pointer.ts';

const saltBytes = 16;
const keyBytes = 16;
const slotBytes = saltBytes + 2 * keyBytes;

/** All slots of a header. Slots that no password uses are zeros. */
export const keySlotsBytes = 64 * slotBytes;

/** The default cost of version 0.4 of the crate argon2, which redoxfs 0.9.1 uses. Nothing in the image says the cost. */
const cost = { memory: 4096, passes: 3, parallelism: 1, tagLength: keyBytes } as const;

/** Encrypts and decrypts blocks with the keys of one file system. */
export class BlockCipher {
  /** The key of the data, then the key of the tweak. */
  private readonly keys: Uint8Array;

  constructor(keys: Uint8Array) {
    this.keys = keys;
  }

  /** Whole blocks of 4096 bytes, the first of which has this index in the file system. */
  encrypted(index: number, bytes: Uint8Array): Buffer {
    return inBlocks(index, bytes, (tweak, block) => this.encryptedUnit(tweak, block));
  }

  decrypted(index: number, bytes: Uint8Array): Buffer {
    return inBlocks(index, bytes, (tweak, block) => {
      const decipher = crypto.createDecipheriv('aes-128-xts', this.keys, tweakOf(tweak));
      return Buffer.concat([decipher.update(block), decipher.final()]);
    });
  }

  /** One data unit of at least 16 bytes. */
  encryptedUnit(tweak: number, bytes: Uint8Array): Buffer {
    const cipher = crypto.createCipheriv('aes-128-xts', this.keys, tweakOf(tweak));
    return Buffer.concat([cipher.update(bytes), cipher.final()]);
  }
}

/** Returns random keys, and the slots of a header that give them to whoever has the password. */
export function newKeys(password: string): { readonly cipher: BlockCipher; readonly keySlots: Buffer } {
  const keys = crypto.randomBytes(2 * keyBytes);
  const salt = crypto.randomBytes(saltBytes);
  const encipher = crypto.createCipheriv('aes-128-ecb', passwordKey(password, salt), null).setAutoPadding(false);
  const keySlots = Buffer.alloc(keySlotsBytes);
  keySlots.set(salt, 0);
  keySlots.set(Buffer.concat([encipher.update(keys), encipher.final()]), saltBytes);
  return { cipher: new BlockCipher(keys), keySlots };
}

/** Returns what each slot in use gives for a password. Only one slot has the right keys, if the password is right. */
export function* ciphersOf(keySlots: Uint8Array, password: string): Generator<BlockCipher> {
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

/** The number of the data unit as XTS takes it: 16 bytes, the lowest first. */
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
