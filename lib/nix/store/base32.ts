// Nix's base 32: digits and lower-case letters without e, o, t, u, so that no name becomes a word. The last character holds the lowest
// bits of the first byte. 20 bytes are 32 characters, 32 bytes are 52. Source: libutil/hash.cc, printHash32.

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

/** The bytes, or undefined for a text that no bytes have: another letter, another length, bits that belong to no byte. */
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
