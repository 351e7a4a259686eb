// Archives of an initramfs: read by cpio(1), read back by ourselves, and refused when they are damaged.
import { Buffer } from 'node:buffer';
import { linkSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { pathOf } from '../core/paths.ts';
import { run } from '../core/sh.ts';
import { tool } from '../core/tools.ts';
import { contentBytes, directory, file, fileTree, symlink } from './file-tree.ts';
import type { FileTree } from './file-tree.ts';
import { cpioVolume, readCpio, writeCpio } from './cpio.ts';

const path = pathOf(process.env);
const dir = mkdtempSync(join(tmpdir(), 'bloomery-cpio-'));
test.after(() => rmSync(dir, { recursive: true }));

const tree = fileTree([
  ['init', file('#!/bin/sh\n', 0o755)],
  ['bin', directory(0o755)],
  ['bin/sh', symlink('busybox')],
  ['tmp', directory(0o1777)],
  ['etc/empty', file('', 0o600, { uid: 5, gid: 6 })],
  ['etc/odd', file('abc')],
  ['etc/名', file(Buffer.alloc(70_000, 'x'))],
]);
const options = { timestampSec: 1_700_000_000, gzip: false };

async function cpio(words: readonly string[], stdin: Uint8Array | undefined, cwd = dir): Promise<string> {
  const input = join(dir, 'input');
  if (stdin) writeFileSync(input, stdin);
  const program = await tool('cpio', path);
  const { exitCode, stdout, stderr } = await run(['/bin/sh', '-c', 'exec "$@" <"$0"', stdin ? input : '/dev/null', program, ...words], {
    cwd,
    env: { PATH: path, LC_ALL: 'C.UTF-8', TZ: 'UTC' },
  });
  if (exitCode !== 0) throw new Error(stderr);
  return stdout;
}

function facts({ entries }: FileTree): readonly unknown[] {
  return [...entries].map(([name, { kind, mode, uid, gid, ...entry }]) => {
    const content =
      'content' in entry ? Buffer.from(contentBytes(entry.content)).toString('latin1') : 'target' in entry ? entry.target : '';
    return { name, kind, mode, uid, gid, content };
  });
}

test('cpio lists the written entries, with modes, owners, sizes and links', async () => {
  const lines = (await cpio(['--list', '--verbose', '--numeric-uid-gid'], writeCpio(tree, options))).trimEnd().split('\n');
  const rows = lines
    .map((line) => line.split(/\s+/))
    .map(([mode, , uid, gid, size, , , , ...name]) => [mode, uid, gid, size, name.join(' ')]);
  assert.equal(rows, [
    ['drwxr-xr-x', '0', '0', '0', '.'],
    ['drwxr-xr-x', '0', '0', '0', 'bin'],
    ['lrwxrwxrwx', '0', '0', '7', 'bin/sh -> busybox'],
    ['drwxr-xr-x', '0', '0', '0', 'etc'],
    ['-rw-------', '5', '6', '0', 'etc/empty'],
    ['-rw-r--r--', '0', '0', '3', 'etc/odd'],
    ['-rw-r--r--', '0', '0', '70000', 'etc/名'],
    ['-rwxr-xr-x', '0', '0', '10', 'init'],
    ['drwxrwxrwt', '0', '0', '0', 'tmp'],
  ]);
});

test('an archive is read back as the same tree, plain and in gzip, and has the same bytes each time', () => {
  for (const gzip of [false, true]) {
    const bytes = writeCpio(tree, { ...options, gzip });
    assert.equal(facts(readCpio(bytes)), facts(tree));
    assert.ok(writeCpio(tree, { ...options, gzip }).equals(bytes));
  }
  assert.ok(gunzipSync(writeCpio(tree, { ...options, gzip: true })).equals(writeCpio(tree, options)));
});

test("an archive of cpio's own is read, with hard links", async () => {
  const source = join(dir, 'source');
  mkdirSync(join(source, 'folder'), { recursive: true });
  writeFileSync(join(source, 'one'), 'the same bytes');
  linkSync(join(source, 'one'), join(source, 'folder/two'));
  const script = 'find . | sort | "$0" --create --format newc --quiet >"$1"';
  const made = await run(['/bin/sh', '-c', script, await tool('cpio', path), join(dir, 'made')], { cwd: source, env: { PATH: path } });
  assert.is(made.exitCode, 0, made.stderr);
  const { entries } = readCpio(readFileSync(join(dir, 'made')));
  for (const name of ['one', 'folder/two']) {
    const entry = entries.get(name);
    assert.is(entry?.kind === 'file' && Buffer.from(contentBytes(entry.content)).toString(), 'the same bytes', name);
  }
});

test('pipes and names that are not UTF-8 are read unchanged from an archive of cpio', async () => {
  const source = join(dir, 'odd');
  mkdirSync(source);
  writeFileSync(Buffer.concat([Buffer.from(`${source}/caf`), Buffer.of(0xe9)]), 'coffee');
  symlinkSync(Buffer.from([0x74, 0xff, 0x0a]), join(source, 'link'));
  const script = 'mkfifo pipe && find . | sort | "$0" --create --format newc --quiet >"$1"';
  const made = await run(['/bin/sh', '-c', script, await tool('cpio', path), join(dir, 'odd.cpio')], { cwd: source, env: { PATH: path } });
  assert.is(made.exitCode, 0, made.stderr);
  const volume = cpioVolume(join(dir, 'odd.cpio'));
  const seen: string[] = [];
  for await (const entry of volume.entries()) seen.push(`${entry.path} ${entry.target ?? entry.special?.type ?? entry.kind}`);
  assert.equal(seen, [' directory', 'caf\udce9 file', 'link t\udcff\n', 'pipe pipe']);
  assert.equal((await volume.find('pipe'))?.special, { type: 'pipe' });
});

test('a cut, a wrong magic number and a name that leaves the root are refused', () => {
  const whole = writeCpio(tree, options);
  const message = (bytes: Uint8Array): string => {
    try {
      readCpio(bytes);
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
    return 'read';
  };
  for (const length of [0, 50, 110, 500, 60_000, whole.length - 8]) {
    assert.is(message(whole.subarray(0, length)), 'Cannot read the initramfs: it is cut off', `${length} bytes`);
  }
  assert.is(message(Buffer.alloc(200, 'x')), 'Cannot read the initramfs: there is no header at byte 0');
  const zipped = gzipSync(whole);
  assert.is(message(zipped.subarray(0, zipped.length - 20)), 'Cannot read the initramfs: it is cut off');
  const flipped = Buffer.from(zipped);
  flipped[zipped.length - 6] = (flipped[zipped.length - 6] ?? 0) ^ 1;
  assert.is(message(flipped), 'Cannot read the initramfs: its gzip is damaged');
  const leaving = Buffer.from(whole.toString('latin1').replace('etc/odd\0', '../odd\0\0'), 'latin1');
  assert.match(message(leaving), /the name "..\/odd.*" leaves the root/);
});

test.run();
