// NAR archives are read back as they were written. An archive that Nix would not have written is refused
// before its content is used, and leaves no files.
import { chmod, lstat, mkdir, mkdtemp, readdir, readFile, readlink, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { asRoot, withSmallDisk } from '../../dev/testing/small-disk.ts';
import { Failure } from '../../core/errors.ts';
import { byteText } from './format.ts';
import { restoreNar } from './restore.ts';
import { summaryOf } from './summary.ts';
import { narOf } from './writer.ts';

const context = { signal: new AbortController().signal, report: () => undefined };
const root = await mkdtemp(join(tmpdir(), 'bloomery-nar-'));
test.after(() => rm(root, { recursive: true }));
let places = 0;
const place = (): string => join(root, `place-${++places}`);

/** A chunk is valid only until the next. */
const narBytes = (path: string): Buffer => Buffer.concat(Array.from(narOf(path), (chunk) => Buffer.from(chunk)));

/** Words as an archive has them. */
function words(...given: readonly string[]): Buffer {
  return Buffer.concat(
    given.map((word) => {
      const bytes = Buffer.alloc(8 + Math.ceil(Buffer.byteLength(word) / 8) * 8);
      bytes.writeBigUInt64LE(BigInt(Buffer.byteLength(word)));
      bytes.write(word, 8);
      return bytes;
    }),
  );
}

const magic = 'nix-archive-1';
const file = (contents: string): readonly string[] => ['(', 'type', 'regular', 'contents', contents, ')'];
const link = (target: string): readonly string[] => ['(', 'type', 'symlink', 'target', target, ')'];
const entry = (name: string, node: readonly string[]): readonly string[] => ['entry', '(', 'name', name, 'node', ...node, ')'];
const folder = (...entries: readonly (readonly string[])[]): readonly string[] => ['(', 'type', 'directory', ...entries.flat(), ')'];

/** Returns the error of restoring. No file may be left. */
async function refusal(bytes: Uint8Array): Promise<string> {
  const to = place();
  const error: unknown = await restoreNar([bytes], to, { what: 'unpack it' }, context).catch((reason: unknown) => reason);
  assert.instance(error, Failure, String(error));
  assert.is(await lstat(to).catch(() => 'absent'), 'absent');
  return (error as Failure).message;
}

test('a tree with all kinds of entries is read back unchanged, whatever the chunks', async () => {
  const from = place();
  await mkdir(join(from, 'empty/folder'), { recursive: true });
  await writeFile(join(from, 'empty/file'), '');
  await writeFile(join(from, 'B'), 'capital letters come first');
  await writeFile(join(from, 'big'), Buffer.alloc(3_000_001, 'chunk'));
  await writeFile(join(from, 'run'), '#!/bin/sh\n');
  await chmod(join(from, 'run'), 0o755);
  await writeFile(join(from, 'ünï 🦀'), 'x');
  await writeFile(join(from, 'ﬀ'), 'beyond the crab by byte, before it by UTF-16');
  await writeFile(Buffer.from(`${from}/\xff\x81`, 'latin1'), 'no UTF-8');
  await symlink('/nowhere/at/all', join(from, 'dangling'));
  const bytes = narBytes(from);
  for (const size of [1, 7, 4096, 1 << 20, bytes.length]) {
    const to = place();
    const small = Array.from({ length: Math.ceil(3000 / size) }, (_, index) => bytes.subarray(index * size, (index + 1) * size));
    const chunks = [...small, bytes.subarray(small.length * size)];
    await restoreNar(chunks, to, { what: 'unpack it' }, context);
    assert.ok(narBytes(to).equals(bytes), `chunks of ${size}`);
    assert.is(await readlink(join(to, 'dangling')), '/nowhere/at/all');
    assert.is((await lstat(join(to, 'run'))).mode & 0o100, 0o100);
    await rm(to, { recursive: true });
  }
});

test('a file or a link alone is an archive too', async () => {
  const to = place();
  await restoreNar([words(magic, ...file('hello'))], to, { what: 'unpack it' }, context);
  assert.is(await readFile(to, 'utf8'), 'hello');
  assert.ok(narBytes(to).equals(words(magic, ...file('hello'))));
  await restoreNar([words(magic, ...link('/x'))], `${to}-link`, { what: 'unpack it' }, context);
  assert.is(await readlink(`${to}-link`), '/x');
});

test('the hash is that of Nix', async () => {
  const to = place();
  await restoreNar([words(magic, ...file('hello'))], to, { what: 'unpack it' }, context);
  const { hash, sizeBytes } = await summaryOf(narOf(to), [], context);
  // printf hello > x; nix-hash --type sha256 --base32 x
  assert.equal([hash, sizeBytes], ['sha256:0sg9f58l1jj88w6pdrfdpj5x9b1zrwszk84j81zvby36q9whhhqa', 120]);
});

test('an archive that is cut anywhere is refused', async () => {
  const whole = words(magic, ...folder(entry('a', file('some contents')), entry('b', link('a'))));
  for (let end = 0; end < whole.length; end++) assert.match(await refusal(whole.subarray(0, end)), /it ends after \d+ bytes/, String(end));
});

test('bytes after the end are refused', async () => {
  assert.match(await refusal(Buffer.concat([words(magic, ...file('x')), Buffer.alloc(1)])), 'something follows its end');
});

test('invalid names are refused', async () => {
  const named = (name: string): Promise<string> => refusal(words(magic, ...folder(entry(name, file('x')))));
  assert.match(await named(''), 'a name is empty');
  assert.match(await named('.'), 'a name is "."');
  assert.match(await named('..'), 'a name is ".."');
  assert.match(await named('../escaped'), 'a name holds a slash');
  assert.match(await named('/etc/passwd'), 'a name holds a slash');
  assert.match(await named('a\0b'), 'a name holds a NUL');
  assert.match(await named('x'.repeat(256)), 'a word of 256 bytes is longer than 255');
  assert.equal(
    (await readdir(root)).filter((name) => !name.startsWith('place-')),
    [],
  );
});

test('names out of order or twice are refused', async () => {
  assert.match(await refusal(words(magic, ...folder(entry('b', file('')), entry('a', file(''))))), 'the name "a" is out of order');
  assert.match(await refusal(words(magic, ...folder(entry('a', file('')), entry('a', file(''))))), 'the name "a" is there twice');
});

test('nothing is written through a link, in any order of names', async () => {
  const outside = place();
  await mkdir(outside);
  const trap = words(magic, ...folder(entry('a', link(outside)), entry('a', folder(entry('x', file('written'))))));
  assert.match(await refusal(trap), 'is there twice');
  const to = place();
  const error: unknown = await restoreNar([trap], to, { what: 'unpack it', order: 'any' }, context).catch((reason: unknown) => reason);
  assert.match(String(error), 'is there twice');
  assert.is(await lstat(to).catch(() => 'absent'), 'absent');
  assert.equal(await readdir(outside), []);
});

test('existing files are neither overwritten nor removed', async () => {
  const to = place();
  await writeFile(to, 'mine');
  const error: unknown = await restoreNar([words(magic, ...file('theirs'))], to, { what: 'unpack it' }, context).catch(
    (reason: unknown) => reason,
  );
  assert.match(String(error), 'Cannot unpack it: another file is at that path');
  assert.is(await readFile(to, 'utf8'), 'mine');
});

test('padding that is not zero, and words of another grammar, are refused', async () => {
  const padded = words(magic, ...file('x'));
  padded[padded.length - 9 - 8] = 1; // after the contents
  assert.match(await refusal(padded), 'padding is not zero');
  assert.match(await refusal(words('nix-archive-2')), '"nix-archive-2" where "nix-archive-1" should be');
  assert.match(await refusal(words(magic, '(', 'type', 'device', ')')), 'it knows no kind "device"');
  assert.match(await refusal(words(magic, '(', 'type', 'regular', ')')), '")" where "contents" should be');
  assert.match(await refusal(words(magic, ...folder(['entry', '(', 'nome', 'x']))), '"nome" where "name" should be');
  assert.match(await refusal(words(magic, ...link(''))), 'leads nowhere');
});

test('lengths beyond any file need no memory', async () => {
  const huge = Buffer.alloc(8, 0xff);
  assert.match(await refusal(huge), 'a length is beyond any file');
  const petabyte = Buffer.alloc(8);
  petabyte.writeBigUInt64LE(1n << 50n);
  assert.match(await refusal(petabyte), 'a word of 1125899906842624 bytes is longer than 255');
  assert.match(
    await refusal(Buffer.concat([words(magic, '(', 'type', 'regular', 'contents'), petabyte, Buffer.alloc(100)])),
    'it ends after',
  );
});

test('folders as deep as a path can be are read, and deeper ones end with a sentence', async () => {
  const repeated = (...given: readonly string[]): readonly string[] => Array.from({ length: 2100 }, () => given).flat();
  const down = repeated('(', 'type', 'directory', 'entry', '(', 'name', 'd', 'node');
  assert.match(
    await refusal(words(magic, ...down, ...folder(), ...repeated(')', ')'))),
    'Cannot unpack it: its paths are longer than the system allows',
  );
});

test('a changed archive is refused or unpacked below its path, and nothing else happens', async () => {
  const whole = words(
    magic,
    ...folder(entry('a', file('some contents')), entry('b', folder(entry('c', link('../a')))), entry('d', file(''))),
  );
  const before = await readdir(root);
  let state = 1;
  const random = (below: number): number => (state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0) % below;
  let refused = 0;
  for (let round = 0; round < 1500; round++) {
    const bytes = Buffer.from(whole);
    for (let flips = 1 + random(3); flips > 0; flips--) bytes[random(bytes.length)] = [0, 0x2f, 0x2e, 0xff, random(256)][random(5)] ?? 0;
    const to = join(root, 'mutant');
    const error: unknown = await restoreNar([bytes], to, { what: 'unpack it', order: random(2) ? 'strict' : 'any' }, context).catch(
      (reason: unknown) => reason,
    );
    if (error !== undefined) assert.instance(error, Failure, String(error));
    if (error !== undefined) refused++;
    await rm(to, { recursive: true, force: true });
  }
  assert.ok(refused > 1000, String(refused));
  assert.equal(await readdir(root), before);
});

test('^C leaves nothing', async () => {
  const abort = new AbortController();
  const to = place();
  function* endless(): Generator<Buffer, void> {
    yield words(magic, '(', 'type', 'regular', 'contents');
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(1n << 40n);
    yield length;
    for (let chunks = 0; ; chunks++) {
      if (chunks === 20) abort.abort(new Failure('interrupted', 'Cannot finish: interrupted'));
      yield Buffer.alloc(1 << 20);
    }
  }
  const error: unknown = await restoreNar(endless(), to, { what: 'unpack it' }, { ...context, signal: abort.signal }).catch(
    (reason: unknown) => reason,
  );
  assert.is((error as Failure).exitCode, 130);
  assert.is(await lstat(to).catch(() => 'absent'), 'absent');
});

test('a full disk is the lack of the host, and leaves nothing', async () => {
  await asRoot(import.meta.filename, () =>
    withSmallDisk(async (dir) => {
      const big = words(magic, ...folder(entry('a', file('x')), entry('b', file('y'.repeat(20 << 20)))));
      const error: unknown = await restoreNar([big], join(dir, 'new'), { what: 'unpack it' }, context).catch((reason: unknown) => reason);
      assert.equal(
        [(error as Failure).exitCode, (error as Failure).message],
        [69, `Cannot write "${dir}/new": no space left on the device`],
      );
      assert.equal(await readdir(dir), []);
    }),
  );
});

test('files that an archive does not support are named', async () => {
  const from = place();
  await mkdir(from);
  const server = createServer().listen(join(from, 'socket'));
  try {
    assert.throws(() => narBytes(from), /Cannot archive ".*socket": it is neither a file nor a folder nor a link/);
  } finally {
    server.close();
  }
  assert.throws(() => narBytes(place()), /Cannot read ".*": it does not exist/);
});

test('a text of bytes is the same bytes again', () => {
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
  assert.ok(Buffer.from(byteText(bytes), 'latin1').equals(bytes));
});

test.run();
