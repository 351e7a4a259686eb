// State of a checkout is removed when the checkout is gone, or was not used for long.
import { mkdir, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { withScratch } from '../dev/testing/scratch.ts';
import { checkoutAt, folderOf, sweepCheckouts } from './checkouts.ts';

test('a checkout always has the same folder, and other checkouts have other folders', async () => {
  await withScratch(async ({ cache, folder, reopen }) => {
    const mine = checkoutAt(folder);
    const dir = await folderOf(mine, cache);
    assert.is(await folderOf(checkoutAt(folder), await reopen()), dir);
    assert.is.not(await folderOf(checkoutAt(`${folder}/other`), cache), dir);
    assert.is.not(checkoutAt(`${folder}/other`).id, mine.id);
  });
});

test('a sweep removes folders and reports their bytes, and a dry run reports the same and removes nothing', async () => {
  await withScratch(async ({ cache, folder }) => {
    const [here, gone, old] = ['here', 'gone', 'old'].map((name) => join(folder, name));
    for (const path of [here, gone, old]) {
      await mkdir(path ?? '', { recursive: true });
      const dir = await folderOf(checkoutAt(path ?? ''), cache);
      await mkdir(join(dir, 'incremental'));
      await writeFile(join(dir, 'incremental/work'), Buffer.alloc(1000));
    }
    await rm(gone ?? '', { recursive: true });
    const oldDir = await folderOf(checkoutAt(old ?? ''), cache);
    await utimes(join(oldDir, 'path'), 1, 1);
    const { mtimeMs } = await stat(cache.tmpDir);
    const sizeOf = (path: string | undefined): number => 1000 + Buffer.byteLength(path ?? '');
    assert.is(await sweepCheckouts(cache, undefined, true), sizeOf(gone));
    assert.is(await sweepCheckouts(cache, mtimeMs - 60_000, true), sizeOf(gone) + sizeOf(old));
    assert.is((await readdir(join(cache.dir, 'checkouts'))).length, 3);
    assert.is(await sweepCheckouts(cache, mtimeMs - 60_000, false), sizeOf(gone) + sizeOf(old));
    assert.equal(await readdir(join(cache.dir, 'checkouts')), [checkoutAt(here ?? '').id.slice(0, 16)]);
  });
});

test('a cache without checkouts has nothing to sweep', async () => {
  await withScratch(async ({ cache }) => assert.is(await sweepCheckouts(cache, undefined, false), 0));
});

test.run();
