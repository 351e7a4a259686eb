// Which store paths a stream of bytes names: by their hash parts, anywhere, over the ends of chunks too. This is how Nix itself learns what a path
// refers to at run time; what is compressed or otherwise hidden is not seen, as it is not by Nix.
import { hashPartSearch } from './hash-parts.ts';
import { hashPartLength, hashPartOf } from './store-path.ts';
import type { StoreName } from './store-path.ts';

export interface ReferenceScan {
  /** The next chunk; it may be used again afterwards. */
  update(chunk: Uint8Array): void;
  /** What was seen so far. */
  found(): ReadonlySet<StoreName>;
}

/** A scan for `candidates`. Of two with one hash part (a path and its .lock) the shorter counts. */
export function referenceScan(candidates: Iterable<StoreName>): ReferenceScan {
  const byHash = new Map<string, StoreName>();
  for (const name of candidates) {
    const other = byHash.get(hashPartOf(name));
    if (other === undefined || name.length < other.length) byHash.set(hashPartOf(name), name);
  }
  const wanted = new Set(byHash.keys());
  const search = hashPartSearch(wanted);
  const seen = new Set<StoreName>();
  /** The end of the chunks before, where a hash part may have begun. */
  let tail: Buffer = Buffer.alloc(0);

  const scan = (bytes: Buffer): void => {
    for (let at = search(bytes, 0); at !== -1; at = search(bytes, at)) {
      const hash = bytes.toString('latin1', at, at + hashPartLength);
      const name = byHash.get(hash);
      if (name !== undefined) seen.add(name);
      wanted.delete(hash); // what was seen once need not be found again
      at += hashPartLength;
    }
  };
  return {
    update: (chunk) => {
      if (wanted.size === 0) return;
      const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      scan(Buffer.concat([tail, bytes.subarray(0, hashPartLength - 1)]));
      scan(bytes);
      const kept = Buffer.concat([tail, bytes.subarray(-(hashPartLength - 1))]);
      tail = Buffer.from(kept.subarray(-(hashPartLength - 1)));
    },
    found: () => seen,
  };
}
