// Hashes as Nix writes them: "<algorithm>:<digits>" in base 16, 32 or 64, and "<algorithm>-<base 64>" (SRI).
// Source: libutil/hash.cc.
import { createHash } from 'node:crypto';
import type { Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { Context } from '../../core/events.ts';
import { fromBase32, toBase32 } from './base32.ts';

export const hashAlgorithms = ['sha256', 'sha512', 'sha1', 'md5'] as const;
export type HashAlgorithm = (typeof hashAlgorithms)[number];

export interface NixHash {
  readonly algorithm: HashAlgorithm;
  /** Lower-case digits in base 16. */
  readonly hex: string;
}

export function isHashAlgorithm(word: string): word is HashAlgorithm {
  return hashAlgorithms.some((known) => known === word);
}

const sizeBytes: Readonly<Record<HashAlgorithm, number>> = { md5: 16, sha1: 20, sha256: 32, sha512: 64 };

/** Parses a hash in any base. Returns undefined for any other text. */
export function parseNixHash(text: string): NixHash | undefined {
  const [, word, separator, digits = ''] = /^(\w+)([:-])(.*)$/.exec(text) ?? [];
  if (word === undefined || !isHashAlgorithm(word)) return undefined;
  const bytes = bytesOf(digits, sizeBytes[word], separator === '-');
  return bytes && { algorithm: word, hex: Buffer.from(bytes).toString('hex') };
}

/** "<algorithm>:" and base 32, as Nix signs and prints it. */
export function printNixHash({ algorithm, hex }: NixHash): string {
  return `${algorithm}:${toBase32(Buffer.from(hex, 'hex'))}`;
}

export function hasher(algorithm: HashAlgorithm): Hash {
  return createHash(algorithm);
}

/** Hashes of the bytes of a file, in the order of the algorithms. */
export async function hashesOfFile(path: string, algorithms: readonly HashAlgorithm[], { signal }: Context): Promise<readonly NixHash[]> {
  const hashes = algorithms.map((algorithm) => ({ algorithm, hash: hasher(algorithm) }));
  for await (const chunk of createReadStream(path, { signal, highWaterMark: 1 << 20 })) for (const { hash } of hashes) hash.update(chunk);
  return hashes.map(({ algorithm, hash }) => ({ algorithm, hex: hash.digest('hex') }));
}

/** The base follows from the number of digits. */
function bytesOf(digits: string, size: number, isBase64: boolean): Uint8Array | undefined {
  if (!isBase64 && digits.length === size * 2) return /^[0-9a-fA-F]+$/.test(digits) ? Buffer.from(digits, 'hex') : undefined;
  if (!isBase64 && digits.length === Math.ceil((size * 8) / 5)) return fromBase32(digits);
  const bytes = Buffer.from(digits, 'base64');
  return bytes.length === size && bytes.toString('base64') === digits ? bytes : undefined;
}
