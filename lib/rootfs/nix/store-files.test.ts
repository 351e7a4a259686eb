// Store paths as entries of an image, which have no write permission; a folder written for a store; the space
// that a tree needs.
import { mkdir, mkdtemp, readFile, readlink, rm, stat, symlink as makeLink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { isStoreName } from '../../nix/store/store-path.ts';
import type { StoreName } from '../../nix/store/store-path.ts';
import { outputOf } from '../../core/sh.ts';
import { MiB } from '../../core/sizes.ts';
import { file, fileTree, symlink } from '../../image/file-tree.ts';
import { imageBytes, storeEntries, writePackage } from './store-files.ts';

const dir = await mkdtemp(join(tmpdir(), 'store-files-'));
test.after(() => rm(dir, { recursive: true, force: true }));
const { signal } = new AbortController();
const name = (plain: string): StoreName => {
  const found = `${'a'.repeat(32)}-${plain}`;
  if (!isStoreName(found)) throw new Error(found);
  return found;
};

test('paths are entries at their own place: a folder, a file alone, links that are not followed', async () => {
  const [folder, single] = [name('folder'), name('single')];
  await mkdir(join(dir, folder, 'bin'), { recursive: true });
  await writeFile(join(dir, folder, 'bin/program'), 'x', { mode: 0o755 });
  await makeLink('..', join(dir, folder, 'bin/up'));
  await writeFile(join(dir, single), 'text\n', { mode: 0o640 });
  const entries = [...storeEntries(dir, [folder, single], signal)].map(([path, { kind, mode }]) => [path, kind, mode]);
  const at = relative('/', dir);
  assert.equal(entries, [
    [`${at}/${folder}`, 'directory', 0o555],
    [`${at}/${folder}/bin`, 'directory', 0o555],
    [`${at}/${folder}/bin/program`, 'file', 0o555],
    [`${at}/${folder}/bin/up`, 'symlink', 0o777],
    [`${at}/${single}`, 'file', 0o444],
  ]);
});

test('entries that a store does not support are refused by name', async () => {
  const pipe = name('pipe');
  await outputOf('make a pipe', ['mkfifo', join(dir, pipe)], { cwd: dir, env: {} });
  assert.throws(() => [...storeEntries(dir, [pipe], signal)], /-pipe": it is neither a file, a folder nor a link/);
});

test('a package is written again, and only the execute permission of modes is kept', async () => {
  const folder = join(dir, 'package');
  await mkdir(folder);
  await writeFile(join(folder, 'old'), '');
  const tree = fileTree([
    ['bin/a', file('program', 0o4711)],
    ['bin/b', symlink('a')],
    ['text', file({ kind: 'host', path: join(dir, name('single')), sizeBytes: 5 }, 0o600)],
  ]);
  await writePackage(tree, folder);
  assert.is(await readFile(join(folder, 'text'), 'utf8'), 'text\n');
  assert.is(await readlink(join(folder, 'bin/b')), 'a');
  assert.equal([(await stat(join(folder, 'bin/a'))).mode & 0o7777, (await stat(join(folder, 'text'))).mode & 0o7777], [0o755, 0o644]);
  assert.is(await stat(join(folder, 'old')).catch(() => undefined), undefined);
});

test('an image has space for blocks, for thousands of small files, and for the spare bytes', () => {
  assert.is(imageBytes(fileTree([['a', file('x')]]), 10 * MiB), 11 * MiB);
  assert.is(imageBytes(fileTree([['a', file({ kind: 'sparse', sizeBytes: 100 * MiB, pieces: [] })]]), 0), 107 * MiB);
  const many = Array.from({ length: 4096 }, (_, index) => [`l${index}`, symlink('x')] as const);
  assert.ok(imageBytes(fileTree(many), 0) >= 33 * MiB);
});

test.run();
