// The bytes of one file system in an image, read by their place in the file system. A damaged file system may name any place, so a place
// outside of the image is a Failure.
import { Buffer } from 'node:buffer';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { cannot, cannotBecause } from '../core/errors.ts';
import type { Failure } from '../core/errors.ts';

export class ImageBytes {
  /** The file system, for "Cannot read ...". */
  readonly name: string;
  readonly #fd: number;
  readonly #startBytes: number;
  readonly #endBytes: number;

  constructor(imagePath: string, startBytes: number, kind: string) {
    this.name = `the ${kind} in "${imagePath}"`;
    try {
      this.#fd = openSync(imagePath, 'r');
    } catch (error) {
      throw cannotBecause(`read ${this.name}`, error);
    }
    this.#startBytes = startBytes;
    this.#endBytes = fstatSync(this.#fd).size;
  }

  /** Returns `length` bytes from `atBytes` of the file system on. */
  read(atBytes: number, length: number): Buffer {
    const start = this.#startBytes + atBytes;
    if (!(atBytes >= 0 && length >= 0 && start + length <= this.#endBytes)) {
      throw this.bad(`it refers to bytes ${atBytes} to ${atBytes + length}, which are outside of the image`);
    }
    const bytes = Buffer.alloc(length);
    for (let done = 0; done < length;) {
      const count = readSync(this.#fd, bytes, done, length - done, start + done);
      if (count === 0) throw this.bad('the image became shorter while it was read');
      done += count;
    }
    return bytes;
  }

  bad(why: string): Failure {
    return cannot(`read ${this.name}`, why);
  }

  close(): void {
    closeSync(this.#fd);
  }
}
