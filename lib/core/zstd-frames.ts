// Finds where the frames of a zstd file begin and end. Node's decompressor stops after one frame, and parallel compressors
// write many. Only headers are read here. Source of the format: RFC 8878, section 3.1.
import { closeSync, openSync, readSync } from 'node:fs';
import { itemOf } from './errors.ts';

/** First and last byte of a frame, as `createReadStream` takes them. */
export interface ZstdFrame {
  readonly start: number;
  readonly end: number;
}

const frameMagic = 0xfd2fb528;
const skippableMagic = 0x184d2a50;
/** A block of this type has one byte, whatever its size field contains. */
const repeatedByte = 1;
const reservedBlock = 3;
const dictionaryBytes = [0, 1, 2, 4];
const contentSizeBytes = [0, 2, 4, 8];

/** Yields each frame of the file, also the skippable ones. Throws `damage()` if a frame is cut or another format follows. */
export function* zstdFrames(path: string, damage: () => Error): Generator<ZstdFrame, void> {
  const fd = openSync(path, 'r');
  const bytes = Buffer.alloc(8);
  const number = (at: number, lengthBytes: number): number => {
    if (readSync(fd, bytes, 0, lengthBytes, at) < lengthBytes) throw damage();
    return bytes.readUIntLE(0, lengthBytes);
  };
  try {
    let start = 0;
    do {
      const end = frameEnd(start, number);
      if (end === undefined) throw damage();
      number(end - 1, 1);
      yield { start, end: end - 1 };
      start = end;
    } while (readSync(fd, bytes, 0, 1, start) > 0);
  } finally {
    closeSync(fd);
  }
}

/**
 * Returns the end of the frame that begins at `start`, or undefined if none begins there. `number` reads
 * little-endian.
 */
function frameEnd(start: number, number: (at: number, lengthBytes: number) => number): number | undefined {
  const magic = number(start, 4);
  if (magic - (magic % 16) === skippableMagic) return start + 8 + number(start + 4, 4);
  if (magic !== frameMagic) return undefined;
  const descriptor = number(start + 4, 1);
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const sizeCode = descriptor >> 6;
  const sizeField = sizeCode === 0 && isSingleSegment ? 1 : itemOf(contentSizeBytes, sizeCode);
  let at = start + 5 + (isSingleSegment ? 0 : 1) + itemOf(dictionaryBytes, descriptor & 3) + sizeField;
  for (let isLast = false; !isLast;) {
    const block = number(at, 3);
    const type = (block >> 1) & 3;
    if (type === reservedBlock) return undefined;
    isLast = (block & 1) === 1;
    at += 3 + (type === repeatedByte ? 1 : block >> 3);
  }
  return at + ((descriptor & 4) === 0 ? 0 : 4);
}
