// Chunks of any length read as numbers, words and pieces. Ends early with a Failure that says where.
import { cannot } from '../../core/errors.ts';
import { byteText } from './byte-text.ts';
import type { ByteText } from './byte-text.ts';

export interface ByteStream {
  /** Little-endian; beyond 2^53 it is not exact. */
  uint64(): number;
  /** So many bytes as text; for short ones. */
  text(lengthBytes: number): ByteText;
  /** So many bytes in pieces, each valid until the next is asked for. */
  pieces(lengthBytes: number): Generator<Uint8Array, void>;
  atEnd(): boolean;
}

/** `what` is for the error: "unpack x". */
export function byteStream(chunks: Iterable<Uint8Array>, what: string): ByteStream {
  const source = chunks[Symbol.iterator]();
  let chunk: Buffer = Buffer.alloc(0);
  let at = 0;
  let before = 0;

  /** False at the end of everything. */
  const fill = (): boolean => {
    while (at === chunk.length) {
      const next = source.next();
      if (next.done) return false;
      before += chunk.length;
      chunk = Buffer.from(next.value.buffer, next.value.byteOffset, next.value.byteLength);
      at = 0;
    }
    return true;
  };
  const need = (): void => {
    if (!fill()) throw cannot(what, `the archive is damaged: it ends after ${before + at} bytes, in the midst of something`);
  };
  const text = (lengthBytes: number): ByteText => {
    if (chunk.length - at >= lengthBytes) {
      at += lengthBytes;
      return chunk.toString('latin1', at - lengthBytes, at) as ByteText;
    }
    let whole = '';
    for (const piece of pieces(lengthBytes)) whole += byteText(piece);
    return whole as ByteText;
  };
  function* pieces(lengthBytes: number): Generator<Uint8Array, void> {
    for (let left = lengthBytes; left > 0;) {
      need();
      const count = Math.min(left, chunk.length - at);
      at += count;
      left -= count;
      yield chunk.subarray(at - count, at);
    }
  }
  return {
    uint64: () => {
      if (chunk.length - at >= 8) {
        at += 8;
        return chunk.readUInt32LE(at - 8) + chunk.readUInt32LE(at - 4) * 2 ** 32;
      }
      const bytes = Buffer.from(text(8), 'latin1');
      return bytes.readUInt32LE(0) + bytes.readUInt32LE(4) * 2 ** 32;
    },
    text,
    pieces,
    atEnd: () => !fill(),
  };
}
