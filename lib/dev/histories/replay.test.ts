// Faults in a simulated crate compiler are found, distinguished and minimized.
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { BuildOutcome, Builder } from './build-outcome.ts';
import type { History } from './history.ts';
import { minimise } from './minimise.ts';
import type { Operation, Step } from '../projects/operation.ts';
import { replay } from './replay.ts';
import type { Builders, Fault, Replayed } from './replay.ts';

const scratch = await mkdtemp(join(tmpdir(), 'bloomery-replay-'));
test.after(() => rm(scratch, { recursive: true, force: true }));
const context = { report: () => undefined, signal: new AbortController().signal };
let replays = 0;

/** A builder whose one program prints the data of the project, and which refuses a project that has "bad" data. */
const honest: Builder = async (folder) => {
  const names = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.txt')).sort();
  const texts = await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')));
  if (texts.includes('bad\n')) return { kind: 'refused', text: 'bad data' };
  return { kind: 'built', outputs: { app: { exitCode: 0, stdout: texts.join('') } }, units: 0 };
};

/** Builds as `builder` the first time, and returns the same ever after. */
function stale(builder: Builder): Builder {
  let first: BuildOutcome | undefined;
  return async (...call) => (first ??= await builder(...call));
}

const step = (name: string, operations: readonly Operation[], idle = false): Step => ({ name, operations, reference: 'incremental', idle });
const write = (path: string, text: string): Step => step(`write ${path}`, [{ op: 'write', path, text }]);

function history(...steps: readonly Step[]): History {
  const parts = (['include-text', 'script-file', 'env-of-user', 'path-module'] as const).map((feature, index) => {
    return { feature, role: 'app', id: 'abcd'.charAt(index), data: 'data', name: 'abcd'.charAt(index) } as const;
  });
  const plan = { shape: 'nested', config: 'project', beside: 'beside', renamed: true, library: true, parts };
  return { seed: 1, plan, steps };
}

const replayed = (ours: Builder, one: History, cargo: Builder = honest): Promise<Replayed> =>
  replay(one, join(scratch, `replay-${++replays}`), { cargo, ours }, context);

const edits = [
  step('nothing', []),
  step('touch', [{ op: 'touch', path: 'project/data/a.txt' }]),
  write('project/data/b.txt', 'two\n'),
  write('project/data/a.txt', 'two\n'),
];

test('builders that agree have no fault', async () => {
  assert.equal(await replayed(honest, history(...edits)), { compared: 5, fresh: 1, refused: 0 });
});

test('an outdated output is a fault of the step that should have changed it', async () => {
  const { fault } = await replayed(stale(honest), history(...edits));
  assert.equal([fault?.step, fault?.kind, fault?.after], [3, 'differs', 'write project/data/b.txt']);
  assert.match(fault?.text ?? '', /"app" prints "one", cargo's "two"/);
});

test('where only the incremental build differs, the one in an empty folder is right', async () => {
  const remembered = new Map<string, BuildOutcome>();
  const cargo: Builder = async (folder, place, ...rest) => {
    const old = existsSync(place) ? remembered.get(place) : undefined;
    const outcome = old ?? (await honest(folder, place, ...rest));
    await mkdir(place, { recursive: true });
    remembered.set(place, outcome);
    return outcome;
  };
  const { fault, fresh } = await replayed(honest, history(write('project/data/a.txt', 'two\n')), cargo);
  assert.equal([fault, fresh], [undefined, 2]);
});

test('both builders must refuse the same edits, and these are undone before the next edit', async () => {
  const bad = write('project/data/a.txt', 'bad\n');
  const well = await replayed(honest, history(bad, write('project/data/b.txt', 'two\n')));
  assert.equal(well, { compared: 4, fresh: 1, refused: 1 });
  assert.is((await replayed(stale(honest), history(bad))).fault?.kind, 'accepted');
  const crashes: Builder = async () => ({ kind: 'crashed', text: 'exit code 70' });
  assert.is((await replayed(crashes, history())).fault?.kind, 'crash');
  const refuses: Builder = async () => ({ kind: 'refused', text: 'no' });
  assert.is((await replayed(refuses, history())).fault?.kind, 'refused');
});

test('units that are built without need are a fault', async () => {
  const busy: Builder = async (...call) => ({ ...(await honest(...call)), units: 2 }) as BuildOutcome;
  assert.equal((await replayed(busy, history(step('nothing', [], true)))).fault?.kind, 'needless');
  assert.equal((await replayed(busy, history(edits[2] as Step, step('undo', [{ op: 'undo' }])))).fault?.kind, 'needless');
  assert.is((await replayed(busy, history(...edits))).fault, undefined);
});

test('a history with a fault is minimized', async () => {
  const builders = (): Builders => ({ cargo: honest, ours: stale(honest) });
  const trial = async (one: History): Promise<Fault | undefined> =>
    (await replay(one, join(scratch, `t-${++replays}`), builders(), context)).fault;
  const whole = history(...edits);
  const fault = await trial(whole);
  assert.ok(fault);
  const least = await minimise(whole, fault as Fault, trial);
  assert.equal(
    least.history.steps.map(({ name }) => name),
    ['write project/data/b.txt'],
  );
  assert.ok(least.history.plan.parts.length <= 1);
  assert.equal([least.history.plan.library, least.history.plan.renamed], [false, false]);
  assert.is(least.fault.step, 1);
});

test.run();
