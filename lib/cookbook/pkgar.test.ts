// Binary packages: a signed package is unpacked; a changed byte, a truncated file, another key or a hostile
// path is refused, and no file is left.
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { lstat, mkdir, mkdtemp, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { blake3 } from '@noble/hashes/blake3.js';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { pathOf } from '../core/paths.ts';
import { run } from '../core/sh.ts';
import { openCookbook } from './cookbook.ts';
import { pkgarFolder, withPackages } from './pkgar.ts';
import type { PackageHost } from './pkgar.ts';

const dir = await mkdtemp(join(tmpdir(), 'pkgar-'));
test.after(() => rm(dir, { recursive: true, force: true }));
const cacheDir = join(dir, 'cache');
const searchPath = pathOf(process.env);
const host: PackageHost = { cacheDir, searchPath, context: { signal: new AbortController().signal, report: () => undefined } };

const rawKey = (key: KeyObject): Buffer => key.export({ format: 'der', type: 'spki' }).subarray(-32);
const { publicKey, privateKey } = generateKeyPairSync('ed25519');

type Row = readonly [path: string, mode: number, content: string];

interface Packing {
  readonly flags?: number;
  readonly key?: KeyObject;
  readonly named?: KeyObject;
  /** What the package has of each file; by default the content itself. */
  readonly stored?: readonly Buffer[];
}

/** Creates a package in its format. */
function packed(rows: readonly Row[], packing: Packing = {}): Buffer {
  const { flags = 0, key = privateKey, named = publicKey, stored = rows.map(([, , content]) => Buffer.from(content)) } = packing;
  let offset = 0;
  const entries = rows.map(([path, mode, content], index) => {
    const sizeBytes = stored[index]?.length ?? 0;
    const entry = Buffer.alloc(308);
    entry.set(blake3(Buffer.from(content)), 0);
    entry.writeBigUInt64LE(BigInt(offset), 32);
    entry.writeBigUInt64LE(BigInt(sizeBytes), 40);
    entry.writeUInt32LE(mode, 48);
    entry.write(path, 52);
    offset += sizeBytes;
    return entry;
  });
  const numbers = Buffer.alloc(8);
  numbers.writeUInt32LE(rows.length, 0);
  numbers.writeUInt32LE(flags, 4);
  const signed = Buffer.concat([rawKey(named), Buffer.from(blake3(Buffer.concat(entries))), numbers]);
  return Buffer.concat([sign(null, signed, key), signed, ...entries, ...stored]);
}

/** A file as a compressed package has it, by xz. */
async function compressed(content: string, sizeBytes = Buffer.byteLength(content)): Promise<Buffer> {
  const plain = join(dir, 'plain');
  await writeFile(plain, content);
  const argv = ['xz', '--format=raw', '--lzma2=preset=5', '--suffix=.lzma2', '--force', '--keep', plain];
  const { exitCode, stderr } = await run(argv, { cwd: '/', env: { PATH: searchPath } });
  assert.is(exitCode, 0, stderr);
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(sizeBytes));
  return Buffer.concat([size, await readFile(`${plain}.lzma2`)]);
}

const isCompressed = 1 << 16;

async function unpacked(bytes: Buffer, name: string, key: KeyObject = publicKey): Promise<string> {
  const folder = join(dir, name);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'id_ed25519.pub.toml'), `pkey = "${rawKey(key).toString('hex')}"\n`);
  await writeFile(join(folder, 'x.pkgar'), bytes);
  return await pkgarFolder(join(folder, 'x.pkgar'), host);
}

async function inOrder<T, R>(list: readonly T[], work: (item: T) => Promise<R>): Promise<readonly R[]> {
  const results: R[] = [];
  for (const item of list) results.push(await work(item));
  return results;
}

const refusal = async (work: Promise<unknown>): Promise<string> =>
  await work.then(
    () => 'unpacked',
    (error: Error) => error.message.replace(/^Cannot unpack the package "[^"]*": /, ''),
  );

