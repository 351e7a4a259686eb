// A record is read as it was written, or not at all.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { filesBelow, withScratch } from '../dev/testing/scratch.ts';
import { digestBytes } from '../core/digest.ts';
import type { Json } from '../core/digest.ts';

type Shape = { readonly name: string };
const isShape = (value: Json): value is Shape => typeof value === 'object' && value !== null && 'name' in value;

const key = digestBytes('key');

test('a record is read back, and the last writer of a key wins', async () => {
  await withScratch(async ({ cache, reopen }) => {
    const records = await cache.records('things', isShape);
    assert.is(await records.get(key), undefined);
    await records.put(key, { name: 'first "\n\u{1f980}' });
    assert.equal(await records.get(key), { name: 'first "\n\u{1f980}' });
    await (await (await reopen()).records('things', isShape)).put(key, { name: 'second' });
    assert.equal(await records.get(key), { name: 'second' });
  });
});

test('one kind that was opened twice is written at once without harm', async () => {
  await withScratch(async ({ cache }) => {
    const opened = await Promise.all([0, 1].map(() => cache.records('things', isShape)));
    const keys = Array.from({ length: 20 }, (_, at) => digestBytes(String(at)));
    await Promise.all(keys.map((one, at) => opened[at % 2]?.put(one, { name: String(at) })));
    for (const [at, one] of keys.entries()) assert.equal(await opened[0]?.get(one), { name: String(at) });
  });
});

test('records of different kinds do not meet', async () => {
  await withScratch(async ({ cache }) => {
    await (await cache.records('things', isShape)).put(key, { name: 'x' });
    assert.is(await (await cache.records('others', isShape)).get(key), undefined);
  });
});

test('a record that was torn or changed anywhere is a miss, is dropped and is reported once', async () => {
  await withScratch(async ({ cache, repaired }) => {
    const records = await cache.records('things', isShape);
    const path = join(cache.dir, 'things', key.slice(0, 2), key);
    await records.put(key, { name: 'whole' });
    const whole = await readFile(path);
    const damages: readonly [string, Buffer][] = [
      ['empty', Buffer.alloc(0)],
      ['without its first line', whole.subarray(65)],
      ...[1, 32, 64, 65, 70, whole.length - 1].map((size): [string, Buffer] => [`torn after ${size}`, whole.subarray(0, size)]),
      ...[0, 40, 64, 65, 75, whole.length - 1].map((at): [string, Buffer] => [
        `flipped at ${at}`,
        Buffer.from(whole.map((byte, index) => (index === at ? byte ^ 1 : byte))),
      ]),
    ];
    for (const [how, bytes] of damages) {
      const before = repaired().length;
      await records.put(key, { name: 'whole' });
      await writeFile(path, bytes);
      assert.is(await records.get(key), undefined, how);
      assert.is(await records.get(key), undefined, how);
      assert.is(repaired().length, before + 1, how);
      assert.equal(await filesBelow(join(cache.dir, 'things')), [], how);
    }
  });
});

test('a record of an older shape is a miss and no damage', async () => {
  await withScratch(async ({ cache, repaired }) => {
    await (await cache.records('things', (value): value is Json => value !== undefined)).put(key, { title: 'older' });
    assert.is(await (await cache.records('things', isShape)).get(key), undefined);
    assert.equal(repaired(), []);
  });
});

test.run();
