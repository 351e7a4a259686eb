// Decompresses one LZ4 block (lz4 project, "LZ4 Block Format Description"): the format of RedoxFS's compressed records. Input comes
// from disks, so every length and distance is checked.

const shortestMatch = 4;
const longRun = 15;

/** The bytes, at most `mostBytes`; undefined when the block is malformed or would give more. */
export function lz4Block(source: Uint8Array, mostBytes: number): Uint8Array | undefined {
  const out = new Uint8Array(mostBytes);
  let from = 0;
  let to = 0;

  /** A length of 15 goes on in bytes that are added until one is not 255. undefined when the input ends first. */
  const runLength = (nibble: number): number | undefined => {
    let length = nibble;
    for (let byte = nibble === longRun ? 255 : 0; byte === 255;) {
      const next = source[from++];
      if (next === undefined) return undefined;
      length += next;
      byte = next;
    }
    return length;
  };

  while (from < source.length) {
    const token = source[from++] ?? 0;
    const literals = runLength(token >> 4);
    if (literals === undefined || from + literals > source.length || to + literals > mostBytes) return undefined;
    out.set(source.subarray(from, from + literals), to);
    from += literals;
    to += literals;
    if (from === source.length) return out.subarray(0, to); // the last sequence has literals only
    const distance = (source[from] ?? 0) | ((source[from + 1] ?? 0) << 8);
    from += 2;
    const more = runLength(token & longRun);
    if (more === undefined || from > source.length) return undefined;
    const length = more + shortestMatch;
    if (distance === 0 || distance > to || to + length > mostBytes) return undefined;
    // A match may overlap what it writes, and then repeats it: byte by byte, forwards.
    if (distance >= length) out.copyWithin(to, to - distance, to - distance + length);
    else for (let i = 0; i < length; i++) out[to + i] = out[to + i - distance] ?? 0;
    to += length;
  }
  return undefined;
}
