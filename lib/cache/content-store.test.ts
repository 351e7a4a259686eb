// The content store returns the stored bytes or nothing, and never other bytes, whatever happened to its
// files.
import { chmod, mkdir, readFile, rename, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { filesBelow, withScratch } from '../dev/testing/scratch.ts';
import type { Scratch } from '../dev/testing/scratch.ts';
import { digestBytes, digestFile } from '../core/digest.ts';
import type { Digest } from '../core/digest.ts';

/** Changes one byte of a blob without using the store. */
async function flip({ blob }: Scratch, digest: Digest): Promise<void> {
  const bytes = await readFile(blob(digest));
  bytes[0] = (bytes[0] ?? 0) ^ 1;
  await chmod(blob(digest), 0o755);
  await writeFile(blob(digest), bytes);
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

test('stored bytes are read back under their digest', async () => {
  await withScratch(async ({ cache: { content } }) => {
    for (const bytes of [Buffer.alloc(0), Buffer.from('hello'), Buffer.from(new Uint8Array(3_000_000).map((_, index) => index * 7))]) {
      const digest = await content.putBytes(bytes);
      assert.is(digest, digestBytes(bytes));
      assert.ok((await content.read(digest))?.equals(bytes));
      assert.equal([await content.has(digest), await content.holds(digest)], [true, true]);
    }
  });
});

test('a blob that was never stored is absent for every operation, and no file is created', async () => {
  await withScratch(async ({ cache: { content }, folder, repaired }) => {
    const never = digestBytes('never');
    assert.equal([await content.read(never), await content.has(never), await content.holds(never)], [undefined, false, false]);
    assert.not(await content.copyTo(never, join(folder, 'x'), 0o644));
    assert.equal([await filesBelow(folder), repaired()], [[], []]);
  });
});

test('an adopted file is gone from its place', async () => {
  await withScratch(async ({ cache: { content }, write }) => {
    const path = await write('made', 'by an action');
    const { digest, sizeBytes } = await content.adoptFile(path);
    assert.equal([digest, sizeBytes, await exists(path)], [digestBytes('by an action'), 12, false]);
    assert.is((await content.read(digest))?.toString(), 'by an action');
  });
});

test('a flipped byte makes a blob absent: it is dropped, and that is reported once', async () => {
  await withScratch(async (scratch) => {
    const asked = {
      read: async (digest: Digest) => (await scratch.cache.content.read(digest)) !== undefined,
      holds: async (digest: Digest) => (await scratch.reopen()).content.holds(digest),
      copyTo: (digest: Digest) => scratch.cache.content.copyTo(digest, join(scratch.folder, 'copy'), 0o644),
    };
    for (const [way, ask] of Object.entries(asked)) {
      const digest = await scratch.cache.content.putBytes(way);
      await flip(scratch, digest);
      assert.not(await ask(digest), way);
      assert.not(await ask(digest), `${way} again`);
      assert.not(await exists(scratch.blob(digest)), way);
      assert.equal(
        scratch.repaired().filter((told) => told === digest),
        [digest],
        way,
      );
    }
    assert.equal(await filesBelow(scratch.folder), []);
  });
});

test('damage that one read finds is known to later callers, until the blob is stored again', async () => {
  await withScratch(async (scratch) => {
    const { content } = scratch.cache;
    const digest = await content.putBytes('text');
    assert.ok(await content.holds(digest));
    await flip(scratch, digest);
    await content.read(digest);
    assert.not(await content.holds(digest));
    await (await scratch.reopen()).content.putBytes('text');
    assert.ok(await content.holds(digest), 'another process brought it');
  });
});

test('has does not check the bytes', async () => {
  await withScratch(async (scratch) => {
    const digest = await scratch.cache.content.putBytes('text');
    await flip(scratch, digest);
    assert.ok(await scratch.cache.content.has(digest));
  });
});

test('a copy has the mode asked for and no partial file is left next to it', async () => {
  await withScratch(async ({ cache: { content }, folder }) => {
    const digest = await content.putBytes('#!/bin/sh\n');
    assert.ok(await content.copyTo(digest, join(folder, 'tool'), 0o755));
    assert.ok(await content.copyTo(digest, join(folder, 'text'), 0o600));
    assert.equal(await filesBelow(folder), ['text', 'tool']);
    assert.equal([(await stat(join(folder, 'tool'))).mode & 0o777, (await stat(join(folder, 'text'))).mode & 0o777], [0o755, 0o600]);
  });
});

/** Stores a file of 1 MiB that may be lent, and lends it. */
async function lent({ cache: { content }, folder, write }: Scratch, letter: string): Promise<{ digest: Digest; path: string }> {
  const { digest } = await content.adoptFile(await write(letter, letter.repeat(1 << 20)), undefined, true);
  const path = join(folder, `${letter}-lent`);
  assert.ok(await content.copyTo(digest, path, 0o755));
  return { digest, path };
}

test('a large new blob that may be lent is lent once, with the present time', async () => {
  await withScratch(async (scratch) => {
    const { cache, folder, write, blob } = scratch;
    const inodeOf = async (path: string): Promise<number> => (await stat(path)).ino;
    const { digest, path } = await lent(scratch, 'a');
    assert.is(await inodeOf(path), await inodeOf(blob(digest)));
    const { mode, mtimeMs, ctimeMs } = await stat(path);
    assert.is(mode & 0o777, 0o755);
    assert.ok(Math.abs(mtimeMs - ctimeMs) < 60_000);
    assert.ok(await cache.content.copyTo(digest, join(folder, 'second'), 0o644));
    assert.is.not(await inodeOf(join(folder, 'second')), await inodeOf(blob(digest)));
    const again = await cache.content.adoptFile(await write('b', 'a'.repeat(1 << 20)), undefined, true);
    for (const { digest: other, name } of [
      { ...again, name: 'known' },
      { ...(await cache.content.adoptFile(await write('c', 'small'), undefined, true)), name: 'small' },
      { ...(await cache.content.adoptFile(await write('d', 'd'.repeat(1 << 20)))), name: 'unlent' },
    ]) {
      assert.ok(await cache.content.copyTo(other, join(folder, name), 0o644));
      assert.is.not(await inodeOf(join(folder, name)), await inodeOf(blob(other)), name);
    }
  });
});

test('a lent blob is not read while its file is unchanged, and keeps its time', async () => {
  await withScratch(async (scratch) => {
    const { digest, path } = await lent(scratch, 'a');
    const { mtimeMs, size } = await stat(path);
    const { content } = await scratch.reopen();
    await flip(scratch, digest); // keeps the time, so that only reading would notice it
    await utimes(path, mtimeMs / 1000, mtimeMs / 1000);
    assert.ok(await content.holds(digest));
    assert.equal([(await stat(path)).mtimeMs, (await stat(path)).size], [mtimeMs, size]);
  });
});

test('a lent blob is dropped when its file was written to, and stays when the file was removed or replaced', async () => {
  await withScratch(async (scratch) => {
    const changes: Readonly<Record<string, (path: string) => Promise<unknown>>> = {
      a: (path) => writeFile(path, 'b'.repeat(1 << 20)),
      b: async (path) => {
        const { mtime } = await stat(path);
        await truncate(path, 1000);
        await utimes(path, mtime, mtime);
      },
      c: (path) => rm(path),
      d: async (path) => {
        await writeFile(`${path}.new`, 'other');
        await rename(`${path}.new`, path);
      },
      e: (path) => utimes(path, 1, 1),
    };
    for (const [letter, change] of Object.entries(changes)) {
      const { digest, path } = await lent(scratch, letter);
      assert.ok(await scratch.cache.content.holds(digest));
      await change(path);
      const isWhole = !'ab'.includes(letter);
      assert.is(await scratch.cache.content.holds(digest), isWhole, `${letter}, the process that has lent it`);
      const { content } = await scratch.reopen();
      assert.equal([await content.holds(digest), await content.has(digest)], [isWhole, isWhole], letter);
      assert.is((await content.read(digest))?.toString(), isWhole ? letter.repeat(1 << 20) : undefined);
      assert.is(letter === 'e' && (await stat(path)).mtimeMs, letter === 'e' && 1000);
    }
  });
});

test('a file that is stored again keeps its intact blob, and replaces a damaged one', async () => {
  await withScratch(async (scratch) => {
    const { cache, write, blob } = scratch;
    const { digest } = await cache.content.adoptFile(await write('a', 'text'));
    const { ino } = await stat(blob(digest));
    const path = await write('b', 'text');
    await cache.content.adoptFile(path);
    assert.equal([(await stat(blob(digest))).ino, await exists(path)], [ino, false]);
    await flip(scratch, digest);
    await cache.content.adoptFile(await write('c', 'text'));
    assert.is((await (await scratch.reopen()).content.read(digest))?.toString(), 'text');
  });
});

test('a large file that a copy replaces is gone', async () => {
  await withScratch(async ({ cache: { content }, folder }) => {
    const bytes = (value: number): Buffer => Buffer.alloc(200_000, value);
    for (const value of [1, 2, 3]) assert.ok(await content.copyTo(await content.putBytes(bytes(value)), join(folder, 'copy'), 0o644));
    assert.ok((await readFile(join(folder, 'copy'))).equals(bytes(3)));
    while ((await filesBelow(folder)).length > 1) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(await filesBelow(folder), ['copy']);
  });
});

test('writing over a copy leaves the blob as it was', async () => {
  await withScratch(async ({ cache: { content }, folder, blob }) => {
    const digest = await content.putBytes('mine');
    await content.copyTo(digest, join(folder, 'copy'), 0o644);
    await writeFile(join(folder, 'copy'), 'yours');
    assert.is(await digestFile(blob(digest)), digest);
  });
});

test("a link shares the blob's bytes, read-only", async () => {
  await withScratch(async ({ cache: { content }, folder, blob }) => {
    const digest = await content.putBytes('shared');
    await mkdir(join(folder, 'deep'));
    await content.linkTo(digest, join(folder, 'deep/input'));
    const [link, own] = [await stat(join(folder, 'deep/input')), await stat(blob(digest))];
    assert.equal([link.ino, link.mode & 0o222], [own.ino, 0]);
  });
});

test('writers of the same blob do not disturb each other', async () => {
  await withScratch(async ({ cache, reopen, write, repaired }) => {
    const other = await reopen();
    const files = await Promise.all([1, 2, 3].map((number) => write(`file-${number}`, 'the same')));
    const made = await Promise.all([
      ...files.map((path) => cache.content.adoptFile(path).then(({ digest }) => digest)),
      cache.content.putBytes('the same'),
      other.content.putBytes('the same'),
      other.content.putBytes('the same'),
    ]);
    assert.equal([...new Set(made)], [digestBytes('the same')]);
    assert.is((await other.content.read(digestBytes('the same')))?.toString(), 'the same');
    assert.equal([await filesBelow(cache.tmpDir).then((files) => files.filter((name) => name.startsWith('blob'))), repaired()], [[], []]);
  });
});

test('a verified blob is not read again, and one that was written to or cut short since is', async () => {
  await withScratch(async (scratch) => {
    const { cache, reopen } = scratch;
    const [whole, written, short] = [
      await cache.content.putBytes('whole'),
      await cache.content.putBytes('written'),
      await cache.content.putBytes('short'),
    ];
    await flip(scratch, written);
    const { mtime } = await stat(scratch.blob(short));
    await chmod(scratch.blob(short), 0o755);
    await writeFile(scratch.blob(short), 'sho');
    await utimes(scratch.blob(short), mtime, mtime); // as a crash leaves a file whose bytes were not written out
    await chmod(scratch.blob(whole), 0); // as root it could still be read
    const content = (await reopen()).content;
    assert.is(await content.holds(whole), true);
    assert.is(await content.holds(short), false);
    const later = (await reopen()).content;
    assert.is(await later.holds(written), false);
    assert.is(await later.holds(short), false);
  });
});

test('a blob of a store that sealed none is verified once, and is then sealed', async () => {
  await withScratch(async (scratch) => {
    const digest = await scratch.cache.content.putBytes('old');
    await utimes(scratch.blob(digest), 1_700_000_000, 1_700_000_000);
    assert.is(await (await scratch.reopen()).content.holds(digest), true);
    assert.is((await stat(scratch.blob(digest))).mtimeMs, 1_000_000_003_000);
  });
});

test('after one damaged blob, unread blobs are not reported as present; one that was collected meanwhile is absent again', async () => {
  await withScratch(async (scratch) => {
    const digests = await Promise.all(['one', 'two', 'three'].map((text) => scratch.cache.content.putBytes(text)));
    const [one, two, three] = digests;
    if (!one || !two || !three) throw new Error('three were put');
    for (const digest of [one, two]) await flip(scratch, digest);
    const { content } = await scratch.reopen();
    assert.equal([await content.has(one), await content.has(two), await content.has(three)], [true, true, true]);
    assert.not(await content.holds(one));
    assert.equal([await content.has(two), await content.has(three)], [false, true]);
    assert.equal(scratch.repaired(), [one, two]);
    await rm(scratch.blob(three));
    await content.linkTo(three, join(scratch.folder, 'link')).catch(() => undefined);
    assert.not(await content.has(three));
  });
});

test.run();
