// The interface to which encoders of RedoxFS structures write finished blocks: a new file system, a
// transaction, or an allocator that writes nothing.
import type { Buffer } from 'node:buffer';
import { writeSync } from 'node:fs';
import type { BlockCipher } from '../redoxfs/header.ts';
import { blockBytes, headerRingBlocks } from '../redoxfs/blocks.ts';
import type { BlockPointer } from '../redoxfs/blocks.ts';

export interface BlockSink {
  /**
   * Allocates a block of 4096 << level bytes, writes `bytes` into it and returns its pointer.
   * `decompressedLevel` is the level of the record before compression. It is absent if the bytes are not
   * compressed.
   */
  write(bytes: Buffer, level: number, decompressedLevel?: number): BlockPointer;
}

/** Writes 4 KiB blocks of a file system by their index. */
export interface BlockDisk {
  write(index: number, bytes: Uint8Array): void;
}

/** Returns the blocks of the file system that begins at `startBytes` of an open file. */
export function fileDisk(fd: number, startBytes: number): BlockDisk {
  return {
    write(index, bytes) {
      const at = startBytes + index * blockBytes;
      for (let done = 0; done < bytes.length;) done += writeSync(fd, bytes, done, bytes.length - done, at + done);
    },
  };
}

/** Returns a disk that encrypts blocks before they are written. Headers are not encrypted. */
export function encryptedDisk(disk: BlockDisk, cipher: BlockCipher | undefined): BlockDisk {
  if (!cipher) return disk;
  return {
    write(index, bytes) {
      disk.write(index, index < headerRingBlocks ? bytes : cipher.encrypted(index, bytes));
    },
  };
}
