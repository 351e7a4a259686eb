// Every compression gives back the bytes, and a file that unpacks to more than it is said to have, or is damaged, is refused.
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliCompressSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Context } from './events.ts';
import { run } from './sh.ts';
import { unpacked, unpackedLzma2 } from './unpack.ts';

const searchPath = process.env['PATH'] ?? '';
const context: Context = { signal: new AbortController().signal, report: () => undefined };
const dir = await mkdtemp(join(tmpdir(), 'bloomery-unpack-'));
test.after(() => rm(dir, { recursive: true }));
const plain = Buffer.from('words '.repeat(50_000));
const lzma2 = ['xz', '--format=raw', '--lzma2=preset=1', '--suffix=.packed'];

async function byTool(argv: readonly string[], ending: string): Promise<Buffer> {
  const path = join(dir, 'by-tool');
  await writeFile(path, plain);
  const { exitCode, stderr } = await run([...argv, '--force', path], { cwd: dir, env: { PATH: searchPath } });
  assert.is(exitCode, 0, stderr);
  return await readFile(path + ending);
}

const packings: Readonly<Record<string, () => Buffer | Promise<Buffer>>> = {
  zstd: () => zstdCompressSync(plain),
  gzip: () => gzipSync(plain),
  br: () => brotliCompressSync(plain),
  xz: () => byTool(['xz'], '.xz'),
  bzip2: () => byTool(['bzip2'], '.bz2'),
  lzma2: () => byTool(lzma2, '.packed'),
};

async function unpackedFrom(bytes: Buffer, compression: string, sizeBytes = plain.length): Promise<Buffer> {
  const folder = await mkdtemp(join(dir, 'one-'));
  const path = join(folder, 'packed');
  await writeFile(path, bytes);
  const packed = { path, sizeBytes, what: 'unpack it' };
  const to = await (compression === 'lzma2' ? unpackedLzma2(packed, searchPath, context) : unpacked({ ...packed, compression }, searchPath, context));
  assert.ok((await readdir(folder)).includes('packed.plain'));
  return await readFile(to);
}

async function refusal(...words: Parameters<typeof unpackedFrom>): Promise<string> {
  return await unpackedFrom(...words).then(
    () => 'unpacked',
    (error: Error) => error.message,
  );
}

for (const [compression, pack] of Object.entries(packings)) {
  test(`what ${compression} packed is unpacked, and neither more than it is said to have nor half of it`, async () => {
    const bytes = await pack();
    assert.ok((await unpackedFrom(bytes, compression)).equals(plain));
    const long = `Cannot unpack it: it unpacks to more than the ${plain.length - 1} bytes that it is said to have`;
    assert.is(await refusal(bytes, compression, plain.length - 1), long);
    const half = await refusal(bytes.subarray(0, bytes.length >> 1), compression);
    assert.is(half, 'Cannot unpack it: the compressed archive is damaged');
  });
}

test('a compression that nobody knows is named', async () => {
  assert.is(await refusal(plain, 'lzo'), 'Cannot unpack it: its compression "lzo" is not known');
});

test.run();
