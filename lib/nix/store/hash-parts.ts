// Finds the hash parts of known store paths in bytes, anywhere, over the ends of chunks too. This is how Nix
// itself learns what a path refers to at run time; what is compressed or otherwise hidden is not seen, as it
// is not by Nix. A window of 32 is looked at from its end, so that where letters are of no hash most bytes
// are never touched; binary files and texts are searched about as fast as they are read.
import { sha256 } from '../../core/digest.ts';
import { base32Alphabet } from './nix-hash.ts';
import { hashPartLength, hashPartOf } from './store-path.ts';
import type { StoreName } from './store-path.ts';

const isHashByte = new Uint8Array(256);
for (const letter of base32Alphabet) isHashByte[letter.charCodeAt(0)] = 1;

/** Where the next known hash part begins in `bytes`, at `from` or later; -1 when none is there whole. */
export type HashPartSearch = (bytes: Buffer, from: number) => number;

/** A search for `known`, each 32 characters of Nix's base 32. What is taken out of the set is no longer found. */
export function hashPartSearch(known: ReadonlySet<string>): HashPartSearch {
  /** By the first two bytes; nearly all windows of letters end their look-up here. */
  const beginnings = new Uint8Array(1 << 16);
  for (const part of known) beginnings[(part.charCodeAt(0) << 8) | part.charCodeAt(1)] = 1;
  return (bytes, from) => {
    let at = from;
    let checkedTo = from;
    while (at + hashPartLength <= bytes.length) {
      let last = at + hashPartLength - 1;
      while (last >= checkedTo && isHashByte[bytes[last] ?? 0] === 1) last--;
      if (last >= checkedTo) {
        at = last + 1;
        checkedTo = at;
        continue;
      }
      checkedTo = at + hashPartLength;
      const beginning = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
      if (beginnings[beginning] === 1 && known.has(bytes.toString('latin1', at, at + hashPartLength))) return at;
      at++;
    }
    return -1;
  };
}

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

export interface ModuloHash {
  update(chunk: Uint8Array): void;
  /** Hex, and whether the path names itself. */
  finish(): { readonly hash: string; readonly self: boolean };
}

export function moduloHash(own: StoreName): ModuloHash {
  const hash = sha256();
  const search = hashPartSearch(new Set([hashPartOf(own)]));
  const zeros = Buffer.alloc(hashPartLength);
  const positions: number[] = [];
  let tail: Buffer = Buffer.alloc(0);
  let hashedBytes = 0;

  const add = (bytes: Buffer): void => {
    hash.update(bytes);
    hashedBytes += bytes.length;
  };
  const take = (bytes: Buffer, atEnd: boolean): void => {
    let done = 0;
    for (let at = search(bytes, 0); at !== -1; at = search(bytes, done)) {
      add(bytes.subarray(done, at));
      positions.push(hashedBytes);
      add(zeros);
      done = at + hashPartLength;
    }
    const end = atEnd ? bytes.length : Math.max(done, bytes.length - (hashPartLength - 1));
    add(bytes.subarray(done, end));
    tail = Buffer.from(bytes.subarray(end));
  };
  return {
    update: (chunk) => take(Buffer.concat([tail, chunk]), false),
    finish: () => {
      take(tail, true);
      for (const position of positions) hash.update(`|${position}`);
      return { hash: hash.digest('hex'), self: positions.length > 0 };
    },
  };
}
