// How the action of a unit is run. The action cache and the jobserver are puppets.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { packageOf, targets, unitOf, workPlace } from '../../dev/testing/sample-units.ts';
import type { Action, ActionKey } from '../../actions/action.ts';
import type { Jobserver } from '../../actions/jobserver.ts';
import type { ActionCache, Job, Ran } from '../../actions/lookup.ts';
import type { Sandbox } from '../../actions/sandbox/sandbox.ts';
import type { Cache } from '../../cache/cache.ts';
import { digestBytes } from '../../core/digest.ts';
import type { Event } from '../../core/events.ts';
import type { PlannedUnit } from '../plan/planned-unit.ts';
import { UnitRunner } from './unit-runner.ts';

function made(action: Action): Ran {
  const result = { artifacts: [], stdout: '', stderr: '', durationMs: 1 };
  return { ok: true, action, result, stored: Promise.resolve({ key: digestBytes('key') as ActionKey, files: {} }) };
}

function unit(target: keyof typeof targets): PlannedUnit {
  const known: Partial<PlannedUnit> = { label: target, hash: '0123', unit: unitOf(targets[target]), owner: packageOf(), place: workPlace };
  const toolchain: Partial<PlannedUnit['toolchain']> = { sysroot: '/toolchain' };
  return {
    ...known,
    wrappers: { all: undefined, members: undefined },
    trees: { common: '/p', roots: [], gitFolders: [] },
    toolchain,
  } as PlannedUnit;
}

/** Returns a runner whose action cache is `make`. `opened` records what the runner opened and closed. */
function puppetRunner(make: (action: Action) => Promise<Ran>) {
  const events: Event[] = [];
  const opened: string[] = [];
  const jobserver: Jobserver = {
    path: '/host/pipe',
    place: '/pipe',
    env: { MAKEFLAGS: '-j' },
    hold: (work) => work(),
    close: () => opened.push('jobserver closed'),
  };
  const actions: Partial<ActionCache> = { run: ({ action }) => make(action) };
  const runner = new UnitRunner(
    {
      cache: {} as Cache,
      actions: actions as ActionCache,
      sandbox: {} as Sandbox,
      showing: { shorten: String, colour: false, verbose: false },
      openJobserver: async () => {
        opened.push('jobserver');
        return jobserver;
      },
      openTracer: async () => {
        opened.push('tracer');
        return undefined;
      },
    },
    { signal: new AbortController().signal, report: (event) => events.push(event) },
  );
  return { runner, events, opened };
}

function run(target: keyof typeof targets, more: { readonly ending?: AbortSignal; readonly own?: boolean } = {}) {
  const { ending = new AbortController().signal, own = false } = more;
  const action: Partial<Action> = {
    label: target,
    ambientEnv: { NUM_JOBS: '2' },
    ...(own ? { own: {} as NonNullable<Action['own']> } : {}),
  };
  return { unit: unit(target), job: { action } as Job, metadataReady: () => undefined, ending };
}

test('the jobserver is opened by the first unit that runs and the tracer by the first unit of the user, each once', async () => {
  const { runner, opened } = puppetRunner(async (action) => made(action));
  await runner.close();
  assert.equal(opened, []);
  await runner.run(run('lib'));
  assert.equal(opened, ['jobserver']);
  await Promise.all([runner.run(run('lib', { own: true })), runner.run(run('bin', { own: true }))]);
  await runner.close();
  assert.equal(opened, ['jobserver', 'tracer', 'jobserver closed']);
});

test('a command gets the jobserver, and its unit is reported as started when the first command has a token', async () => {
  let seen: Action | undefined;
  const { runner, events } = puppetRunner(async (action) => {
    seen = action;
    assert.equal(events, []);
    for (let attempts = 0; attempts < 2; attempts++) await action.slot?.(async () => undefined);
    return made(action);
  });
  await runner.run(run('lib'));
  assert.equal([seen?.ambientEnv, seen?.ambientMounts], [{ NUM_JOBS: '2', MAKEFLAGS: '-j' }, { '/pipe': '/host/pipe' }]);
  assert.equal(events, [{ kind: 'unit-started', unit: 'lib' }]);
});

test('no command starts while the walk is ending', async () => {
  const { runner, events } = puppetRunner(async (action) => {
    await action.slot?.(() => Promise.reject(new Error('it was started')));
    return made(action);
  });
  const failure = await runner
    .run(run('lib', { ending: AbortSignal.abort(new Error('another unit failed')) }))
    .catch((error: unknown) => error);
  assert.is((failure as Error).message, 'another unit failed');
  assert.equal(events, []);
});

test('a plain library announces its metadata; a program and a procedural macro do not', async () => {
  for (const [target, path] of [
    ['lib', 'libmy_lib-0123.rmeta'],
    ['bin', undefined],
    ['macro', undefined],
  ] as const) {
    let early: Action['early'];
    const { runner } = puppetRunner(async (action) => {
      early = action.early;
      return made(action);
    });
    await runner.run(run(target));
    assert.is(early?.path, path, target);
  }
});

test('a command that fails is reported, and its failure names the unit', async () => {
  const { runner, events } = puppetRunner(async () => ({ ok: false, exitCode: 1, stdout: '', stderr: '' }));
  const failure = await runner.run(run('bin')).catch((error: unknown) => error);
  assert.match((failure as Error).message, 'Cannot compile bin');
  assert.equal(events, [{ kind: 'unit-failed', unit: 'bin' }]);
});

test.run();
