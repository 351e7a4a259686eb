// Names, link targets and derivations are bytes to Nix, mostly UTF-8 and not always. Here they are strings with one character for
// each byte (0-255): these join, slice and sort by byte, as Nix does, and become the very same bytes again.

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
