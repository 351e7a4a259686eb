// Reads an untrusted NAR: yields its entries piece by piece, and refuses everything that Nix would not write.
// It needs constant memory and writes nothing.
import { cannot } from '../../core/errors.ts';
import type { Failure } from '../../core/errors.ts';
import { badEntryName, byteText, joined, longestName, longestTarget, narMagic, paddingOf, readable } from './format.ts';
import type { ByteText } from './format.ts';

/**
 * Paths have no leading slash, and the root is ''. A folder comes before its entries. The pieces of a file
 * follow it and add up to its size.
 */
export type NarEvent =
  | { readonly kind: 'directory'; readonly path: ByteText }
  | { readonly kind: 'file'; readonly path: ByteText; readonly executable: boolean; readonly sizeBytes: number }
  /** Valid until the next event is requested. */
  | { readonly kind: 'piece'; readonly bytes: Uint8Array }
  | { readonly kind: 'symlink'; readonly path: ByteText; readonly target: ByteText };

export interface ReadOptions {
  /** Text for the error: "unpack x". */
  readonly what: string;
  /**
   * "any": names may be out of order, which happens when hashes in them were replaced. The receiver must then
   * refuse duplicate names.
   */
  readonly order?: 'strict' | 'any';
}

/** A folder that is being read, with the last name in it. */
interface Level {
  readonly path: ByteText;
  last: ByteText | undefined;
}

/**
 * Yields the archive's entries in order. Throws a Failure at the first wrong byte, after the entries before
 * it were yielded.
 */
export function* narEntries(chunks: Iterable<Uint8Array>, { what, order = 'strict' }: ReadOptions): Generator<NarEvent, void> {
  const stream = byteStream(chunks, what);
  const levels: Level[] = [];
  const refuse = (why: string): Failure => cannot(what, `the archive is damaged: ${why}`);
  expect(stream, refuse, narMagic);
  let path: ByteText | undefined = '' as ByteText;
  for (;;) {
    if (path !== undefined) {
      const isFolder: boolean = yield* node(stream, refuse, path);
      if (isFolder) levels.push({ path, last: undefined });
      path = undefined;
      if (!isFolder) {
        if (levels.length === 0) break;
        expect(stream, refuse, ')');
      }
      continue;
    }
    const level = levels.at(-1);
    if (!level) break;
    const word = token(stream, refuse, longestName);
    if (word === ')') {
      levels.pop();
      if (levels.length === 0) break;
      expect(stream, refuse, ')');
    } else if (word === 'entry') {
      path = joined(level.path, entryName(stream, refuse, level, order));
    } else throw refuse(`"${readable(word)}" where an entry or the end of a folder should be`);
  }
  if (!stream.atEnd()) throw refuse('something follows its end');
}

/** Returns true if a folder was opened. A file or a link is read to its end. */
function* node(stream: ByteStream, refuse: (why: string) => Failure, path: ByteText): Generator<NarEvent, boolean> {
  expect(stream, refuse, '(');
  expect(stream, refuse, 'type');
  const type = token(stream, refuse, longestName);
  if (type === 'directory') {
    yield { kind: 'directory', path };
    return true;
  }
  if (type === 'symlink') {
    expect(stream, refuse, 'target');
    const target = token(stream, refuse, longestTarget);
    if (target === '' || target.includes('\0')) throw refuse(`the link "${readable(path)}" leads nowhere`);
    yield { kind: 'symlink', path, target };
  } else if (type === 'regular') {
    let word = token(stream, refuse, longestName);
    const executable = word === 'executable';
    if (executable) {
      expect(stream, refuse, '');
      word = token(stream, refuse, longestName);
    }
    if (word !== 'contents') throw refuse(`"${readable(word)}" where "contents" should be`);
    const sizeBytes = lengthOf(stream, refuse);
    yield { kind: 'file', path, executable, sizeBytes };
    for (const bytes of stream.pieces(sizeBytes)) yield { kind: 'piece', bytes };
    skipPadding(stream, refuse, sizeBytes);
  } else throw refuse(`it knows no kind "${readable(type)}"`);
  expect(stream, refuse, ')');
  return false;
}

