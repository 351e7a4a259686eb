// A small stress test with builds of the fixture in real processes: kill -9, two and four concurrent builds,
// and a damage of every blob in the store.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { stressConcurrent, stressFlip, stressKill } from './stress.ts';
import type { Stressed } from './stress.ts';
import { undisturbed } from './stress-build.ts';

const scratch = await mkdtemp(join(tmpdir(), 'bloomery-stress-'));
test.after(() => rm(scratch, { recursive: true, force: true }));
const subject = {
  projects: [join(import.meta.dirname, '../../../fixtures/crates')],
  flags: ['--release'],
  scratch,
  node: process.execPath,
  env: Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined)),
};
const context = { report: () => undefined, signal: new AbortController().signal };
const calm = await undisturbed(subject, context);

function assertNoFault({ sentence, faults }: Stressed, shape: RegExp): void {
  assert.equal(faults, []);
  assert.match(sentence, shape);
}

test('a build that is killed at any time is completed by the next run, with the same programs and without leftovers', async () => {
  assertNoFault(
    await stressKill(subject, calm, 2, 7, context),
    /^2 builds, \d killed within \d+ ms, .* 2 completed by the next run, 0 faults$/,
  );
});

for (const count of [2, 4]) {
  test(`${count} concurrent builds of the same project share one cache`, async () => {
    assertNoFault(await stressConcurrent(subject, calm, count, 1, context), new RegExp(`^1 x ${count} builds at once in one cache: `));
  });
}

test('every damaged blob is found when it is read, and is built again', async () => {
  const stressed = await stressFlip(subject, calm, 100, 7, process.pid, context);
  assertNoFault(
    stressed,
    /^(\d+) of \1 blobs with a flipped byte: \1 found when read, 9 units built again, \1 blobs intact again, 0 faults$/,
  );
});

test.run();
