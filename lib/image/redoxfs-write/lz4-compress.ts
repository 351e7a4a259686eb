// Compresses one LZ4 block (lz4 project, "LZ4 Block Format Description"): it takes the first match that a table of hashes of
// four bytes gives. The same input gives the same output.
import type { Buffer } from 'node:buffer';

const shortestMatch = 4;
const longRun = 15;
const farthest = 65_535;
/** The format's rules for the end: the last match begins 12 bytes before it or earlier, and the last five bytes are literals. */
const noMatchBytes = 12;
const lastLiterals = 5;

const hashBits = 14;
const table = new Int32Array(2 ** hashBits);
/** Misses in a row after which the search begins to skip bytes: 2 to this power. */
const skipBits = 6;

/** Writes the block into `out` and returns its length, or undefined when it does not fit there. */
export function compressedLz4(source: Buffer, out: Buffer): number | undefined {
  const words = new DataView(source.buffer, source.byteOffset, source.length);
  table.fill(-1);
  const matchEnd = source.length - lastLiterals;
  const searchEnd = source.length - noMatchBytes;
  let to = 0;
  let anchor = 0;
  let misses = 0;
  for (let at = 0; at < searchEnd;) {
    const word = words.getInt32(at, true);
    const slot = Math.imul(word, 0x9e3779b1) >>> (32 - hashBits);
    const candidate = table[slot] ?? -1;
    table[slot] = at;
    if (candidate < 0 || at - candidate > farthest || words.getInt32(candidate, true) !== word) {
      at += 1 + (misses++ >> skipBits);
      continue;
    }
    let length = shortestMatch;
    while (at + length < matchEnd && source[at + length] === source[candidate + length]) length++;
    const next = writeSequence(source, anchor, at, { distance: at - candidate, length }, out, to);
    if (next === undefined) return undefined;
    to = next;
    at += length;
    anchor = at;
    misses = 0;
  }
  return writeSequence(source, anchor, source.length, undefined, out, to);
}

interface Match {
  readonly distance: number;
  readonly length: number;
}

/** Writes literals [from, end) and a match (none in the last sequence) at `to`; returns where it ends. */
function writeSequence(source: Buffer, from: number, end: number, match: Match | undefined, out: Buffer, to: number): number | undefined {
  const literals = end - from;
  const matched = match ? match.length - shortestMatch : 0;
  if (to + 1 + runBytes(literals) + literals + (match ? 2 + runBytes(matched) : 0) > out.length) return undefined;
  out[to++] = (Math.min(literals, longRun) << 4) | Math.min(matched, longRun);
  to = writeRun(literals, out, to);
  out.set(source.subarray(from, end), to);
  to += literals;
  if (!match) return to;
  out[to++] = match.distance & 255;
  out[to++] = match.distance >> 8;
  return writeRun(matched, out, to);
}

/** How many bytes continue a length beyond its four bits. */
function runBytes(length: number): number {
  return length < longRun ? 0 : Math.floor((length - longRun) / 255) + 1;
}

function writeRun(length: number, out: Buffer, to: number): number {
  if (length < longRun) return to;
  let rest = length - longRun;
  for (; rest >= 255; rest -= 255) out[to++] = 255;
  out[to++] = rest;
  return to;
}
