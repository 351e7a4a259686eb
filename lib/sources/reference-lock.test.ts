// The lock of the reference kernels' sources.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Context } from '../core/events.ts';
import { fetchReference, referenceLock } from './reference-lock.ts';

const dir = await mkdtemp(join(tmpdir(), 'reference-lock-'));
test.after(() => rm(dir, { recursive: true, force: true }));
const context: Context = { signal: new AbortController().signal, report: () => undefined };
const host = { root: dir, cacheDir: join(dir, 'cache'), env: {} };

test('a system without other kernels has nothing to fetch, and no packages', async () => {
  assert.is(await fetchReference({ name: 'mine' }, host, { update: false }, context), undefined);
  const why = await referenceLock({ name: 'mine' }, host, context).then(
    () => 'found',
    (error: Error) => error.message,
  );
  assert.is(why, 'Cannot find packages for mine: its page names no sources');
});

test.run();