function entryName(stream: ByteStream, refuse: (why: string) => Failure, level: Level, order: 'strict' | 'any'): ByteText {
  expect(stream, refuse, '(');
  expect(stream, refuse, 'name');
  const name = token(stream, refuse, longestName);
  const why = badEntryName(name);
  if (why) throw refuse(`in "${readable(level.path)}" ${why}`);
  if (order === 'strict' && level.last !== undefined && name <= level.last) {
    throw refuse(`in "${readable(level.path)}" the name "${readable(name)}" ${name === level.last ? 'is there twice' : 'is out of order'}`);
  }
  level.last = name;
  expect(stream, refuse, 'node');
  return name;
}

function expect(stream: ByteStream, refuse: (why: string) => Failure, wanted: string): void {
  const word = token(stream, refuse, longestName);
  if (word !== wanted) throw refuse(`"${readable(word)}" where "${wanted}" should be`);
}

function token(stream: ByteStream, refuse: (why: string) => Failure, longestBytes: number): ByteText {
  const length = lengthOf(stream, refuse);
  if (length > longestBytes) throw refuse(`a word of ${length} bytes is longer than ${longestBytes}`);
  const word = stream.text(length);
  skipPadding(stream, refuse, length);
  return word;
}

function lengthOf(stream: ByteStream, refuse: (why: string) => Failure): number {
  const value = stream.uint64();
  if (!Number.isSafeInteger(value)) throw refuse('a length is beyond any file');
  return value;
}

function skipPadding(stream: ByteStream, refuse: (why: string) => Failure, lengthBytes: number): void {
  if (/[^\0]/.test(stream.text(paddingOf(lengthBytes)))) throw refuse('padding is not zero');
}

export interface ByteStream {
  /** Little-endian. Values above 2^53 are not exact. */
  uint64(): number;
  /** Returns this number of bytes as text, for short texts. */
  text(lengthBytes: number): ByteText;
  /** Yields this number of bytes in pieces. Each is valid until the next is requested. */
  pieces(lengthBytes: number): Generator<Uint8Array, void>;
  atEnd(): boolean;
}

/** `what` is for the error: "unpack x". */
export function byteStream(chunks: Iterable<Uint8Array>, what: string): ByteStream {
  const source = chunks[Symbol.iterator]();
  let chunk: Buffer = Buffer.alloc(0);
  let at = 0;
  let before = 0;

  /** Returns false at the end of the input. */
  const fill = (): boolean => {
    while (at === chunk.length) {
      const next = source.next();
      if (next.done) return false;
      before += chunk.length;
      chunk = Buffer.from(next.value.buffer, next.value.byteOffset, next.value.byteLength);
      at = 0;
    }
    return true;
  };
  const need = (): void => {
    if (!fill()) throw cannot(what, `the archive is damaged: it ends after ${before + at} bytes, inside of an entry`);
  };
  const text = (lengthBytes: number): ByteText => {
    if (chunk.length - at >= lengthBytes) {
      at += lengthBytes;
      return chunk.toString('latin1', at - lengthBytes, at) as ByteText;
    }
    let whole = '';
    for (const piece of pieces(lengthBytes)) whole += byteText(piece);
    return whole as ByteText;
  };
  function* pieces(lengthBytes: number): Generator<Uint8Array, void> {
    for (let left = lengthBytes; left > 0;) {
      need();
      const count = Math.min(left, chunk.length - at);
      at += count;
      left -= count;
      yield chunk.subarray(at - count, at);
    }
  }
  return {
    uint64: () => {
      if (chunk.length - at >= 8) {
        at += 8;
        return chunk.readUInt32LE(at - 8) + chunk.readUInt32LE(at - 4) * 2 ** 32;
      }
      const bytes = Buffer.from(text(8), 'latin1');
      return bytes.readUInt32LE(0) + bytes.readUInt32LE(4) * 2 ** 32;
    },
    text,
    pieces,
    atEnd: () => !fill(),
  };
}
