// Only a regular file is opened: neither what a link leads to, nor a pipe, which would block.
import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { withRegularFile } from './regular-file.ts';
import { run } from './sh.ts';

test('a file is read whatever becomes of its name, and what is no file is undefined', async () => {
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

test.run();
