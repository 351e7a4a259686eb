// Hashes in Nix's notations: "<algorithm>:<digits>" in base 16, 32 or 64, and "<algorithm>-<base 64>" (SRI).
// Nix's base 32 has digits and lower-case letters without e, o, t, u, to avoid words in names. Source:
// libutil/hash.cc.
import { createHash } from 'node:crypto';
import type { Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { Context } from '../../core/events.ts';

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

/** Returns "<algorithm>:" and base 32, the form that Nix signs and prints. */
export function printNixHash({ algorithm, hex }: NixHash): string {
  return `${algorithm}:${toBase32(Buffer.from(hex, 'hex'))}`;
}

export function hasher(algorithm: HashAlgorithm): Hash {
  return createHash(algorithm);
}

/** Returns the hashes of the bytes of a file, in the order of the algorithms. */
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

export const base32Alphabet = '0123456789abcdfghijklmnpqrsvwxyz';

export function toBase32(bytes: Uint8Array): string {
  let text = '';
  for (let digit = Math.ceil((bytes.length * 8) / 5) - 1; digit >= 0; digit--) {
    const byte = Math.floor((digit * 5) / 8);
    const bit = (digit * 5) % 8;
    text += base32Alphabet.charAt((((bytes[byte] ?? 0) >> bit) | ((bytes[byte + 1] ?? 0) << (8 - bit))) & 31);
  }
  return text;
}

/**
 * Returns the bytes, or undefined for an invalid text: another character, another length, or bits that do not
 * fill a byte.
 */
export function fromBase32(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(Math.floor((text.length * 5) / 8));
  if (Math.ceil((bytes.length * 8) / 5) !== text.length) return undefined;
  for (let digit = 0; digit < text.length; digit++) {
    const value = base32Alphabet.indexOf(text.charAt(text.length - 1 - digit));
    if (value === -1) return undefined;
    const byte = Math.floor((digit * 5) / 8);
    const bit = (digit * 5) % 8;
    bytes[byte] = (bytes[byte] ?? 0) | ((value << bit) & 255);
    const rest = value >> (8 - bit);
    if (byte + 1 < bytes.length) bytes[byte + 1] = (bytes[byte + 1] ?? 0) | rest;
    else if (rest !== 0) return undefined;
  }
  return bytes;
}
