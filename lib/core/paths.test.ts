// Reads and removes trees with names that are not UTF-8, folders without permissions, nesting deeper than the
// maximal length of a path, and named pipes. Nothing else is removed.
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeName, encodePath, makeFolder, mayHaveLostBytes, pathOf, removeTree, TreePaths, withRegularFile } from './paths.ts';
import { errnoOf } from './errors.ts';
import { run } from './sh.ts';
import { asUser } from '../dev/testing/as-user.ts';

const rows: readonly (readonly [bytes: readonly number[], name: string])[] = [
  [[0x61, 0x62], 'ab'],
  [[0xc3, 0xa9], '\u00e9'],
  [[0xf0, 0x9f, 0xa6, 0x80], '\u{1f980}'],
  [[0xef, 0xbf, 0xbd], '\ufffd'],
  [[0xef, 0xbb, 0xbf, 0x61], '\ufeffa'],
  [[0x61, 0xff, 0x62], 'a\udcffb'],
  [[0xc3, 0x28], '\udcc3('],
  [[0xe2, 0x82], '\udce2\udc82'],
  [[0xed, 0xa0, 0x80], '\udced\udca0\udc80'],
  [[0xf0, 0x9f, 0xa6, 0x80, 0x80], '\u{1f980}\udc80'],
];

test('a byte that is not part of UTF-8 is a lone surrogate, and all other text is unchanged', () => {
  for (const [bytes, name] of rows) {
    assert.is(decodeName(Uint8Array.from(bytes)), name);
    assert.equal([...Buffer.from(encodePath(name))], bytes);
  }
});

test('random bytes can be converted and converted back, also through JSON', () => {
  let state = 7;
  const random = (below: number): number => (state = (state * 48_271) % 2_147_483_647) % below;
  const likely = [0x61, 0xc3, 0xa9, 0xe2, 0x82, 0xac, 0xed, 0xa0, 0xf0, 0x9f, 0xff, 0xbf];
  for (let round = 0; round < 5000; round++) {
    const bytes = Buffer.from(Array.from({ length: random(8) }, () => (random(3) === 0 ? random(256) : (likely[random(12)] ?? 0))));
    const name = decodeName(bytes);
    assert.equal(Buffer.from(encodePath(JSON.parse(JSON.stringify(name)) as string)), bytes);
    assert.is(mayHaveLostBytes(bytes.toString()) || name === bytes.toString(), true);
  }
});

test('only names that are not Unicode are passed to node:fs as bytes', () => {
  assert.is(encodePath('/a/\u{1f980}'), '/a/\u{1f980}');
  assert.instance(encodePath('/a/\udcff'), Buffer);
});

function withFolder(use: (folder: string) => void): void {
  const folder = mkdtempSync(join(tmpdir(), 'bloomery-remove-'));
  try {
    use(folder);
  } finally {
    removeTree(folder);
  }
}

test('folders without permissions are removed, and targets of links are kept', async () => {
  await asUser(import.meta.filename, async () => {
    withFolder((folder) => {
      const outside = join(folder, 'outside');
      mkdirSync(join(folder, 'tree/closed/inner'), { recursive: true });
      mkdirSync(join(folder, 'tree/read-only'));
      mkdirSync(outside);
      for (const path of [join(outside, 'file'), join(folder, 'tree/read-only/file'), join(folder, 'tree/closed/file')])
        writeFileSync(path, 'x');
      symlinkSync(outside, join(folder, 'tree/closed/link'));
      writeFileSync(Buffer.concat([Buffer.from(`${folder}/tree/closed/`), Buffer.from([0xff])]), 'x');
      chmodSync(outside, 0o500);
      for (const [name, mode] of Object.entries({ 'closed/inner': 0, closed: 0, 'read-only': 0o500 }))
        chmodSync(join(folder, 'tree', name), mode);
      assert.throws(() => rmSync(join(folder, 'tree'), { recursive: true }));
      assert.ok(removeTree(join(folder, 'tree')));
      assert.equal(readdirSync(folder), ['outside']);
      assert.is(readFileSync(join(outside, 'file'), 'utf8'), 'x');
    });
  });
});

test('nesting deeper than the longest path is removed', () => {
  withFolder((folder) => {
    const paths = new TreePaths();
    const deep = `${folder}/tree${'/abcdefghi'.repeat(2000)}`;
    paths.makeFolder(deep);
    writeFileSync(paths.at(`${deep}/file`), 'x');
    assert.equal(paths.entries(deep), [{ name: 'file', kind: 'file' }]);
    paths.close();
    assert.ok(removeTree(join(folder, 'tree')));
    assert.equal(readdirSync(folder), []);
  });
});

test('a missing path counts as removed, and a link itself is removed', () => {
  withFolder((folder) => {
    assert.ok(removeTree(join(folder, 'nothing')));
    symlinkSync('nowhere', join(folder, 'link'));
    assert.ok(removeTree(join(folder, 'link')));
    assert.equal(readdirSync(folder), []);
  });
});

test('a folder is created with its parents, by two callers at once, and again', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'bloomery-folders-'));
  try {
    const path = join(dir, 'a/b/c');
    await Promise.all([makeFolder(path), makeFolder(path)]);
    await makeFolder(path);
    assert.ok((await stat(path)).isDirectory());
    await writeFile(join(dir, 'file'), '');
    assert.ok(['ENOTDIR', 'EEXIST'].includes(errnoOf(await makeFolder(join(dir, 'file/x')).catch((error: unknown) => error)) ?? ''));
  } finally {
    await rm(dir, { recursive: true });
  }
});

test('if the kernel cannot create folders there, the error is immediate', async () => {
  assert.ok(errnoOf(await makeFolder('/proc/nowhere/below').catch((error: unknown) => error)));
});

test('a file is read even if its name changes, and other kinds of entries are undefined', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'bloomery-regular-'));
  try {
    const at = (name: string): string => join(dir, name);
    writeFileSync(at('file'), 'text');
    symlinkSync('file', at('link'));
    symlinkSync('loop', at('loop'));
    mkdirSync(at('folder'));
    assert.is((await run(['mkfifo', at('pipe')], { cwd: '/', env: {} })).exitCode, 0);
    for (const name of ['absent', 'link', 'loop', 'folder', 'pipe', 'file/below']) {
      assert.is(await withRegularFile(at(name), async () => 'used'), undefined, name);
    }
    const read = await withRegularFile(at('file'), async (opened, { size }) => {
      renameSync(at('link'), at('file'));
      return [size, await readFile(opened, 'utf8')];
    });
    assert.equal(read, [4, 'text']);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
});

test('PATH has a value where the environment does not set it', () => {
  assert.is(pathOf({ PATH: '/opt/bin' }), '/opt/bin');
  assert.is(pathOf({ HOME: '/home' }), '/usr/bin:/bin');
});

test.run();
