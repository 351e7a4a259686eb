// tasks/image.ts as users call it: the output of each verb, and its errors.
import { Buffer } from 'node:buffer';
import { closeSync, copyFileSync, existsSync, ftruncateSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { run } from '../../core/sh.ts';
import type { RunResult } from '../../core/sh.ts';
import { KiB, MiB } from '../../core/sizes.ts';
import { file, fileTree, symlink } from '../../image/file-tree.ts';
import { writeInitfs } from '../../image/initfs/initfs.ts';
import { writeRedoxfs } from '../../image/redoxfs-write/writer.ts';
import { parseCommandLine } from '../command-line.ts';
import { imageFlags, inspectImage } from './image-task.ts';

const script = fileURLToPath(new URL('../../../tasks/image.ts', import.meta.url));
const dir = mkdtempSync(join(tmpdir(), 'image-task-test-'));
const tree = fileTree([
  ['bin/init', file(Buffer.from([0, 255, 10, 13]), 0o755)],
  ['etc', symlink('bin')],
]);
writeFileSync(join(dir, 'initfs'), writeInitfs(tree, undefined, { generation: 'older', timestampSec: 0 }));
test.after(() => rmSync(dir, { recursive: true }));

async function image(...words: string[]): Promise<RunResult> {
  return await run([process.execPath, script, ...words], { cwd: dir, env: { PATH: process.env['PATH'] ?? '' } });
}

test('ls lists, also as JSON', async () => {
  const { stdout, exitCode } = await image('ls', 'initfs', '--json');
  assert.is(exitCode, 0);
  const lines = stdout.trimEnd().split('\n');
  assert.equal(
    lines.slice(0, -1).map((line) => line.replace(/ +/g, ' ')),
    ['drwxr-xr-x 0:0 0 /', 'drwxr-xr-x 0:0 0 bin', '-rwxr-xr-x 0:0 4 bin/init', 'lrwxrwxrwx 0:0 0 etc -> bin'],
  );
  assert.equal(
    JSON.parse(lines.at(-1) ?? '').entries.map((entry: { path: string }) => entry.path),
    ['/', 'bin', 'bin/init', 'etc'],
  );
});

test('extract writes a tree, and refuses to write it again', async () => {
  assert.is((await image('extract', 'initfs', 'to')).exitCode, 0);
  assert.ok(readFileSync(join(dir, 'to/bin/init')).equals(Buffer.from([0, 255, 10, 13])));
  const again = await image('extract', 'initfs', 'to');
  assert.is(again.exitCode, 2);
  assert.match(again.stderr, /^error: Cannot extract to ".*": it is not empty\nhint: /);
});

test('cat prints the bytes unchanged, and stops when the reader has ended', async () => {
  const usage = { command: 'image', words: '', about: '', count: [2, 3], flags: imageFlags, examples: [] } as const;
  const written: Uint8Array[] = [];
  const context = { signal: new AbortController().signal, report: () => {} };
  const cat = (image: string, path: string, reads: boolean): ReturnType<typeof inspectImage> =>
    inspectImage({
      args: parseCommandLine(usage, ['cat', image, path]),
      host: { cwd: dir, env: { PATH: process.env['PATH'] ?? '' }, cacheDir: dir },
      path: (text) => join(dir, text),
      print: () => assert.unreachable('cat prints no lines'),
      write: async (bytes) => {
        written.push(Uint8Array.from(bytes));
        return reads;
      },
      ...context,
    });
  await cat('initfs', 'bin/init', true);
  assert.ok(Buffer.concat(written).equals(Buffer.from([0, 255, 10, 13])));
  written.length = 0;
  const fd = openSync(join(dir, 'fs'), 'w+');
  const large = fileTree([['large', file(Buffer.alloc(300 * KiB, 'x'))]]);
  await writeRedoxfs(large, fd, { name: 'fs', offsetBytes: 0, sizeBytes: 4 * MiB, timestampSec: 0 }, context);
  closeSync(fd);
  await cat('fs', 'large', false);
  assert.is(written.length, 1, 'one record of three');
});

test('cat reports entries that it cannot print', async () => {
  const link = await image('cat', 'initfs', 'etc');
  assert.is(link.exitCode, 1);
  assert.match(link.stderr, /^error: Cannot print "etc": it is a link to "bin"/);
  assert.match((await image('cat', 'initfs', 'none')).stderr, /^error: Cannot find "none" in ".*": it is not there/);
});

test('verify ends with 1 if something is damaged', async () => {
  assert.is((await image('verify', 'initfs')).exitCode, 0);
  writeFileSync(join(dir, 'cut'), readFileSync(join(dir, 'initfs')).subarray(0, 9000));
  const cut = await image('verify', 'cut');
  assert.is(cut.exitCode, 1);
  assert.match(cut.stdout, /^damaged .*beyond|^damaged .*bytes/);
});

test('put, diff and grow print their results, and diff ends with 1 where images differ', async () => {
  const bare = join(dir, 'bare');
  const fd = openSync(bare, 'w+');
  ftruncateSync(fd, 4 * MiB);
  const home = fileTree([['home/old', file('old', 0o600)]]);
  const options = { name: 'bare', offsetBytes: 0, sizeBytes: 4 * MiB, timestampSec: 0 };
  await writeRedoxfs(home, fd, options, { signal: new AbortController().signal, report: () => {} });
  closeSync(fd);
  copyFileSync(bare, join(dir, 'before'));
  writeFileSync(join(dir, 'blob'), Buffer.alloc(200 * KiB, 'b'), { mode: 0o640 });
  assert.is((await image('diff', 'before', 'bare')).stdout, 'no differences\n');
  const added = await image('put', 'bare', 'blob', '/home/blob', '--uid', '7');
  assert.equal([added.exitCode, added.stdout], [0, 'added home/blob (200 KiB)\n'], added.stderr);
  const replaced = await image('put', 'bare', 'blob', 'home/old', '--mode', '4755', '--json');
  const json = JSON.parse(replaced.stdout.trim().split('\n').at(-1) ?? '');
  assert.equal(json, { image: bare, path: 'home/old', bytes: 200 * KiB, replaced: true, copied: false });
  const differ = await image('diff', 'before', 'bare');
  assert.is(differ.exitCode, 1);
  const line = 'changed home/old: mode -rw------- -> -rwsr-xr-x, size 3 -> 204800';
  assert.is(differ.stdout, `${line}\nadded home/blob\n2 differences\n`);
  assert.match((await image('ls', 'bare', 'home/blob')).stdout, /^-rw-r----- +7:0 204800 home\/blob\n$/);
  assert.is((await image('verify', 'bare')).exitCode, 0);
  assert.is((await image('grow', 'bare')).stdout, 'the RedoxFS fills its partition already\n');
  assert.is((await image('grow', 'bare', '--size', '6M')).stdout, 'the RedoxFS grew from 4 MiB to 6 MiB\n');
});

test('errors are reported in a sentence, and no file is written', async () => {
  for (const [words, exitCode, why] of [
    [['lst', 'initfs'], 2, /Cannot do "lst" with an image/],
    [['ls', 'none'], 1, /Cannot read ".*none": it does not exist/],
    [['ls', '.'], 1, /it is not a file/],
    [['ls', script], 1, /it is neither a GPT image nor/],
    [['cat', 'initfs'], 2, /cat needs IMAGE PATH/],
    [['cat', 'initfs', 'a', 'b'], 2, /"b" is one word too many/],
    [['put', 'initfs', 'initfs'], 2, /put needs IMAGE FILE PATH/],
    [['put', 'initfs', 'none', 'x'], 1, /Cannot read ".*none": it does not exist/],
    [['put', 'initfs', '.', 'x'], 1, /Cannot read ".*": it is a folder/],
    [['put', 'initfs', 'initfs', '../x'], 2, /a name is "\.\."/],
    [['put', 'initfs', 'initfs', 'x', '--mode', '888'], 2, /it must be octal/],
    [['put', script, 'initfs', 'x'], 1, /it is neither a GPT image nor/],
    [['grow', 'initfs'], 1, /of kind initfs/],
    [['diff', 'initfs', 'none'], 1, /Cannot read ".*none": it does not exist/],
    [['ls', 'initfs', '--partition', 'root'], 2, /Cannot find partition "root"/],
    [['extract', script, 'new'], 1, /it is neither/],
  ] as const) {
    const result = await image(...words);
    assert.is(result.exitCode, exitCode, result.stderr);
    assert.match(result.stderr, why);
    assert.not(result.stderr.includes('    at '), result.stderr);
  }
  assert.not(existsSync(join(dir, 'new')));
});

test.run();