const rows: readonly Row[] = [
  ['usr/bin/ls', 0o120755, 'coreutils'],
  ['usr/bin/coreutils', 0o100755, 'a program'],
  ['etc/words', 0o100644, 'words\n'],
];

test('files, links and permissions are those of the package, which is unpacked once', async () => {
  const folder = await unpacked(packed(rows), 'good');
  assert.is(await readFile(join(folder, 'usr/bin/coreutils'), 'utf8'), 'a program');
  assert.is((await lstat(join(folder, 'usr/bin/coreutils'))).mode & 0o777, 0o755);
  assert.is(await readlink(join(folder, 'usr/bin/ls')), 'coreutils');
  assert.is(await unpacked(packed(rows), 'good'), folder);
  await unpacked(packed([]), 'empty');
});

test('every flipped byte and every cut is refused, and leaves nothing', async () => {
  const before = (await readdir(join(cacheDir, 'upstream'))).sort();
  const bytes = packed(rows);
  for (let at = 0; at < bytes.length; at += 7) {
    const flipped = Buffer.from(bytes);
    flipped[at] = (flipped[at] ?? 0) ^ 1;
    assert.is.not(await refusal(unpacked(flipped, 'flipped')), 'unpacked', `byte ${at}`);
    assert.is.not(await refusal(unpacked(bytes.subarray(0, at), 'cut')), 'unpacked', `cut at ${at}`);
  }
  assert.equal((await readdir(join(cacheDir, 'upstream'))).sort(), before);
});

test('a compressed package unpacks to the same files, also where they are empty or large', async () => {
  const random = randomBytes(300_000).toString('base64'); // stored by LZMA2 as it is, in many chunks
  const all: readonly Row[] = [
    ...rows,
    ['usr/empty', 0o100644, ''],
    ['usr/zeros', 0o100644, '\0'.repeat(5_000_000)],
    ['usr/random', 0o100600, random],
  ];
  const stored = await inOrder(all, ([, , content]) => compressed(content));
  const folder = await unpacked(packed(all, { flags: isCompressed, stored }), 'compressed');
  const plain = await unpacked(packed(all), 'plain-of-compressed');
  for (const [path, mode, content] of all) {
    if (mode === 0o120755) assert.is(await readlink(join(folder, path)), content);
    else {
      assert.ok((await readFile(join(folder, path))).equals(await readFile(join(plain, path))), path);
      assert.is((await lstat(join(folder, path))).mode, (await lstat(join(plain, path))).mode);
    }
  }
  const empty: readonly Row[] = [['empty', 0o100644, '']];
  await unpacked(packed(empty, { flags: isCompressed, stored: [await compressed('')] }), 'compressed-empty');
});

test('a compressed package with a flipped byte, a wrong size or no stream is refused, and leaves nothing', async () => {
  const before = (await readdir(join(cacheDir, 'upstream'))).sort();
  const stored = await inOrder(rows, ([, , content]) => compressed(content));
  const bytes = packed(rows, { flags: isCompressed, stored });
  for (let at = bytes.length - stored.reduce((sum, { length }) => sum + length, 0); at < bytes.length; at += 3) {
    const flipped = Buffer.from(bytes);
    flipped[at] = (flipped[at] ?? 0) ^ 1;
    assert.is.not(await refusal(unpacked(flipped, 'flipped')), 'unpacked', `byte ${at}`);
  }
  const bomb: readonly Row[] = [['a', 0o100644, 'x'.repeat(100_000)]];
  for (const [size, why] of [
    [10, 'it unpacks to more than the 10 bytes that are expected'],
    [200_000, 'it unpacks to fewer bytes than its header contains'],
    [2 ** 40, `it unpacks to ${2 ** 40} bytes, and at most ${2 ** 31} are read`],
  ] as const) {
    const wrong = packed(bomb, { flags: isCompressed, stored: [await compressed('x'.repeat(100_000), size)] });
    assert.is(await refusal(unpacked(wrong, 'wrong-size')), why);
  }
  for (const stream of ['', '1234567', '12345678', '12345678\0more\0', '12345678\x80more\0']) {
    const none = packed(bomb, { flags: isCompressed, stored: [Buffer.from(stream, 'latin1')] });
    assert.is(await refusal(unpacked(none, 'no-stream')), '"a" is damaged', JSON.stringify(stream));
  }
  assert.equal((await readdir(join(cacheDir, 'upstream'))).sort(), before);
});

