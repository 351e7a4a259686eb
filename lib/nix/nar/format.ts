// The encoding of a NAR, Nix's archive of one file, link or folder. It consists of words: each is a 64-bit
// little-endian length, the bytes, and zeros up to a multiple of 8. An archive contains only kinds, names,
// contents and one executable bit. Source: Dolstra's thesis, figure 5.2. Names, link targets and derivations
// are bytes in Nix, which are usually but not always UTF-8. Here they are strings with one character for each
// byte (0-255). Such strings can be joined, sliced and sorted by byte, as in Nix, and converted to the same
// bytes again.

export const narMagic = 'nix-archive-1' as ByteText;

/**
 * Linux allows names of at most 255 bytes and link targets of at most 4095. A larger length is damage, and no
 * buffer of that size is allocated.
 */
export const longestName = 255;
export const longestTarget = 4095;

/** Returns the number of padding bytes after this number of bytes. */
export function paddingOf(lengthBytes: number): number {
  return (8 - (lengthBytes % 8)) % 8;
}

/** Returns why a name cannot be one in a folder, or undefined if it can. */
export function badEntryName(name: ByteText): string | undefined {
  if (name === '') return 'a name is empty';
  if (name === '.' || name === '..') return `a name is "${name}"`;
  if (name.includes('/')) return 'a name holds a slash';
  if (name.includes('\0')) return 'a name holds a NUL';
  return undefined;
}

/** A string whose characters are bytes. */
export type ByteText = string & { readonly __bytes: true };

/** Returns the bytes of a buffer, or of a string as UTF-8. */
export function byteText(given: Uint8Array | string): ByteText {
  const bytes = typeof given === 'string' ? Buffer.from(given) : Buffer.from(given.buffer, given.byteOffset, given.byteLength);
  return bytes.toString('latin1') as ByteText;
}

/** Returns the bytes, to be written, hashed, or passed to the file system as a path. */
export function bytesOf(text: ByteText): Buffer {
  return Buffer.from(text, 'latin1');
}

/** Returns the text for messages: as UTF-8, with a replacement character for invalid bytes. */
export function readable(text: ByteText): string {
  return bytesOf(text).toString();
}

/** Returns `folder/name`, or only the name if the folder is ''. */
export function joined(folder: ByteText, name: ByteText): ByteText {
  return (folder === '' ? name : `${folder}/${name}`) as ByteText;
}
