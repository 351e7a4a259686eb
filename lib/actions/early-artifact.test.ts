// The announced artifact is in the store while its command still runs, whatever way its line is cut into chunks.
import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { filesBelow, withScratch } from '../dev/testing/scratch.ts';
import { digestBytes } from '../core/digest.ts';
import { run } from '../core/sh.ts';
import type { Artifact } from './action.ts';
import { watchEarly, withoutAnnouncements } from './early-artifact.ts';

const line = (path: string): string => `{"$message_type":"artifact","artifact":"/bloomery/out/${path}","emit":"metadata"}\n`;

test('the file is taken when its line is complete, once, and only it', async () => {
  await withScratch(async ({ cache }) => {
    const { tmpDir, content } = cache;
    const outDir = join(tmpDir, 'action/out');
    await mkdir(outDir, { recursive: true });
    await writeFile(join(outDir, 'libx-1.rmeta'), 'metadata');
    const taken: Artifact[] = [];
    const watch = watchEarly({ path: 'libx-1.rmeta', there: (artifact) => taken.push(artifact) }, outDir, cache);
    for (const letter of `${line('liby-1.rmeta')}{"rendered":"libx-1.rmeta"}\n${line('libx-1.rmeta').trimEnd()}`) watch.hear(letter);
    await watch.settled();
    assert.equal(taken, []);
    watch.hear(`\n${line('libx-1.rmeta')}`);
    await watch.settled();
    const digest = digestBytes('metadata');
    assert.equal(taken, [{ kind: 'file', path: 'libx-1.rmeta', digest, sizeBytes: 8, executable: false }]);
    assert.is((await content.read(digest))?.toString(), 'metadata');
  });
});

test('an announced path that is absent, a link, a pipe, a folder or not readable is no early artifact', async () => {
  await withScratch(async ({ cache, folder, write }) => {
    const outDir = join(cache.tmpDir, 'action/out');
    await mkdir(outDir, { recursive: true });
    const secret = await write('secret', 'secret');
    await symlink(secret, join(outDir, 'link'));
    await symlink('loop', join(outDir, 'loop'));
    await mkdir(join(outDir, 'folder'));
    assert.is((await run(['mkfifo', 'pipe'], { cwd: outDir, env: {} })).exitCode, 0);
    for (const path of ['absent', 'link', 'loop', 'folder', 'pipe']) {
      const watch = watchEarly({ path, there: () => assert.unreachable(path) }, outDir, cache);
      watch.hear(line(path));
      assert.is(await watch.settled(), undefined, path);
    }
    assert.equal(await filesBelow(join(cache.dir, 'content')), []);
    assert.equal(await readdir(folder), ['secret']);
  });
});

test('announcements are no part of what a command said', () => {
  assert.is(withoutAnnouncements(`a\n${line('x')}b\n`), 'a\nb\n');
});

test.run();
