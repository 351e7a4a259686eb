// The words of a NAR, Nix's archive of one file, link or folder: each is a 64-bit little-endian length, the bytes, and zeros up to a
// multiple of 8. An archive keeps kinds, names, contents and one executable bit, nothing else. Source: Dolstra's thesis, figure 5.2.
import type { ByteText } from './byte-text.ts';

export const narMagic = 'nix-archive-1' as ByteText;

/** Linux has names of at most 255 bytes and link targets of at most 4095. A length beyond that is damage, not a reason to make a buffer of it. */
export const longestName = 255;
export const longestTarget = 4095;

/** How many bytes of padding follow so many bytes. */
export function paddingOf(lengthBytes: number): number {
  return (8 - (lengthBytes % 8)) % 8;
}

/** Why a name cannot be one in a folder, if so. */
export function badEntryName(name: ByteText): string | undefined {
  if (name === '') return 'a name is empty';
  if (name === '.' || name === '..') return `a name is "${name}"`;
  if (name.includes('/')) return 'a name holds a slash';
  if (name.includes('\0')) return 'a name holds a NUL';
  return undefined;
}
