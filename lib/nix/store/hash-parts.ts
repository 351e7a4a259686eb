// Finds the hash parts of known store paths in bytes. A window of 32 is looked at from its end, so that where letters are of no hash most bytes are
// never touched; binary files and texts are searched about as fast as they are read.
import { base32Alphabet } from './base32.ts';
import { hashPartLength } from './store-path.ts';

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
