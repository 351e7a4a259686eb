// Which observations of files and folders are recorded, and which of them count for the newest change.
import { rm, symlink, utimes } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { settle, withScratch } from '../../dev/testing/scratch.ts';
import type { Scratch } from '../../dev/testing/scratch.ts';
import { digestBytes } from '../../core/digest.ts';
import { ContentDigests, openDigestMemory } from './content-digests.ts';
import { Observations } from './observations.ts';
import { Prefetcher } from './prefetcher.ts';

async function observationsIn(scratch: Scratch): Promise<Observations> {
  await settle(scratch);
  const { tmpDir } = await scratch.reopen();
  return new Observations(new ContentDigests(openDigestMemory(join(tmpDir, 'memory'), tmpDir), new Prefetcher(), tmpDir));
}

/** Returns the recorded paths in the folder. */
function recorded(observations: Observations, folder: string): { readonly files: readonly string[]; readonly folders: readonly string[] } {
  const { files, folders } = observations.rows();
  return { files: files.map(({ path }) => relative(folder, path)), folders: folders.map(({ path }) => relative(folder, path)) };
}

test('each path is observed once', async () => {
  await withScratch(async (scratch) => {
    const path = await scratch.write('deep/a', 'before');
    const observations = await observationsIn(scratch);
    const names = (): readonly string[] | undefined => observations.entries(join(scratch.folder, 'deep'))?.map(({ name }) => name);
    observations.file(path);
    names();
    await scratch.write('deep/a', 'after');
    await scratch.write('deep/b', '');
    assert.is(observations.file(path), digestBytes('before'));
    assert.equal(names(), ['a']);
  });
});

test('`present` is not recorded, returns the current state of the file, and does not count as a change', async () => {
  await withScratch(async (scratch) => {
    const path = await scratch.write('a', 'before');
    const observations = await observationsIn(scratch);
    assert.is(observations.present(path), digestBytes('before'));
    await scratch.write('a', 'after');
    assert.is(observations.present(path), digestBytes('after'));
    assert.equal([recorded(observations, scratch.folder), observations.newestChangeMs], [{ files: [], folders: [] }, 0]);
  });
});

test('a folder that is in two listings is not recorded as a file, and another folder is', async () => {
  await withScratch(async (scratch) => {
    const { folder } = scratch;
    await scratch.write('deep/er/file', '');
    const observations = await observationsIn(scratch);
    for (const path of ['deep', 'deep/er']) observations.setFolder(join(folder, path));
    for (const path of ['', 'deep']) observations.entries(join(folder, path));
    assert.equal(recorded(observations, folder), { files: ['deep/er'], folders: ['', 'deep'] });
    assert.equal([observations.isFolder(join(folder, 'deep')), observations.isFolder(join(folder, 'deep/er/file'))], [true, false]);
  });
});

test('the newest change is that of observed paths, and of the folder of an absent path', async () => {
  await withScratch(async (scratch) => {
    const { folder } = scratch;
    const old = await scratch.write('deep/old', '');
    const observations = await observationsIn(scratch);
    observations.file(old);
    const first = observations.newestChangeMs;
    await rm(await scratch.write('deep/gone', ''));
    observations.withoutNews(() => observations.file(join(folder, 'deep/none')));
    assert.is(observations.newestChangeMs, first);
    observations.file(join(folder, 'deep/gone/below'));
    assert.ok(observations.newestChangeMs > first);
  });
});

test('a link has its own stamp and that of its target, and no stamp while either may still change', async () => {
  await withScratch(async (scratch) => {
    const { folder } = scratch;
    const target = await scratch.write('target', 'text');
    for (const [name, words] of [
      ['link', 'target'],
      ['dangling', 'nowhere'],
    ] as const)
      await symlink(words, join(folder, name));
    const settled = await observationsIn(scratch);
    for (const name of ['link', 'dangling']) settled.file(join(folder, name));
    assert.match(settled.fileRow(join(folder, 'link')).stamp, /^\d+ [\d.]+ \d+ to \d+ [\d.]+ \d+$/);
    assert.match(settled.fileRow(join(folder, 'dangling')).stamp, / to -$/);
    const later = await observationsIn(scratch);
    await utimes(target, 1, 1);
    later.file(join(folder, 'link'));
    assert.is(later.fileRow(join(folder, 'link')).stamp, '');
  });
});

test.run();
