// Replaces store paths in a stream of bytes by others of the same length. Bytes are compared literally, and
// inserted bytes are not searched again, so that pairs do not influence each other.
import { hashPartSearch } from '../store/hash-parts.ts';
import { hashPartLength, hashPartOf } from '../store/store-path.ts';
import type { StoreName } from '../store/store-path.ts';

/** Old -> new. The names of one pair have the same length. */
export type Rewrites = ReadonlyMap<StoreName, StoreName>;

const bufferBytes = 1 << 20;

interface Pair {
  readonly oldName: Buffer;
  readonly newName: Buffer;
}

/**
 * Yields the same bytes with each old name replaced by its new one. If only the hash part occurs, it alone is
 * replaced, because it is a reference as well. Chunks are valid until the next is requested.
 */
export function* rewritten(chunks: Iterable<Uint8Array>, rewrites: Rewrites): Generator<Buffer, void> {
  const pairs = new Map<string, Pair>();
  for (const [oldName, newName] of rewrites) {
    if (oldName.length !== newName.length) throw new RangeError(`"${oldName}" and "${newName}" differ in length`);
    pairs.set(hashPartOf(oldName), { oldName: Buffer.from(oldName), newName: Buffer.from(newName) });
  }
  const longest = Math.max(hashPartLength, ...[...rewrites.keys()].map((name) => name.length));
  const search = hashPartSearch(new Set(pairs.keys()));
  const buffer = Buffer.allocUnsafeSlow(bufferBytes);
  let filled = 0;

  /** Replaces names in the buffer. Returns the number of finished bytes. */
  const replace = (atEnd: boolean): number => {
    const there = buffer.subarray(0, filled);
    let done = 0;
    for (;;) {
      const at = search(there, done);
      if (at === -1) return atEnd ? filled : Math.max(done, filled - (hashPartLength - 1));
      if (!atEnd && at + longest > filled) return at;
      const pair = pairs.get(there.toString('latin1', at, at + hashPartLength));
      if (!pair) return filled;
      const whole = there.subarray(at, at + pair.oldName.length).equals(pair.oldName);
      pair.newName.copy(there, at, 0, whole ? pair.newName.length : hashPartLength);
      done = at + (whole ? pair.newName.length : hashPartLength);
    }
  };
  for (const chunk of chunks) {
    for (let at = 0; at < chunk.length;) {
      const piece = chunk.subarray(at, at + bufferBytes - filled);
      buffer.set(piece, filled);
      filled += piece.length;
      at += piece.length;
      const done = replace(false);
      if (done > 0) yield buffer.subarray(0, done);
      buffer.copyWithin(0, done, filled);
      filled -= done;
    }
  }
  replace(true);
  if (filled > 0) yield buffer.subarray(0, filled);
}
