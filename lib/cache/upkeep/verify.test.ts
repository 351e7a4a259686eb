// Every kind of damage is found, named by its path, and gone after a repair. An intact cache has no damage.
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { filesBelow, withScratch } from '../../dev/testing/scratch.ts';
import type { Scratch } from '../../dev/testing/scratch.ts';
import type { Digest, Json } from '../../core/digest.ts';
import { digestBytes, isDigest } from '../../core/digest.ts';
import { inventory } from './inventory.ts';
import { statsOf } from './stats.ts';
import { removeDamage, verifyCache } from './verify.ts';
import type { RecordShape, Verification } from './verify.ts';

const shapes: Readonly<Record<string, RecordShape>> = { results: (value) => (isDigest(value) ? [value] : undefined) };
const verify = async ({ reopen, context }: Scratch): Promise<Verification> => verifyCache(await reopen(), shapes, context);

/** A cache with three blobs and a result for each. */
async function filled({ cache }: Scratch): Promise<readonly Digest[]> {
  const results = await cache.records('results', (value): value is Json => value !== null);
  const digests: Digest[] = [];
  for (const text of ['one', 'two', 'three'.repeat(5000)]) {
    const digest = await cache.content.putBytes(text);
    await results.put(digestBytes(`key of ${text}`), digest);
    digests.push(digest);
  }
  return digests;
}

/** Turns one bit of the middle byte, as the acceptance of a cache does. */
async function flip(path: string): Promise<void> {
  const bytes = await readFile(path);
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
  await rm(path);
  await writeFile(path, bytes);
}

test('an intact cache has no damage, and every byte of it was read', async () => {
  await withScratch(async (scratch) => {
    assert.equal(await verify(scratch), { blobs: 0, records: 0, bytes: 0, damage: [] });
    await filled(scratch);
    const { blobs, records, damage } = await verify(scratch);
    assert.equal([blobs, records, damage], [3, 3, []]);
  });
});

test('exactly the changed files are found, and the repaired cache is intact', async () => {
  await withScratch(async (scratch) => {
    await filled(scratch);
    const files = (await filesBelow(scratch.cache.dir)).filter((path) => /^(?:content|results)\//.test(path));
    assert.is(files.length, 6);
    for (const file of files) {
      const path = join(scratch.cache.dir, file);
      const before = await readFile(path);
      await flip(path);
      assert.equal(
        (await verify(scratch)).damage.map((one) => one.path),
        [path],
      );
      await rm(path);
      await writeFile(path, before);
    }
    for (const file of files) await flip(join(scratch.cache.dir, file));
    const { damage } = await verify(scratch);
    assert.is(damage.length, 6);
    await removeDamage(damage);
    assert.equal(await verify(scratch), { blobs: 0, records: 0, bytes: 0, damage: [] });
  });
});

test('a torn record, one of another shape, and a result whose blob is gone are reported as different kinds of damage', async () => {
  await withScratch(async (scratch) => {
    const [one] = await filled(scratch);
    const place = (text: string): string => join(scratch.cache.dir, 'results', digestBytes(text).slice(0, 2), digestBytes(text));
    await writeFile(place('key of two'), '');
    const strange = '{"no":"digest"}';
    await writeFile(place(`key of ${'three'.repeat(5000)}`), `${digestBytes(strange)}\n${strange}`);
    if (one) await rm(scratch.blob(one));
    const found = new Map((await verify(scratch)).damage.map(({ path, why }) => [path, why]));
    assert.match(found.get(place('key of two')) ?? '', 'is not what was written');
    assert.match(found.get(place(`key of ${'three'.repeat(5000)}`)) ?? '', 'shape of another version');
    assert.match(found.get(place('key of one')) ?? '', `needs the blob ${one}`);
    assert.is(found.size, 3);
  });
});

test('damage of other files than blobs and records has no effect and causes no crash', async () => {
  await withScratch(async (scratch) => {
    await filled(scratch);
    await mkdir(join(scratch.cache.dir, 'digests'));
    for (const path of [join(scratch.cache.dir, 'digests', '00'), join(scratch.cacheDir, 'x'), join(scratch.cache.dir, 'content', 'x')]) {
      await writeFile(path, '\0\n\xff|||\t\t'.repeat(1000));
    }
    assert.equal((await verify(scratch)).damage, []);
  });
});

test('statistics add up, by role and by kind', async () => {
  await withScratch(async (scratch) => {
    const [one, two] = await filled(scratch);
    const unused = await scratch.cache.content.putBytes('unused');
    const roles = new Map([one, two].flatMap((digest) => (digest ? [[digest, 'small'] as const] : [])));
    const stats = statsOf(await inventory(scratch.cache), roles);
    assert.equal(stats.blobs, { count: 4, bytes: 3 + 3 + 25_000 + 6 });
    assert.equal(stats.roles, { unused: { count: 2, bytes: 25_006 }, small: { count: 2, bytes: 6 } });
    assert.equal(Object.keys(stats.recordKinds), ['results']);
    assert.is(stats.recordKinds['results']?.count, 3);
    assert.is(stats.unfinished.count, 0, "this process's own folder does not count");
    assert.is(stats.bytes, stats.blobs.bytes + stats.records.bytes + stats.otherBytes);
    assert.ok(unused);
  });
});

test.run();
