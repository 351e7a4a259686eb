// The words of a NAR, Nix's archive of one file, link or folder: each is a 64-bit little-endian length, the
// bytes, and zeros up to a multiple of 8. An archive keeps kinds, names, contents and one executable bit,
// nothing else. Source: Dolstra's thesis, figure 5.2. Names, link targets and derivations are bytes to Nix,
// mostly UTF-8 and not always. Here they are strings with one character for each byte (0-255): these join,
// slice and sort by byte, as Nix does, and become the very same bytes again.

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

/** A string whose characters are bytes. */
export type ByteText = string & { readonly __bytes: true };

/** The bytes of a buffer, or of a string as UTF-8. */
export function byteText(given: Uint8Array | string): ByteText {
  const bytes = typeof given === 'string' ? Buffer.from(given) : Buffer.from(given.buffer, given.byteOffset, given.byteLength);
  return bytes.toString('latin1') as ByteText;
}

/** The bytes themselves: what is written, hashed, or given to the file system as a path. */
export function bytesOf(text: ByteText): Buffer {
  return Buffer.from(text, 'latin1');
}

/** For people: as UTF-8, with a sign in place of what is not. */
export function readable(text: ByteText): string {
  return bytesOf(text).toString();
}

/** `folder/name`; the name alone where the folder is ''. */
export function joined(folder: ByteText, name: ByteText): ByteText {
  return (folder === '' ? name : `${folder}/${name}`) as ByteText;
}
