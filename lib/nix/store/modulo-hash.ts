// The hash of a NAR that may hold its own store path: its own hash part counts as zeros, and the places where it stood are added behind. So a path
// can be named by what it holds. Source: libstore/references.cc, HashModuloSink.
import { sha256 } from '../../core/digest.ts';
import { hashPartSearch } from './hash-parts.ts';
import { hashPartLength, hashPartOf } from './store-path.ts';
import type { StoreName } from './store-path.ts';

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
