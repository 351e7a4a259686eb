// Folders are made with those above them; a refusal is an error and never a hang.
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { errnoOf } from './errors.ts';
import { makeFolder } from './folders.ts';

test('a folder is made with those above it, by two at once, and again', async () => {
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

test('where the kernel makes no folders it says so at once', async () => {
  assert.ok(errnoOf(await makeFolder('/proc/nowhere/below').catch((error: unknown) => error)));
});

test.run();
