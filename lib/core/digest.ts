// Content is named by its SHA-256. Digests, and the canonical text that records are hashed as, live here; nothing else hashes.
// Digest strings are branded so that a path or a key cannot be passed for one.
import { createHash, hash } from 'node:crypto';
import type { Hash } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { encodePath } from './paths.ts';

/** SHA-256, 64 lower-case hex digits. */
export type Digest = string & { readonly __digest: true };

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

export function isDigest(text: unknown): text is Digest {
  return typeof text === 'string' && /^[0-9a-f]{64}$/.test(text);
}

export function digestBytes(bytes: Uint8Array | string): Digest {
  return hash('sha256', bytes) as Digest;
}

/** The digest of a stream of chunks; `sha256()` is handed out for writers that hash while they write. */
export function sha256(): Hash {
  return createHash('sha256');
}

export function finished(stream: Hash): Digest {
  return stream.digest('hex') as Digest;
}

/** One for all: it is filled and hashed without a pause between. A stream, or a promise for each piece, costs a third more. */
const piece = Buffer.allocUnsafeSlow(1 << 20);
/** After so many pieces others get a turn: some 20 ms. */
const piecesAtOnce = 4;

export async function digestFile(path: string): Promise<Digest> {
  const file = openSync(path, 'r');
  try {
    const whole = createHash('sha256');
    for (let pieces = 1; ; pieces++) {
      const bytesRead = readSync(file, piece, 0, piece.length, null);
      if (bytesRead === 0) return finished(whole);
      whole.update(piece.subarray(0, bytesRead));
      if (pieces % piecesAtOnce === 0) await setImmediate();
    }
  } finally {
    closeSync(file);
  }
}

/** At once, for thousands of small files: a buffer and a look at the size for each would cost a tenth more. */
export function digestFileSync(path: string): Digest {
  const file = openSync(encodePath(path), 'r');
  try {
    let bytesRead = readSync(file, piece, 0, piece.length, null);
    if (bytesRead < piece.length) return digestBytes(piece.subarray(0, bytesRead));
    const whole = createHash('sha256');
    for (; bytesRead > 0; bytesRead = readSync(file, piece, 0, piece.length, null)) whole.update(piece.subarray(0, bytesRead));
    return finished(whole);
  } finally {
    closeSync(file);
  }
}

/** JSON with keys sorted by code unit and no white space: equal values have equal text, so its digest names the value. */
export function canonicalJson(value: Json): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (isList(value)) return `[${value.map(canonicalJson).join(',')}]`;
  const keys = Object.keys(value).sort(byCodeUnit);
  return `{${keys.map((key) => `${JSON.stringify(key)}:${canonicalJson(value[key] ?? null)}`).join(',')}}`;
}

export function digestRecord(value: Json): Digest {
  return digestBytes(canonicalJson(value));
}

/** Order by UTF-16 code unit, the same on every machine; `localeCompare` is not. */
export function byCodeUnit(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}
