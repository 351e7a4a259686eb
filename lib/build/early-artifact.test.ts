// The announced artifact is in the store while its command still runs, whatever way its line is cut into chunks.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { withScratch } from '../../fixtures/cache/scratch.ts';
import { digestBytes } from '../core/digest.ts';
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
    assert.equal(taken, [{ path: 'libx-1.rmeta', digest, sizeBytes: 8, executable: false }]);
    assert.is((await content.read(digest))?.toString(), 'metadata');
  });
});

test('an announced file that is not there is an error', async () => {
  await withScratch(async ({ cache }) => {
    const watch = watchEarly({ path: 'none', there: () => {} }, join(cache.tmpDir, 'nowhere'), cache);
    watch.hear(line('none'));
    assert.ok(
      await watch.settled().then(
        () => false,
        () => true,
      ),
    );
  });
});

test('announcements are no part of what a command said', () => {
  assert.is(withoutAnnouncements(`a\n${line('x')}b\n`), 'a\nb\n');
});

test.run();
