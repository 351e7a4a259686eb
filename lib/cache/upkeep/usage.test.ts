// Sums of the use of a cache, also if several processes write at once, one line is truncated, and the file
// has grown.
import { appendFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { withScratch } from '../../dev/testing/scratch.ts';
import { noteUsage, readUsage } from './usage.ts';
import type { Usage } from './usage.ts';

const one: Usage = { builds: 1, built: 2, lookedUp: 3, below: 4, remembered: 0, savedSeconds: 1.5 };

test('builds are added up by whose they were', async () => {
  await withScratch(async ({ folder }) => {
    assert.is((await readUsage(folder)).size, 0);
    await Promise.all(
      Array.from({ length: 20 }, (_, index) => noteUsage({ root: folder, tmpDir: folder }, index % 2 === 0 ? 'redox' : 'hexyl', one)),
    );
    const sums = await readUsage(folder);
    assert.equal(sums.get('redox'), { builds: 10, built: 20, lookedUp: 30, below: 40, remembered: 0, savedSeconds: 15 });
    assert.is(sums.size, 2);
  });
});

test('foreign and truncated lines are ignored', async () => {
  await withScratch(async ({ folder }) => {
    await noteUsage({ root: folder, tmpDir: folder }, 'redox', one);
    await appendFile(join(folder, 'usage.log'), 'no line\n["x",1]\n["redox",1,1');
    assert.equal([...(await readUsage(folder))], [['redox', one]]);
  });
});

test('a file that has grown is summed up, and its sums stay the same', async () => {
  await withScratch(async ({ folder }) => {
    await appendFile(join(folder, 'usage.log'), '["long",1,0,0,0,5,0.5]\n'.repeat(50_000));
    await noteUsage({ root: folder, tmpDir: folder }, 'redox', one);
    assert.ok((await stat(join(folder, 'usage.log'))).size < 200);
    assert.equal((await readUsage(folder)).get('long'), {
      builds: 50_000,
      built: 0,
      lookedUp: 0,
      below: 0,
      remembered: 250_000,
      savedSeconds: 25_000,
    });
  });
});

test.run();
