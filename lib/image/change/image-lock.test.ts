// Only one process at a time changes an image, and leftovers of a killed process do not disturb the next.
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { pathOf } from '../../core/paths.ts';
import { outputOf } from '../../core/sh.ts';
import { withImageLock } from './image-lock.ts';

const dir = mkdtempSync(join(tmpdir(), 'image-lock-'));
const image = join(dir, 'image');
test.after(() => rmSync(dir, { recursive: true }));

async function outcome(): Promise<string> {
  return await withImageLock(image, 'change it', async () => 'done').catch((error: unknown) =>
    error instanceof Error ? error.message : '',
  );
}

test('a second change is refused while the first runs, and not afterwards', async () => {
  await withImageLock(image, 'change it', async () => {
    assert.is(await outcome(), 'Cannot change it: another process changes the image');
  });
  assert.is(await outcome(), 'done');
  assert.not(existsSync(`${image}.lock`));
});

test('the lock of a process that has ended is ignored, and one without a number is not', async () => {
  const env = { PATH: pathOf(process.env) };
  const pid = await outputOf('start a process that ends', ['sh', '-c', 'echo $$'], { cwd: dir, env, signal: new AbortController().signal });
  writeFileSync(`${image}.lock`, pid);
  assert.is(await outcome(), 'done');
  writeFileSync(`${image}.lock`, '');
  assert.match(await outcome(), /another process changes the image/);
});

test.run();
