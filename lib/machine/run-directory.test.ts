// Run directories are private. They are removed at the end of a run, and by a later run if their own run was
// killed.
import { mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { run } from '../core/sh.ts';
import { parseRecord, removeRunDirectory, runDirectory } from './run-directory.ts';

let root = '';

test.before.each(async () => {
  root = await mkdtemp(join(tmpdir(), 'run-dir-'));
});
test.after.each(async () => {
  await rm(root, { recursive: true });
});

test('a run directory is private and contains the record of its process', async () => {
  const path = await runDirectory(root);
  assert.match(basename(path), new RegExp(`^bloomery-machine-${process.pid}-`));
  assert.is((await stat(path)).mode & 0o777, 0o700);
  await removeRunDirectory(path);
  assert.equal(await readdir(root), []);
});

test('the next run removes the directory of a killed run, but not those of running processes or of other programs', async () => {
  const { stdout } = await run(['sh', '-c', 'echo $$'], { cwd: root, env: {} });
  const dead = `bloomery-machine-${stdout.trim()}-abcdef`;
  const kept = [`bloomery-machine-${process.ppid}-abcdef`, 'bloomery-machine-notes', 'other'];
  for (const name of [dead, ...kept]) await mkdir(join(root, name));
  const mine = await runDirectory(root);
  assert.equal((await readdir(root)).sort(), [...kept, basename(mine)].sort());
});

test('a temporary folder with a name too long for a socket is not used', async () => {
  const long = join(root, 'x'.repeat(80));
  await mkdir(long);
  const path = await runDirectory(long);
  assert.is(dirname(path), '/tmp');
  await removeRunDirectory(path);
});

test('a record of a machine is read, and any other text is ignored', () => {
  const record = { monitor: 'qemu', pid: 1, image: null, accelerator: 'tcg', machine: {} };
  assert.equal(parseRecord(JSON.stringify(record)), record);
  for (const text of ['', '[]', 'null', JSON.stringify({ ...record, pid: '1' }), JSON.stringify({ ...record, monitor: 'vmm' })]) {
    assert.is(parseRecord(text), undefined, text);
  }
});

test.run();
