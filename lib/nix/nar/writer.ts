// Writes a file, link or folder of the host as a NAR, in chunks of up to 1 MiB. Names are sorted by byte, and
// everything that a NAR cannot store is left out, so equal trees have equal bytes. This module knows no
// hashes and no store.
import { closeSync, fstatSync, lstatSync, openSync, readdirSync, readlinkSync, readSync } from 'node:fs';
import { cannot, cannotBecause, errnoOf } from '../../core/errors.ts';
import { bytesOf, byteText, joined, narMagic, paddingOf, readable } from './format.ts';
import type { ByteText } from './format.ts';

const chunkBytes = 1 << 20;
const ownerMayExecute = 0o100;

type Kind = 'regular' | 'directory' | 'symlink';

/** A buffer that is filled with words and with the contents of files, and passed on when it is full. */
interface Chunk {
  readonly bytes: Buffer;
  filled: number;
}

/**
 * Yields the NAR of the file or folder at `path`. A chunk is valid until the next is requested. A socket, a
 * device, or a file that changes while it is read is a Failure that names it.
 */
export function* narOf(path: string): Generator<Buffer, void> {
  const chunk: Chunk = { bytes: Buffer.allocUnsafeSlow(chunkBytes), filled: 0 };
  const root = byteText(path);
  yield* words(chunk, narMagic);
  yield* node(chunk, root, kindAt(root));
  if (chunk.filled > 0) yield chunk.bytes.subarray(0, chunk.filled);
}

function* node(chunk: Chunk, path: ByteText, kind: Kind): Generator<Buffer, void> {
  yield* words(chunk, '(', 'type', kind);
  if (kind === 'regular') yield* regular(chunk, path);
  else if (kind === 'symlink') yield* words(chunk, 'target', byteText(attempt(path, () => readlinkSync(bytesOf(path), 'buffer'))));
  else {
    for (const { name, kind: childKind } of children(path)) {
      yield* words(chunk, 'entry', '(', 'name', name, 'node');
      yield* node(chunk, joined(path, name), childKind);
      yield* words(chunk, ')');
    }
  }
  yield* words(chunk, ')');
}

function* regular(chunk: Chunk, path: ByteText): Generator<Buffer, void> {
  const fd = attempt(path, () => openSync(bytesOf(path), 'r'));
  try {
    const { mode, size } = fstatSync(fd);
    if (mode & ownerMayExecute) yield* words(chunk, 'executable', '');
    yield* words(chunk, 'contents');
    yield* room(chunk, 8);
    putLength(chunk, size);
    for (let left = size; left > 0;) {
      yield* room(chunk, 1);
      const count = attempt(path, () => readSync(fd, chunk.bytes, chunk.filled, Math.min(left, chunkBytes - chunk.filled), null));
      if (count === 0) throw changed(path);
      chunk.filled += count;
      left -= count;
    }
    yield* room(chunk, 8);
    if (readSync(fd, chunk.bytes, chunk.filled, 1, null) !== 0) throw changed(path);
    putPadding(chunk, size);
  } finally {
    closeSync(fd);
  }
}

/** Returns the entries sorted by byte. */
function children(path: ByteText): readonly { name: ByteText; kind: Kind }[] {
  const found = attempt(path, () => readdirSync(bytesOf(path), { encoding: 'buffer', withFileTypes: true })).map((entry) => {
    const name = byteText(entry.name);
    const kind = entry.isFile() ? 'regular' : entry.isDirectory() ? 'directory' : entry.isSymbolicLink() ? 'symlink' : undefined;
    return { name, kind: kind ?? kindAt(joined(path, name)) };
  });
  return found.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function kindAt(path: ByteText): Kind {
  const there = attempt(path, () => lstatSync(bytesOf(path)));
  if (there.isFile()) return 'regular';
  if (there.isDirectory()) return 'directory';
  if (there.isSymbolicLink()) return 'symlink';
  throw cannot(`archive "${readable(path)}"`, 'it is neither a file nor a folder nor a link', {
    hint: 'a store holds no sockets or devices',
  });
}

function* words(chunk: Chunk, ...given: readonly string[]): Generator<Buffer, void> {
  for (const word of given) {
    yield* room(chunk, 16 + word.length);
    putLength(chunk, word.length);
    chunk.filled += chunk.bytes.write(word, chunk.filled, 'latin1');
    putPadding(chunk, word.length);
  }
}

/** Yields the filled part unless this number of bytes still fits. */
function* room(chunk: Chunk, neededBytes: number): Generator<Buffer, void> {
  if (chunk.filled + neededBytes <= chunkBytes) return;
  yield chunk.bytes.subarray(0, chunk.filled);
  chunk.filled = 0;
}

function putLength(chunk: Chunk, value: number): void {
  chunk.bytes.writeUInt32LE(value % 2 ** 32, chunk.filled);
  chunk.bytes.writeUInt32LE(Math.floor(value / 2 ** 32), chunk.filled + 4);
  chunk.filled += 8;
}

function putPadding(chunk: Chunk, lengthBytes: number): void {
  const count = paddingOf(lengthBytes);
  chunk.bytes.fill(0, chunk.filled, chunk.filled + count);
  chunk.filled += count;
}

function attempt<T>(path: ByteText, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const what = `read "${readable(path)}"`;
    throw errnoOf(error) === 'EIO' ? cannot(what, 'the device has an error', { blame: 'host', cause: error }) : cannotBecause(what, error);
  }
}

function changed(path: ByteText): Error {
  return cannot(`read "${readable(path)}"`, 'it changed meanwhile', { hint: 'nothing in a store changes; build into another folder' });
}
