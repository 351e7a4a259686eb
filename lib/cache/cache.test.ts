// The cache directory as a whole: it can be opened, or the error names the reason, and leftovers of killed
// processes are removed.
import { chmod, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { asUser } from '../dev/testing/as-user.ts';
import { withScratch } from '../dev/testing/scratch.ts';
import { Failure } from '../core/errors.ts';
import { start } from '../core/sh.ts';
import { openCache } from './cache.ts';

const plain = { cwd: '/', env: {} };

test('the folder of a dead process is removed, that of a running one is kept', async () => {
  await withScratch(async ({ cache, cacheDir, reopen }) => {
    const [living, dead] = [start(['sleep', '1000'], plain), start(['true'], plain)];
    await dead.ended;
    try {
      const folders = [living.pid, dead.pid].map((pid) => join(cache.dir, 'tmp', `${pid}-abc`));
      for (const folder of folders) await mkdir(join(folder, 'action-1'), { recursive: true });
      const other = await reopen();
      const left = (await readdir(join(cacheDir, 'v1/tmp'))).sort();
      assert.equal(left, [`${living.pid}-abc`, ...[cache, other].map(({ tmpDir }) => tmpDir.split('/').at(-1) ?? '')].sort());
    } finally {
      living.stop();
      await living.ended;
    }
  });
});

test('leftovers of a killed process are removed even if nobody has permission to enter or write them', async () => {
  await asUser(import.meta.filename, async () => {
    await withScratch(async ({ cache, reopen }) => {
      const dead = start(['true'], plain);
      await dead.ended;
      const left = join(cache.dir, 'tmp', `${dead.pid}-abc/action-1/out`);
      await mkdir(join(left, 'closed'), { recursive: true });
      await writeFile(join(left, 'file'), '');
      await chmod(join(left, 'closed'), 0);
      await chmod(left, 0o500);
      const other = await reopen();
      assert.equal((await readdir(join(cache.dir, 'tmp'))).sort(), [cache, other].map(({ tmpDir }) => basename(tmpDir)).sort());
    });
  });
});

test('postponed work is done later, at the latest when it is asked for or the cache is closed', async () => {
  await withScratch(async ({ reopen, cache }) => {
    const done: string[] = [];
    const work = (name: string) => async (): Promise<string> => {
      done.push(name);
      return name;
    };
    const [first, failing] = [cache.later(work('first')), cache.later(() => Promise.reject(new Error('no')))];
    const caught = failing.catch((error: unknown) => String(error));
    assert.equal(done, []);
    cache.catchUp();
    assert.equal([done, await first, await caught], [['first'], 'first', 'Error: no']);
    assert.is(await cache.later(work('by itself')), 'by itself');
    const other = await reopen();
    const [folder, last] = [join(other.tmpDir, 'folder'), other.later(work('last'))];
    await mkdir(folder);
    other.discard(folder);
    assert.equal((await readdir(other.tmpDir)).includes('folder'), true);
    other.tidy();
    assert.equal((await readdir(other.tmpDir)).includes('folder'), false);
    await other.close();
    assert.is(await last, 'last');
  });
});

test('closing removes the folder of the process', async () => {
  await withScratch(async ({ reopen, cache }) => {
    const other = await reopen();
    await writeFile(join(other.tmpDir, 'unfinished'), '');
    await other.close();
    assert.equal(await readdir(join(cache.dir, 'tmp')), [cache.tmpDir.split('/').at(-1)]);
  });
});

test('closing removes the folder even if the digests cannot be saved', async () => {
  await withScratch(async ({ reopen, cache }) => {
    const other = await reopen();
    await other.digests.file(import.meta.filename); // something to save
    await writeFile(join(cache.dir, 'digests'), 'in the way');
    assert.is(
      await other.close().then(
        () => 'closed',
        () => 'failed',
      ),
      'failed',
    );
    assert.equal(await readdir(join(cache.dir, 'tmp')), [cache.tmpDir.split('/').at(-1)]);
    await rm(join(cache.dir, 'digests'));
  });
});

test('another run of the process reads files again, keeps verified blobs, and keeps the folder of unfinished work', async () => {
  await withScratch(async ({ cache, blob, write }) => {
    const digest = await cache.content.putBytes(Buffer.from('a blob'));
    const file = await write('file', 'one');
    const before = await cache.digests.file(file);
    await write('file', 'another');
    assert.is(await cache.digests.file(file), before);
    const next = cache.again();
    assert.is.not(await next.digests.file(file), before);
    await chmod(blob(digest), 0o600);
    await writeFile(blob(digest), 'a bl0b');
    assert.ok(await next.content.holds(digest));
    await next.close();
    assert.ok((await readdir(join(cache.dir, 'tmp'))).includes(basename(cache.tmpDir)));
  });
});

test("a directory that cannot be written is the host's fault, and the hint names --cache", async () => {
  const error: unknown = await openCache('/sys/bloomery', process.pid, () => undefined).catch((reason: unknown) => reason);
  assert.instance(error, Failure);
  const { message, exitCode, hint } = error as Failure;
  assert.match(
    message,
    /^Cannot open the cache in "\/sys\/bloomery": (permission denied|operation not permitted|the file system is read-only)$/,
  );
  assert.equal([exitCode, hint], [69, 'choose another folder with --cache DIR']);
});

test('a file at the path of the directory is reported', async () => {
  await withScratch(async ({ write }) => {
    const error: unknown = await openCache(await write('file', ''), process.pid, () => undefined).catch((reason: unknown) => reason);
    assert.instance(error, Failure);
    assert.match((error as Failure).message, /a part of the path is not a folder$/);
  });
});

test.run();
