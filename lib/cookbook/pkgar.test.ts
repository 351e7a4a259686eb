// Binary packages: what was signed is unpacked, and a flipped byte, a cut, another key or a hostile path is refused, with nothing left behind.
import { generateKeyPairSync, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { lstat, mkdir, mkdtemp, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { blake3 } from '@noble/hashes/blake3.js';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openCookbook } from './cookbook.ts';
import { pkgarFolder, withPackages } from './pkgar.ts';

const dir = await mkdtemp(join(tmpdir(), 'pkgar-'));
test.after(() => rm(dir, { recursive: true, force: true }));
const cacheDir = join(dir, 'cache');

const rawKey = (key: KeyObject): Buffer => key.export({ format: 'der', type: 'spki' }).subarray(-32);
const { publicKey, privateKey } = generateKeyPairSync('ed25519');

type Row = readonly [path: string, mode: number, content: string];

/** A package as its format says. `change` alters the list of files before it is signed. */
function packed(rows: readonly Row[], { flags = 0, key = privateKey, named = publicKey }: { flags?: number; key?: KeyObject; named?: KeyObject } = {}): Buffer {
  let offset = 0;
  const entries = rows.map(([path, mode, content]) => {
    const entry = Buffer.alloc(308);
    entry.set(blake3(Buffer.from(content)), 0);
    entry.writeBigUInt64LE(BigInt(offset), 32);
    entry.writeBigUInt64LE(BigInt(Buffer.byteLength(content)), 40);
    entry.writeUInt32LE(mode, 48);
    entry.write(path, 52);
    offset += Buffer.byteLength(content);
    return entry;
  });
  const numbers = Buffer.alloc(8);
  numbers.writeUInt32LE(rows.length, 0);
  numbers.writeUInt32LE(flags, 4);
  const signed = Buffer.concat([rawKey(named), Buffer.from(blake3(Buffer.concat(entries))), numbers]);
  return Buffer.concat([sign(null, signed, key), signed, ...entries, ...rows.map(([, , content]) => Buffer.from(content))]);
}

async function unpacked(bytes: Buffer, name: string, key: KeyObject = publicKey): Promise<string> {
  const folder = join(dir, name);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'id_ed25519.pub.toml'), `pkey = "${rawKey(key).toString('hex')}"\n`);
  await writeFile(join(folder, 'x.pkgar'), bytes);
  return await pkgarFolder(join(folder, 'x.pkgar'), cacheDir);
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

test('another key, a hostile path and a compressed package are refused by name', async () => {
  const other = generateKeyPairSync('ed25519');
  const wrongKey = 'its signature is not of the key of its repository';
  assert.is(await refusal(unpacked(packed(rows), 'other', other.publicKey)), wrongKey);
  const named = packed(rows, { named: other.publicKey });
  assert.is(await refusal(unpacked(named, 'named')), 'it names another key than that of its repository');
  for (const path of ['../out', '/etc/passwd', 'a/../../out', 'a//b', './a']) {
    assert.is(await refusal(unpacked(packed([[path, 0o100644, '']]), 'hostile')), `its path "${path}" leads out of it`);
  }
  const twice: readonly Row[] = [['a', 0o120777, '/tmp'], ['a', 0o100644, '']];
  assert.is(await refusal(unpacked(packed(twice), 'twice')), 'its path "a" is there twice');
  const outside = join(dir, 'outside');
  await mkdir(outside);
  for (const last of [0o120777, 0o100644]) {
    for (const rest of ['l/x', 'l/d/x']) {
      const through: readonly Row[] = [['l', 0o120777, outside], [rest, last, '/etc/passwd']];
      assert.is(await refusal(unpacked(packed(through), 'through')), `its path "${rest}" is below a file or a link`);
      assert.is(await refusal(unpacked(packed([...through].reverse()), 'through')), 'its path "l" is there twice');
    }
  }
  assert.equal(await readdir(outside), []);
  for (const target of ['', 'a\0b', 'x'.repeat(5000)]) {
    assert.is(await refusal(unpacked(packed([['l', 0o120777, target]]), 'target')), 'the link "l" leads to no path');
  }
  assert.match(await refusal(unpacked(packed([['x'.repeat(256), 0o100644, '']]), 'long')), /is too long or no text$/);
  assert.is(await refusal(unpacked(packed([['dev', 0o020644, '']]), 'device')), '"dev" is neither a file nor a link');
  assert.is(await refusal(unpacked(packed(rows, { flags: 1 << 16 }), 'compressed')), 'it is compressed, which is not read here');
  assert.is(await refusal(unpacked(packed(rows, { flags: 1 }), 'version')), 'it has version 1 of the format, and only 0 is known');
});

test('a package is the source of a recipe of the template remote alone', async () => {
  const book = join(dir, 'book');
  for (const [name, template] of [['far', 'remote'], ['near', 'custom']] as const) {
    await mkdir(join(book, 'recipes', name), { recursive: true });
    await writeFile(join(book, 'recipes', name, 'recipe.toml'), `[build]\ntemplate = "${template}"\n${template === 'custom' ? 'script = "true"\n' : ''}`);
  }
  const cookbook = await openCookbook(book);
  const folder = await unpacked(packed(rows), 'recipe');
  const path = join(dir, 'recipe/x.pkgar');
  assert.equal(await withPackages({ far: path, near: '/a/folder' }, cookbook, cacheDir), { far: folder, near: '/a/folder' });
  const why = await withPackages({ near: path }, cookbook, cacheDir).catch((error: Error) => error.message);
  assert.is(why, `Cannot use --source near=${path}: its recipe has the template "custom", and binary packages are for "remote"`);
});

test('a package without the key of its repository is refused', async () => {
  await mkdir(join(dir, 'alone'));
  await writeFile(join(dir, 'alone/x.pkgar'), packed(rows));
  const why = await refusal(pkgarFolder(join(dir, 'alone/x.pkgar'), cacheDir));
  assert.is(why, 'the key of its repository, "id_ed25519.pub.toml", is not beside it');
});

test.run();
