// Finds the hash parts of known store paths in bytes, at any position and across chunks. Nix itself finds the
// run-time references of a path in this way. Like Nix, it does not find references in compressed data. A
// window of 32 bytes is checked from its end, so that most bytes are never read if there are characters that
// no hash contains. Binary files and texts are searched about as fast as they are read.
import { sha256 } from '../../core/digest.ts';
import { base32Alphabet } from './nix-hash.ts';
import { hashPartLength, hashPartOf } from './store-path.ts';
import type { StoreName } from './store-path.ts';

const isHashByte = new Uint8Array(256);
for (const letter of base32Alphabet) isHashByte[letter.charCodeAt(0)] = 1;

/**
 * Returns the index of the next known hash part in `bytes`, at `from` or later, or -1 if there is no complete
 * one.
 */
export type HashPartSearch = (bytes: Buffer, from: number) => number;

/**
 * Returns a search for `known`, each with 32 characters of Nix's base 32. A hash part that is removed from
 * the set is no longer found.
 */
export function hashPartSearch(known: ReadonlySet<string>): HashPartSearch {
  /** Indexed by the first two bytes. Nearly all windows of letters are excluded here. */
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
  /** Takes the next chunk, which may be reused afterwards. */
  update(chunk: Uint8Array): void;
  /** Returns the references that were found so far. */
  found(): ReadonlySet<StoreName>;
}

/** Returns a scan for `candidates`. If two have the same hash part (a path and its .lock), the shorter counts. */
export function referenceScan(candidates: Iterable<StoreName>): ReferenceScan {
  const byHash = new Map<string, StoreName>();
  for (const name of candidates) {
    const other = byHash.get(hashPartOf(name));
    if (other === undefined || name.length < other.length) byHash.set(hashPartOf(name), name);
  }
  const wanted = new Set(byHash.keys());
  const search = hashPartSearch(wanted);
  const seen = new Set<StoreName>();
  /** The end of the previous chunks, in which a hash part may begin. */
  let tail: Buffer = Buffer.alloc(0);

  const scan = (bytes: Buffer): void => {
    for (let at = search(bytes, 0); at !== -1; at = search(bytes, at)) {
      const hash = bytes.toString('latin1', at, at + hashPartLength);
      const name = byHash.get(hash);
      if (name !== undefined) seen.add(name);
      wanted.delete(hash); // each reference has to be found only once
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
  /** Returns the hash in hex, and whether the path refers to itself. */
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
