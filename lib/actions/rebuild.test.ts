// Runs an action again: equal bytes are reported as the same, differences are named, and an action that
// cannot be repeated is skipped with a reason.
import { rm } from 'node:fs/promises';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { withScratch } from '../dev/testing/scratch.ts';
import type { Scratch } from '../dev/testing/scratch.ts';
import { bubblewrap } from '../dev/testing/sandboxes.ts';
import { jobOf, shellAction } from '../dev/testing/shell-action.ts';
import { openHistory } from './explain/history.ts';
import { openActionCache } from './lookup.ts';
import { rebuild } from './rebuild.ts';
import type { Rebuilt } from './rebuild.ts';

const sandbox = await bubblewrap();
const settle = (): Promise<unknown> => new Promise((resolve) => setTimeout(resolve, 30));

/** Executes an action, calls `between`, and executes it again as a later run. */
async function twice(scratch: Scratch, script: string, between: () => Promise<unknown>, inputs = {}): Promise<Rebuilt> {
  const actions = await openActionCache(scratch.cache);
  await settle();
  const job = jobOf(shellAction(script, scratch.folder, sandbox, { inputs }), ['a']);
  const made = await actions.make(job, sandbox, scratch.context);
  assert.ok(made.ok);
  if (!made.ok) throw new Error('not made');
  await between();
  const later = await scratch.reopen();
  const origin = await (await openHistory(later)).origin(made.key);
  assert.ok(origin);
  if (!origin) throw new Error('no origin');
  return rebuild(origin, made.result, sandbox, later, scratch.context);
}

test('reproducible results are the same, and others are named', async () => {
  await withScratch(async (scratch) => {
    await scratch.write('a', '1');
    const nothing = async (): Promise<undefined> => undefined;
    assert.equal(await twice(scratch, 'cp a $OUT/x; mkdir $OUT/d; echo y > $OUT/d/y', nothing), { kind: 'same' });
    const random = 'cp a $OUT/x; cat /proc/sys/kernel/random/uuid > $OUT/random';
    assert.equal(await twice(scratch, random, nothing), { kind: 'differs', differing: ['random'] });
    const once = '[ ! -e a2 ]; cat /proc/sys/kernel/random/uuid > $OUT/$(cat /proc/sys/kernel/random/uuid)';
    const other = await twice(scratch, once, nothing);
    assert.is(other.kind === 'differs' && other.differing.length, 2, 'in only one of the two runs');
  });
});

test('an action that cannot be repeated unchanged is skipped, and one that fails now is reported', async () => {
  await withScratch(async (scratch) => {
    await scratch.write('a', '1');
    assert.equal(await twice(scratch, 'cp a $OUT/x', () => scratch.write('a', '2')), {
      kind: 'skipped',
      why: '/bloomery/work/a is not as it was',
    });
    const digest = await scratch.cache.content.putBytes('input');
    const without = await twice(scratch, 'cp /bloomery/deps/i $OUT/x', () => rm(scratch.blob(digest)), { '/bloomery/deps/i': digest });
    assert.equal(without, { kind: 'skipped', why: 'input artifacts are gone' });
    const failed = await twice(scratch, 'echo no >&2; [ ! -e b ]; cp a $OUT/x', () => scratch.write('b', ''));
    assert.equal(failed, { kind: 'failed', stderr: 'no\n' });
  });
});

test.run();
