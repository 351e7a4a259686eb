// Explanations of real actions over real sources: the reasons after each kind of change, and the earlier
// result that is compared.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { withScratch } from '../../dev/testing/scratch.ts';
import type { Scratch } from '../../dev/testing/scratch.ts';
import { bubblewrap } from '../../dev/testing/sandboxes.ts';
import { jobOf, shellAction } from '../../dev/testing/shell-action.ts';
import { openHistory, originOf } from './history.ts';
import { openActionCache } from '../lookup.ts';
import type { Job } from '../lookup.ts';

const sandbox = await bubblewrap();
const settle = (): Promise<unknown> => new Promise((resolve) => setTimeout(resolve, 30));

/** A new run: undefined for a hit, else the reasons. A miss is executed. */
async function reasons(scratch: Scratch, job: Job): Promise<readonly string[] | undefined> {
  const actions = await openActionCache(await scratch.reopen());
  if (await actions.lookUp(job)) return undefined;
  const told = await actions.explain(job);
  await settle();
  assert.ok((await actions.make(job, sandbox, scratch.context)).ok);
  return told;
}

test('a miss is explained by the nearest of the earlier results', async () => {
  await withScratch(async (scratch) => {
    const { folder, write } = scratch;
    await write('a', '1');
    const job = (script: string, env: Record<string, string> = {}): Job =>
      jobOf(shellAction(script, folder, sandbox), ['a', 'later'], env, ['DECLARED']);
    const copy = 'cat a > $OUT/x; echo "$DECLARED" >> $OUT/x';
    const steps: readonly (readonly [() => Promise<unknown>, Job, readonly string[] | undefined])[] = [
      [async () => undefined, job(copy), ['first time']],
      [async () => undefined, job(copy), undefined],
      [() => write('a', '2'), job(copy), ['a changed']],
      [() => write('later', ''), job(copy), ['later is new']],
      [() => rm(join(folder, 'later')), job(copy), undefined],
      [async () => undefined, job(copy, { DECLARED: 'x' }), ['the variable DECLARED is new: "x"']],
      [async () => undefined, job(copy, { DECLARED: 'x', UNREAD: 'y' }), undefined],
      [() => write('a', '1'), job(copy, { DECLARED: 'y' }), ['the variable DECLARED is new: "y"']],
    ];
    for (const [index, [step, wanted, expected]] of steps.entries()) {
      await step();
      assert.equal(await reasons(scratch, wanted), expected, `step ${index}`);
    }
  });
});

test('a result whose blobs are gone is reported as such', async () => {
  await withScratch(async (scratch) => {
    const job = jobOf(shellAction('echo x > $OUT/x', scratch.folder, sandbox));
    await reasons(scratch, job);
    const [artifact] = (await (await openActionCache(scratch.cache)).lookUp(job))?.result.artifacts ?? [];
    assert.ok(artifact);
    if (artifact?.kind === 'file') await rm(scratch.blob(artifact.digest));
    assert.equal(await reasons(scratch, job), ['its result is no longer in the cache']);
  });
});

test('the last sixteen results of one label are kept, even if they end at the same time', async () => {
  await withScratch(async (scratch) => {
    const actions = await openActionCache(scratch.cache);
    const jobs = Array.from({ length: 18 }, (_, index) => jobOf(shellAction(`echo ${index} > $OUT/x`, scratch.folder, sandbox)));
    await settle();
    const keys = await Promise.all(
      jobs.map(async (job) => {
        const made = await actions.make(job, sandbox, scratch.context);
        assert.ok(made.ok);
        return made.ok ? made.key : undefined;
      }),
    );
    const history = await openHistory(scratch.cache);
    const kept = await history.keysOf('script');
    assert.is(kept.length, 16);
    assert.is(new Set(kept).size, 16);
    assert.ok(kept.every((key) => keys.includes(key as never)));
    const [first] = kept;
    const origin = first && (await history.origin(first));
    assert.equal(origin?.mounts, { '/bloomery/work': scratch.folder });
  });
});

test('a value of another shape is not an origin', () => {
  for (const value of [null, 1, [], {}, { label: 'x', record: {}, mounts: {}, ambientEnv: {}, discovered: {} }])
    assert.is(originOf(value), undefined);
});

test.run();
