// The bytes of a file that an image will hold: in memory, in a file of the host, or mostly holes. Read piecewise, so that a file
// of any size costs a buffer. Knows nothing of images.
import { closeSync, openSync, readSync } from 'node:fs';
import { cannot, cannotBecause } from '../core/errors.ts';

export type Content =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  /** A file of the host, which must have exactly `sizeBytes` while it is read. */
  | { readonly kind: 'host'; readonly path: string; readonly sizeBytes: number }
  /** Zeros except for the pieces, which must be in order, apart and inside. */
  | { readonly kind: 'sparse'; readonly sizeBytes: number; readonly pieces: readonly Piece[] };

export interface Piece {
  readonly atBytes: number;
  readonly bytes: Uint8Array;
}

export function contentSize(content: Content): number {
  return content.kind === 'bytes' ? content.bytes.length : content.sizeBytes;
}

/** Content that is being read; `close` it. */
export interface OpenContent {
  readonly sizeBytes: number;
  /** Fills `into` from `atBytes` on; what lies past the end reads as zeros. */
  read(atBytes: number, into: Uint8Array): void;
  /** True where all `length` bytes are zeros for sure, without reading them. */
  isHole(atBytes: number, length: number): boolean;
  close(): void;
}

/** Opens content for reading; a host file that is missing or has another size is a Failure. */
export function openContent(content: Content): OpenContent {
  switch (content.kind) {
    case 'bytes':
      return openPieces(content.bytes.length, [{ atBytes: 0, bytes: content.bytes }]);
    case 'sparse':
      return openPieces(content.sizeBytes, content.pieces);
    case 'host':
      return openHostFile(content.path, content.sizeBytes);
  }
}

/** All bytes at once, for content that is small. */
export function contentBytes(content: Content): Uint8Array {
  if (content.kind === 'bytes') return content.bytes;
  const open = openContent(content);
  try {
    const bytes = new Uint8Array(open.sizeBytes);
    open.read(0, bytes);
    return bytes;
  } finally {
    open.close();
  }
}

function openPieces(sizeBytes: number, pieces: readonly Piece[]): OpenContent {
  const within = (atBytes: number, length: number): readonly Piece[] =>
    pieces.filter((piece) => piece.atBytes < atBytes + length && piece.atBytes + piece.bytes.length > atBytes);
  return {
    sizeBytes,
    read(atBytes, into) {
      into.fill(0);
      for (const piece of within(atBytes, into.length)) {
        const from = Math.max(0, atBytes - piece.atBytes);
        const to = Math.max(0, piece.atBytes - atBytes);
        into.set(piece.bytes.subarray(from, from + into.length - to), to);
      }
    },
    isHole: (atBytes, length) => within(atBytes, length).length === 0,
    close() {},
  };
}

function openHostFile(path: string, sizeBytes: number): OpenContent {
  const what = `read "${path}"`;
  const hint = 'do not change files while an image is made of them';
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (error) {
    throw cannotBecause(what, error);
  }
  const readAt = (into: Uint8Array, atBytes: number): number => {
    try {
      return readSync(fd, into, 0, into.length, atBytes);
    } catch (error) {
      throw cannotBecause(what, error);
    }
  };
  return {
    sizeBytes,
    read(atBytes, into) {
      const wanted = Math.max(0, Math.min(into.length, sizeBytes - atBytes));
      let done = 0;
      while (done < wanted) {
        const count = readAt(into.subarray(done, wanted), atBytes + done);
        if (count === 0) throw cannot(what, `it ended at ${atBytes + done} of ${sizeBytes} bytes`, { hint });
        done += count;
      }
      into.fill(0, wanted);
      if (atBytes + wanted === sizeBytes && readAt(new Uint8Array(1), sizeBytes) > 0) {
        throw cannot(what, `it is longer than the ${sizeBytes} bytes it had`, { hint });
      }
    },
    isHole: () => false,
    close: () => closeSync(fd),
  };
}
