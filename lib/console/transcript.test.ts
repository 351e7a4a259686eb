// Recordings are written to real files and read back, also truncated and damaged ones.
import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Failure } from '../core/errors.ts';
import { readTranscript, transcript } from './transcript.ts';
import type { Recorded } from './transcript.ts';

let root = '';
test.before.each(async () => {
  root = await mkdtemp(join(tmpdir(), 'transcript-'));
});
test.after.each(async () => {
  await rm(root, { recursive: true });
});

async function all(path: string): Promise<readonly Recorded[]> {
  const pieces: Recorded[] = [];
  for await (const piece of readTranscript(path))
    pieces.push(piece.kind === 'bytes' ? { ...piece, bytes: Uint8Array.from(piece.bytes) } : piece);
  return pieces;
}

async function failureOf(path: string): Promise<Failure> {
  const error: unknown = await all(path).catch((reason: unknown) => reason);
  if (error instanceof Failure) return error;
  throw error;
}

test('a transcript is read back: the same bytes, their times, and the marks between them', async () => {
  const path = join(root, 'logs/x.log');
  const record = transcript(path);
  const pieces: Recorded[] = [
    { kind: 'mark', atMs: 0, mark: { kind: 'expecting', text: 'a "quoted"\nline' } },
    { kind: 'bytes', atMs: 5, bytes: Uint8Array.of(0, 255, 13, 10, 27) },
    { kind: 'bytes', atMs: 5, bytes: Uint8Array.of(65) },
    { kind: 'mark', atMs: 7, mark: { kind: 'dialogue-over' } },
    { kind: 'mark', atMs: 9, mark: { kind: 'exited' } },
    { kind: 'mark', atMs: 9, mark: { kind: 'exited', passed: true } },
  ];
  for (const piece of pieces) {
    if (piece.kind === 'bytes') record.bytes(piece.atMs ?? 0, piece.bytes);
    else record.mark(piece.atMs, piece.mark);
  }
  record.close();
  assert.equal([...(await readFile(path))], [0, 255, 13, 10, 27, 65]);
  assert.equal(await all(path), pieces);
});

test('bytes without times are read without times', async () => {
  const path = join(root, 'x.log');
  await writeFile(path, 'hello');
  assert.equal(await all(path), [{ kind: 'bytes', atMs: undefined, bytes: Uint8Array.from(Buffer.from('hello')) }]);
});

test('a record cut by SIGKILL: bytes without a time have the last, a half-written time is not believed', async () => {
  const path = join(root, 'x.log');
  const record = transcript(path);
  record.bytes(5, Buffer.from('ab'));
  record.close();
  await appendFile(path, 'cd');
  await appendFile(`${path}.times`, '12');
  assert.equal(
    (await all(path)).map((piece) => (piece.kind === 'bytes' ? `${piece.atMs} ${String(Buffer.from(piece.bytes))}` : '')),
    ['5 ab', '5 cd'],
  );
});

test('a file of times that does not match or is invalid is reported', async () => {
  const path = join(root, 'x.log');
  await writeFile(path, 'ab');
  await writeFile(`${path}.times`, '5 3\n');
  assert.match((await failureOf(path)).message, 'describes more bytes than the transcript has');
  await writeFile(`${path}.times`, '5 1\nhello\n');
  assert.match((await failureOf(path)).message, 'line 2 is not "<ms> <bytes>"');
});

test('a record that does not exist, and a folder that cannot be written', async () => {
  assert.match((await failureOf(join(root, 'none.log'))).message, /^Cannot read the transcript ".*none\.log": it does not exist$/);
  await writeFile(join(root, 'file'), '');
  assert.throws(() => transcript(join(root, 'file/x.log')), 'Cannot write the transcript');
});

test.run();
