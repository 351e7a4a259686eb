// A small test with the real builders, and the files that are kept of a history with a fault.
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Builder } from './build-outcome.ts';
import { historyOf } from './history.ts';
import { realBuilders, stressHistories } from './history-stress.ts';
import type { HistoryStress } from './history-stress.ts';

const top = await mkdtemp(join(tmpdir(), 'bloomery-histories-'));
test.after(() => rm(top, { recursive: true, force: true }));
const context = { report: () => undefined, signal: new AbortController().signal };
const env = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));

const stressOf = (name: string, seeds: readonly number[], more: Partial<HistoryStress>): Parameters<typeof stressHistories> => [
  {
    histories: seeds.map((seed) => historyOf(seed, 3)),
    jobs: 1,
    scratch: join(top, name),
    keep: undefined,
    minimise: false,
    ...more,
  } as HistoryStress,
  context,
];

test('the crate compiler agrees with cargo on a few histories', async () => {
  const { counts, faults } = await stressHistories(
    ...stressOf('real', [25, 57, 217], { builders: await realBuilders(env, process.execPath, context) }),
  );
  assert.equal(faults, []);
  assert.equal([counts.histories, counts.edits], [3, 9]);
  assert.equal([counts.void, counts.compared >= 12], [0, true]);
});

test('a history with a fault is kept with its files, and nothing else is left', async () => {
  const builds: Builder = async () => ({ kind: 'built', outputs: {}, units: 0 });
  const crashes: Builder = async () => ({ kind: 'crashed', text: 'exit code 70' });
  const keep = join(top, 'kept');
  const stress = stressOf('planted', [4, 5], { builders: () => ({ cargo: builds, ours: crashes }), keep, minimise: true, jobs: 2 });
  const { faults } = await stressHistories(...stress);
  assert.equal(faults.map(({ seed, kind, step }) => [seed, kind, step]).sort(), [
    [4, 'crash', 0],
    [5, 'crash', 0],
  ]);
  assert.equal((await readdir(keep)).sort(), ['seed-4', 'seed-5']);
  const kept = JSON.parse(await readFile(join(keep, 'seed-4/history.json'), 'utf8'));
  assert.equal([kept.seed, kept.steps, kept.plan.parts], [4, [], []]);
  assert.ok((await readdir(join(keep, 'seed-4/work'))).length > 0);
  assert.equal(
    (await readdir(join(top, 'planted'))).filter((name) => name.startsWith('seed-')),
    [],
  );
});

test.run();
