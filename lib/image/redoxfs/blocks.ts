// Reads blocks of a RedoxFS by their pointers and believes none that has not its hash. Failures name the path for which the block
// was wanted: a person asks which file is damaged, not which block.
import { Buffer } from 'node:buffer';
import { readSync } from 'node:fs';
import { Failure } from '../../core/errors.ts';
import { lz4Block } from './lz4.ts';
import { blockBytes, bytesOfLevel, isMarker, isNull } from './pointer.ts';
import type { BlockPointer } from './pointer.ts';
import { seahash } from './seahash.ts';

/** A block was read and has its hash. `path` is what it was read for. */
export type BlockSeen = (pointer: BlockPointer, path: string) => void;

/** How blocks are read. */
export interface BlockReading {
  readonly seen?: BlockSeen | undefined;
  /** Of an encrypted file system. */
  readonly cipher?: BlockDecryption | undefined;
}

export interface BlockDecryption {
  /** Whole blocks of 4096 bytes, the first of which has this index in the file system. */
  decrypted(index: number, bytes: Uint8Array): Buffer;
}

const lengthBytes = 2;

export class RedoxfsBlocks {
  private readonly fd: number;
  private readonly startBytes: number;
  private readonly blockCount: number;
  private readonly reading: BlockReading;

  /** `startBytes`: where block 0 lies in the open file. */
  constructor(fd: number, startBytes: number, blockCount: number, reading: BlockReading = {}) {
    this.fd = fd;
    this.startBytes = startBytes;
    this.blockCount = blockCount;
    this.reading = reading;
  }

  /** A block of 4 KiB that describes something: never larger, never compressed. */
  meta(pointer: BlockPointer, path: string): Buffer {
    if (pointer.level !== 0 || pointer.decompressedLevel !== 0) throw damaged(path, 'a pointer to its description has a level');
    return this.stored(pointer, path);
  }

  /** The bytes of a record of at most 4096 << mostLevel bytes, decompressed; shorter means zeros follow. */
  record(pointer: BlockPointer, mostLevel: number, path: string): Uint8Array {
    if (Math.max(pointer.level, pointer.decompressedLevel) > mostLevel)
      throw damaged(path, `block ${pointer.index} is larger than its record`);
    const stored = this.stored(pointer, path);
    if (pointer.decompressedLevel === 0) return stored;
    const end = lengthBytes + stored.readUInt16LE(0);
    const bytes = end > stored.length ? undefined : lz4Block(stored.subarray(lengthBytes, end), bytesOfLevel(pointer.decompressedLevel));
    if (!bytes) throw damaged(path, `block ${pointer.index} cannot be decompressed`);
    return bytes;
  }

  private stored(pointer: BlockPointer, path: string): Buffer {
    const { index, level } = pointer;
    if (isNull(pointer) || isMarker(pointer)) throw damaged(path, 'a pointer that must lead to a block does not');
    if (index + 2 ** level > this.blockCount) throw damaged(path, `block ${index} lies beyond the end of the file system`);
    const onDisk = readBlocks(this.fd, this.startBytes + index * blockBytes, bytesOfLevel(level));
    if (!onDisk) throw damaged(path, `block ${index} is beyond the end of the image`);
    const bytes = this.reading.cipher?.decrypted(index, onDisk) ?? onDisk;
    if (seahash(bytes) !== pointer.hash) throw damaged(path, `block ${index} does not have the hash its pointer says`);
    this.reading.seen?.(pointer, path);
    return bytes;
  }
}

/** undefined when the file ends first. */
export function readBlocks(fd: number, atBytes: number, length: number): Buffer | undefined {
  const bytes = Buffer.alloc(length);
  for (let done = 0; done < length;) {
    const count = readSync(fd, bytes, done, length - done, atBytes + done);
    if (count === 0) return undefined;
    done += count;
  }
  return bytes;
}

/** What is wrong with a file system, and for which path; as an error it reads like every other. */
export class Damage extends Failure {
  readonly path: string;
  readonly why: string;

  constructor(path: string, why: string) {
    super('failed', `Cannot read "${path === '' ? '/' : path}": ${why}`, { hint: 'the image is damaged; make it again' });
    this.path = path;
    this.why = why;
  }
}

export function damaged(path: string, why: string): Damage {
  return new Damage(path, why);
}
