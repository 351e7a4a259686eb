// Garbage collection on real folders: what it removes and reports, the dry run, and what it keeps for other
// running processes.
import { mkdir, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { filesBelow, withScratch } from '../../dev/testing/scratch.ts';
import type { Scratch } from '../../dev/testing/scratch.ts';
import type { Digest, Json } from '../../core/digest.ts';
import { digestBytes } from '../../core/digest.ts';
import { markUsed } from '../derived.ts';
import { collectGarbage } from './gc.ts';
import type { Collected } from './gc.ts';
import type { GcRequest } from './gc-plan.ts';
import { useStampMs } from '../records.ts';

const kinds = { origins: ['origins'], lists: ['history'] };
const nothing: GcRequest & { readonly dryRun: boolean } = { maxBytes: undefined, olderThanMs: undefined, dryRun: false };
const day = 24 * 60 * 60 * 1000;

const collect = async ({ cache, context }: Scratch, request: Partial<typeof nothing>): Promise<Collected> =>
  collectGarbage(cache, kinds, { ...nothing, ...request }, context);

const stored = async ({ cache }: Scratch): Promise<readonly string[]> =>
  (await filesBelow(cache.dir)).filter((path) => /^(?:content|actions)\//.test(path));

/** A result with one blob, last used so many days ago. */
async function result(scratch: Scratch, text: string, daysAgo: number): Promise<{ readonly blob: Digest; readonly path: string }> {
  const blob = await scratch.cache.content.putBytes(text);
  const key = digestBytes(`key of ${text}`);
  await (await scratch.cache.records('actions', (value): value is Json => value !== null)).put(key, { artifacts: [blob] });
  const path = join(scratch.cache.dir, 'actions', key.slice(0, 2), key);
  const { mtimeMs } = await stat(path);
  await utimes(path, (mtimeMs - daysAgo * day) / 1000, (mtimeMs - daysAgo * day) / 1000);
  return { blob, path };
}

test('derived data with an old marker are removed, and data without a marker are kept', async () => {
  await withScratch(async (scratch) => {
    const { root } = scratch.cache;
    await mkdir(join(root, 'roots'), { recursive: true });
    for (const [name, daysAgo] of [
      ['old', 40],
      ['young', 1],
    ] as const) {
      await mkdir(join(root, 'bases', name), { recursive: true });
      for (const path of [join(root, 'bases', name, 'file'), join(root, 'roots', `${name}.img`)]) await writeFile(path, 'x'.repeat(5000));
      for (const path of [join(root, 'bases', name), join(root, 'roots', `${name}.img`)]) {
        await markUsed(path);
        const { mtimeMs } = await stat(`${path}.used`);
        await utimes(`${path}.used`, (mtimeMs - daysAgo * day) / 1000, (mtimeMs - daysAgo * day) / 1000);
      }
    }
    await mkdir(join(root, 'bases', 'unmarked'));
    const dry = await collect(scratch, { olderThanMs: 30 * day, dryRun: true });
    const before = (await filesBelow(root)).filter((path) => /^(?:bases|roots)/.test(path));
    assert.is(before.length, 8);
    assert.is((await collect(scratch, { olderThanMs: 30 * day })).freedBytes, dry.freedBytes);
    assert.ok(dry.freedBytes >= 10_000);
    const left = (await filesBelow(root)).filter((path) => /^(?:bases|roots)/.test(path)).sort();
    assert.equal(left, ['bases/young.used', 'bases/young/file', 'roots/young.img', 'roots/young.img.used']);
    assert.ok((await stat(join(root, 'bases/unmarked'))).isDirectory());
    assert.is((await collect(scratch, {})).freedBytes, 0);
  });
});

test('old entries are removed and free the reported size; a dry run reports the same and removes nothing', async () => {
  await withScratch(async (scratch) => {
    const old = await result(scratch, 'old'.repeat(1000), 40);
    await result(scratch, 'young', 1);
    await scratch.cache.content.putBytes('alone');
    const before = await stored(scratch);
    const dry = await collect(scratch, { olderThanMs: 30 * day, dryRun: true });
    assert.equal(await stored(scratch), before);
    const real = await collect(scratch, { olderThanMs: 30 * day });
    assert.equal(real, dry);
    assert.equal([real.records, real.blobs, real.running], [1, 2, 0]);
    assert.ok(real.freedBytes > 3005);
    const left = await stored(scratch);
    assert.is(left.length, before.length - 3);
    assert.not(left.some((path) => path.endsWith(old.blob)));
    assert.equal((await collect(scratch, { olderThanMs: 30 * day })).freedBytes, 0);
  });
});

test('an entry that was read lately is not old, although it was written long ago', async () => {
  await withScratch(async (scratch) => {
    const { path } = await result(scratch, 'x', 40);
    const records = await (await scratch.reopen()).records('actions', (value): value is Json => value !== null);
    assert.ok(await records.get(digestBytes('key of x')));
    const { mtimeMs } = await stat(path);
    await records.get(digestBytes('key of x'));
    assert.is((await stat(path)).mtimeMs, mtimeMs, 'at most once a day');
    assert.is((await collect(scratch, { olderThanMs: 30 * day, maxBytes: undefined })).records, 0);
  });
});

test('while another process uses the cache, entries that it may have looked up or created are kept', async () => {
  await withScratch(async (scratch) => {
    await result(scratch, 'used within a day', useStampMs / day / 2);
    await result(scratch, 'long unused', 40);
    const other = await scratch.reopen();
    const fresh = await other.content.putBytes('made by the other, no record yet');
    const { running, records } = await collect(scratch, { maxBytes: 0 });
    assert.equal([running, records], [1, 1]);
    const left = await stored(scratch);
    assert.is(left.length, 3, 'the result used within a day, its blob, and the fresh one');
    assert.ok(left.some((path) => path.endsWith(fresh)));
    await other.close();
    assert.is((await collect(scratch, { maxBytes: 0 })).running, 0);
    assert.equal(await stored(scratch), []);
  });
});

test('a blob that is staged now stays, even if another process staged it', async () => {
  await withScratch(async (scratch) => {
    const blob = await scratch.cache.content.putBytes('staged');
    await scratch.cache.content.linkTo(blob, join(scratch.cache.tmpDir, 'staged'));
    assert.is((await collect(scratch, {})).blobs, 0);
  });
});

test('leftovers of killed processes are removed, and files of running ones are kept', async () => {
  await withScratch(async (scratch) => {
    const dir = join(scratch.cacheDir, 'remembered');
    await mkdir(dir);
    for (const pid of [2 ** 22 + 1, process.pid]) await writeFile(join(dir, `x.json.${pid}.partial`), '');
    await collect(scratch, {});
    assert.equal(await filesBelow(dir), [`x.json.${process.pid}.partial`]);
  });
});

test.run();
