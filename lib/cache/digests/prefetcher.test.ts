// Digests from the second thread are used only with the stamp with which they were read.
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { withScratch } from '../../dev/testing/scratch.ts';
import { digestBytes } from '../../core/digest.ts';
import { stampOf } from './look-table.ts';
import { Prefetcher } from './prefetcher.ts';

test('trees are read ahead in the background, and a file that changed meanwhile has no digest', async () => {
  await withScratch(async ({ folder, write }) => {
    const dirs = Array.from({ length: 33 }, (_, index) => join(folder, `${index}`));
    for (const dir of dirs) await write(`${dir.slice(folder.length + 1)}/file`, dir);
    const prefetcher = new Prefetcher();
    try {
      prefetcher.expect(dirs, () => false);
      const last = join(folder, '32/file');
      const stamp = stampOf(statSync(last));
      for (let attempts = 0; attempts < 500 && prefetcher.digest(last, stamp) === undefined; attempts++) {
        await new Promise((resolve) => setTimeout(resolve, 10));
        prefetcher.begin(join(folder, '0'));
      }
      assert.is(prefetcher.digest(last, stamp), digestBytes(join(folder, '32')));
      assert.is(prefetcher.digest(last, `${stamp}0`), undefined);
    } finally {
      prefetcher.stop();
    }
  });
});

test('few trees, known trees and trees that were read already start no thread', async () => {
  let threads = 0;
  const count = (): void => void threads++;
  process.on('worker', count);
  try {
    const dirs = (number: number): readonly string[] => Array.from({ length: number }, (_, index) => `/nowhere/${index}`);
    const few = new Prefetcher();
    few.expect(dirs(31), () => false);
    few.expect(dirs(31), () => false);
    const known = new Prefetcher();
    known.expect(dirs(40), () => true);
    const read = new Prefetcher();
    for (const dir of dirs(40)) read.begin(dir);
    read.expect(dirs(40), () => false);
    await new Promise((resolve) => setImmediate(resolve));
    assert.is(threads, 0);
    few.expect(dirs(32), () => false);
    await new Promise((resolve) => setImmediate(resolve));
    assert.is(threads, 1, 'the trees of all calls count');
    few.stop();
  } finally {
    process.off('worker', count);
  }
});

test.run();
