// Every compression gives the original bytes. A damaged file, and one that unpacks to more bytes than
// expected, are refused.
import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliCompressSync, constants, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Context } from './events.ts';
import { pathOf } from './paths.ts';
import { run } from './sh.ts';
import { unpacked, unpackedLzma2 } from './unpack.ts';

const searchPath = pathOf(process.env);
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
  deflate: () => deflateSync(plain),
  br: () => brotliCompressSync(plain),
  xz: () => byTool(['xz'], '.xz'),
  bzip2: () => byTool(['bzip2'], '.bz2'),
  lzma: () => byTool(['xz', '--format=lzma'], '.lzma'),
  lzip: () => byTool(['lzip'], '.lz'),
  lz4: () => byTool(['lz4', '--multiple'], '.lz4'),
  lzma2: () => byTool(lzma2, '.packed'),
};

async function unpackedFrom(bytes: Buffer, compression: string, sizeBytes = plain.length): Promise<Buffer> {
  const folder = await mkdtemp(join(dir, 'one-'));
  const path = join(folder, 'packed');
  await writeFile(path, bytes);
  const packed = { path, sizeBytes, what: 'unpack it' };
  const to = await (compression === 'lzma2'
    ? unpackedLzma2(packed, searchPath, context)
    : unpacked({ ...packed, compression }, searchPath, context));
  if (compression !== 'none') assert.ok((await readdir(folder)).includes('packed.plain'));
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
    const long = `Cannot unpack it: it unpacks to more than the ${plain.length - 1} bytes that are expected`;
    assert.is(await refusal(bytes, compression, plain.length - 1), long);
    const half = await refusal(bytes.subarray(0, bytes.length >> 1), compression);
    assert.is(half, 'Cannot unpack it: the compressed archive is damaged');
  });
}

const damaged = 'Cannot unpack it: the compressed archive is damaged';

for (const [compression, pack] of Object.entries(packings).filter(([name]) =>
  ['zstd', 'gzip', 'xz', 'bzip2', 'lzip', 'lz4'].includes(name),
)) {
  test(`joined files of ${compression} are unpacked to their end, wherever one ends`, async () => {
    const bytes = await pack();
    const many = Buffer.concat(Array.from({ length: 20 }, () => bytes));
    const whole = Buffer.concat(Array.from({ length: 20 }, () => plain));
    assert.ok((await unpackedFrom(many, compression, whole.length)).equals(whole));
    const long = `Cannot unpack it: it unpacks to more than the ${whole.length - 1} bytes that are expected`;
    assert.is(await refusal(many, compression, whole.length - 1), long);
    assert.is(await refusal(many.subarray(0, -1), compression, whole.length), damaged);
  });
}

for (const [compression, pack] of Object.entries(packings).filter(([name]) => ['zstd', 'gzip', 'xz'].includes(name))) {
  test(`bytes after the end of a file of ${compression} are refused`, async () => {
    const bytes = await pack();
    for (const rest of ['x', 'garbage', 'x'.repeat(100_000)])
      assert.is(await refusal(Buffer.concat([bytes, Buffer.from(rest)]), compression), damaged, rest);
  });
}

test('the compression that a file shows counts more than its name', async () => {
  for (const compression of ['zstd', 'gzip', 'xz', 'bzip2', 'lzma']) {
    const bytes = await packings[compression]?.();
    assert.ok(bytes);
    for (const name of ['zstd', 'gzip', 'xz', 'bzip2', 'lzma', 'lzip', ''])
      assert.ok((await unpackedFrom(bytes, name)).equals(plain), name);
    assert.ok((await unpackedFrom(bytes, 'none')).equals(bytes));
  }
});

const skippable = Buffer.from([0x5f, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4]);

test('zstd: frames of every form are found, and skippable ones skipped', async () => {
  const noise = randomBytes(300_000);
  const flags = (checksum: number, contentSize: number): object => ({
    params: { [constants.ZSTD_c_checksumFlag]: checksum, [constants.ZSTD_c_contentSizeFlag]: contentSize },
  });
  const contents = [Buffer.alloc(0), Buffer.alloc(255, 'a'), Buffer.alloc(256, 'b'), Buffer.alloc(66_000), plain, noise];
  const frames = contents.flatMap((bytes) => [zstdCompressSync(bytes, flags(0, 0)), skippable, zstdCompressSync(bytes, flags(1, 1))]);
  const whole = Buffer.concat(contents.flatMap((bytes) => [bytes, bytes]));
  assert.ok((await unpackedFrom(Buffer.concat([skippable, ...frames]), 'zstd', whole.length)).equals(whole));
  for (const cut of [1, 5, 11]) {
    const short = Buffer.concat([...frames, skippable.subarray(0, cut)]);
    assert.is(await refusal(short, 'zstd', whole.length), damaged);
  }
  assert.is(await refusal(Buffer.alloc(0), 'zstd'), damaged);
});

test('an unknown compression is named', async () => {
  assert.is(await refusal(plain, 'lzo'), 'Cannot unpack it: its compression "lzo" is not known');
});

test.run();
