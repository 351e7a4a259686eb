// The data that is recorded during a build, and its report afterwards.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openCache } from '../cache/cache.ts';
import type { Event } from '../core/events.ts';
import { Failure } from '../core/errors.ts';
import { processCost, watchBuild } from './build-recorder.ts';

const dir = await mkdtemp(join(tmpdir(), 'build-recorder-'));
test.after(() => rm(dir, { recursive: true, force: true }));
const counts = { units: 3, hits: 2, misses: 1, below: 0, remembered: 0 };

async function finished(flags: Readonly<Record<string, string>>): Promise<{ readonly said: readonly string[]; readonly json: unknown }> {
  const said: string[] = [];
  const report = (event: Event): void => {
    if (event.kind === 'note') said.push(event.text);
  };
  const args = { text: (flag: string) => flags[flag], has: (flag: string) => flags[flag] !== undefined };
  const cache = await openCache(join(dir, 'cache'), process.pid, report);
  const watch = watchBuild({ args, report, path: (text) => join(dir, text) });
  try {
    watch.report({ kind: 'planned', units: 3 });
    return { said, json: await watch.finish('a thing', counts, { cache, name: 'thing' }) };
  } finally {
    watch.stop();
    await cache.close();
  }
}

test('a summary is printed, unless --quiet is given', async () => {
  const { said, json } = await finished({});
  assert.match(said.join('\n'), /3 units: 2 hits, 1 built/);
  assert.equal(json, { savedSeconds: 0, repaired: 0 });
  assert.equal((await finished({ quiet: '' })).said, []);
  assert.equal((await finished({ explain: '' })).json, { savedSeconds: 0, repaired: 0, missed: [] });
});

test('a timeline is written where it is asked for, and a folder that cannot be written is a sentence', async () => {
  await finished({ timings: 'page.html' });
  assert.match(await readFile(join(dir, 'page.html'), 'utf8'), 'Building a thing');
  const error = await finished({ timings: 'no/such/folder.html' }).catch((failure: unknown) => failure);
  assert.ok(error instanceof Failure);
  assert.match(error.message, 'Cannot write the timeline "no/such/folder.html"');
});

test('the cost of a process is counted in seconds and bytes', async () => {
  const { childCpuSeconds, ownCpuSeconds, peakBytes } = await processCost();
  assert.ok(ownCpuSeconds > 0 && childCpuSeconds >= 0);
  assert.ok(peakBytes > 10_000_000, 'Node takes more than 10 MB');
});

test.run();
