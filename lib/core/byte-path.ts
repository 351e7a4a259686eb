// Names of files are bytes, and not all of them are UTF-8. Inside the program a name is a string in which a byte that is no part of UTF-8 is a lone
// surrogate from U+DC80 to U+DCFF, as in Python's "surrogateescape" (PEP 383), so that every name survives the way there and back.

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const escaped = /[\u{dc80}-\u{dcff}]/u;

/** Returns the name as a string. */
export function decodeName(bytes: Uint8Array): string {
  const whole = decoded(bytes);
  if (whole !== undefined) return whole;
  let name = '';
  for (let at = 0; at < bytes.length;) {
    const first = bytes[at] ?? 0;
    const length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    const character = decoded(bytes.subarray(at, at + length));
    name += character ?? String.fromCharCode(0xdc00 + first);
    at += character === undefined ? 1 : length;
  }
  return name;
}

/** Returns what node:fs takes for a path: the string itself where it is Unicode, else its bytes. */
export function encodePath(path: string): string | Buffer {
  if (!escaped.test(path)) return path;
  return Buffer.concat(
    [...path].map((character) => (escaped.test(character) ? Buffer.from([character.charCodeAt(0) - 0xdc00]) : Buffer.from(character))),
  );
}

/** Whether a name that was read as text may have lost bytes: Node writes U+FFFD in their place. */
export function mayHaveLostBytes(text: string): boolean {
  return text.includes('\ufffd');
}

function decoded(bytes: Uint8Array): string | undefined {
  try {
    return strict.decode(bytes);
  } catch {
    return undefined;
  }
}