test('another key, a hostile path and an unknown compression are refused by name', async () => {
  const other = generateKeyPairSync('ed25519');
  const wrongKey = 'its signature is not of the key of its repository';
  assert.is(await refusal(unpacked(packed(rows), 'other', other.publicKey)), wrongKey);
  const named = packed(rows, { named: other.publicKey });
  assert.is(await refusal(unpacked(named, 'named')), 'it names another key than that of its repository');
  for (const path of ['../out', '/etc/passwd', 'a/../../out', 'a//b', './a']) {
    assert.is(await refusal(unpacked(packed([[path, 0o100644, '']]), 'hostile')), `its path "${path}" leads out of it`);
  }
  const twice: readonly Row[] = [
    ['a', 0o120777, '/tmp'],
    ['a', 0o100644, ''],
  ];
  assert.is(await refusal(unpacked(packed(twice), 'twice')), 'its path "a" is there twice');
  const outside = join(dir, 'outside');
  await mkdir(outside);
  for (const last of [0o120777, 0o100644]) {
    for (const rest of ['l/x', 'l/d/x']) {
      const through: readonly Row[] = [
        ['l', 0o120777, outside],
        [rest, last, '/etc/passwd'],
      ];
      assert.is(await refusal(unpacked(packed(through), 'through')), `its path "${rest}" is below a file or a link`);
      assert.is(await refusal(unpacked(packed([...through].reverse()), 'through')), 'its path "l" is there twice');
    }
  }
  assert.equal(await readdir(outside), []);
  for (const target of ['', 'a\0b', 'x'.repeat(5000)]) {
    assert.is(await refusal(unpacked(packed([['l', 0o120777, target]]), 'target')), 'the link "l" does not contain a path');
  }
  assert.match(await refusal(unpacked(packed([['x'.repeat(256), 0o100644, '']]), 'long')), /is too long or no text$/);
  assert.is(await refusal(unpacked(packed([['dev', 0o020644, '']]), 'device')), '"dev" is neither a file nor a link');
  assert.is(await refusal(unpacked(packed(rows, { flags: 2 << 16 }), 'unknown')), 'it has compression 2, and only 1 (LZMA2) is known');
  assert.is(await refusal(unpacked(packed(rows, { flags: 1 }), 'version')), 'it has version 1 of the format, and only 0 is known');
});

test('a package is the source of a recipe of the template remote alone', async () => {
  const book = join(dir, 'book');
  for (const [name, template] of [
    ['far', 'remote'],
    ['near', 'custom'],
  ] as const) {
    await mkdir(join(book, 'recipes', name), { recursive: true });
    await writeFile(
      join(book, 'recipes', name, 'recipe.toml'),
      `[build]\ntemplate = "${template}"\n${template === 'custom' ? 'script = "true"\n' : ''}`,
    );
  }
  const cookbook = await openCookbook(book);
  const folder = await unpacked(packed(rows), 'recipe');
  const path = join(dir, 'recipe/x.pkgar');
  assert.equal(await withPackages({ far: path, near: '/a/folder' }, cookbook, host), { far: folder, near: '/a/folder' });
  const why = await withPackages({ near: path }, cookbook, host).catch((error: Error) => error.message);
  assert.is(why, `Cannot use --source near=${path}: its recipe has the template "custom", and binary packages are for "remote"`);
});

test('a package without the key of its repository is refused', async () => {
  await mkdir(join(dir, 'alone'));
  await writeFile(join(dir, 'alone/x.pkgar'), packed(rows));
  const why = await refusal(pkgarFolder(join(dir, 'alone/x.pkgar'), host));
  assert.is(why, 'the key of its repository, "id_ed25519.pub.toml", is not next to it');
});

test.run();
