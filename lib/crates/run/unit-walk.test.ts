// Three projects declare different variables and share a leaf package of the user. The leaf is planned as
// three units that have one action. The action cache and the runner are puppets. Each look-up and each run
// waits until the test lets it end. Another test checks the estimated cost of a first compilation with real
// folders.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { actionKey } from '../../actions/action.ts';
import type { ActionResult } from '../../actions/action.ts';
import type { Done, Job } from '../../actions/lookup.ts';
import type { Cache } from '../../cache/cache.ts';
import { digestBytes } from '../../core/digest.ts';
import type { Event } from '../../core/events.ts';
import type { PlannedUnit } from '../plan/planned-unit.ts';
import type { Project } from '../project.ts';
import type { DeepKey } from './deep-key.ts';
import { buildUnits, guessedMs } from './unit-walk.ts';
import type { UnitBuild } from './unit-walk.ts';
import { jobOf } from '../unit/action.ts';
import { UnitReports } from '../unit/messages.ts';
import { packageOf, release, targets, unitOf, workPlace } from '../../dev/testing/sample-units.ts';
import { withScratch } from '../../dev/testing/scratch.ts';

type Name = 'a' | 'b' | 'c';

const leafResult: ActionResult = { artifacts: [], stdout: '', stderr: '', durationMs: 1 };

/** Returns the leaf as it is in the plan of a project. */
function leafOf(project: Name): PlannedUnit {
  const known: Partial<PlannedUnit> = {
    unit: unitOf({}),
    owner: packageOf({ dir: '/nowhere' }),
    place: { ...workPlace, foreign: true }, // its sources are not read to estimate the time
    source: 'src/lib.rs',
    lto: { kind: 'only-object' },
    lints: { flags: [], checkCfg: [] },
    target: undefined,
    linker: undefined,
    primary: false,
    trimmed: [],
    rustflags: [],
    label: `leaf of ${project}`,
    hash: '0123456789abcdef',
    dependencies: [],
    triple: 'x86_64-unknown-linux-gnu',
    cfgs: [],
    wrappers: { all: undefined, members: undefined },
    declaredEnv: { PROJECT: project },
    configEnv: {},
    profileName: release.name,
    trees: { common: '/nowhere', roots: ['/nowhere'], gitFolders: [] },
  };
  const toolchain: Partial<PlannedUnit['toolchain']> = { release: '1.90.0', sysroot: '/nowhere/toolchain' };
  return { ...known, toolchain } as PlannedUnit;
}

/**
 * A walk over the three leaves. The unit of a project is described, looked up and run when the test opens the
 * gate for it.
 */
class Puppets {
  readonly lookedUp: Name[] = [];
  readonly started: Name[] = [];
  readonly events: Event[] = [];
  readonly abort = new AbortController();
  /** Whether results are used but not stored. */
  forgetful = false;
  outcome: unknown = 'unfinished';
  readonly #gates = new Map<string, PromiseWithResolvers<void>>();
  readonly #results = new Map<string, Done>();

  constructor() {
    const projects = ['a', 'b', 'c'] as const;
    buildUnits(this.#buildOf(projects.map(leafOf)), { signal: this.abort.signal, report: () => undefined }).then(
      ({ built }) => (this.outcome = `built ${built.size}`),
      (error: unknown) => (this.outcome = error),
    );
  }

  /** Opens gates in this order, and after each waits for everything that it allows. */
  async open(...gates: readonly `${'describe' | 'look up' | 'run'} ${Name}`[]): Promise<void> {
    for (const gate of gates) {
      this.#gate(gate).resolve();
      await this.quiet();
    }
  }

  async fail(project: Name, error: Error): Promise<void> {
    this.#gate(`run ${project}`).reject(error);
    await this.quiet();
  }

  async quiet(): Promise<void> {
    for (let turns = 0; turns < 20; turns++) await new Promise((resolve) => setImmediate(resolve));
  }

  #gate(name: string): PromiseWithResolvers<void> {
    const gate = this.#gates.get(name) ?? Promise.withResolvers<void>();
    this.#gates.set(name, gate);
    return gate;
  }

  #buildOf(units: readonly PlannedUnit[]): UnitBuild {
    const tool = digestBytes('tool');
    const nameOf = ({ declaredEnv }: Pick<Job, 'declaredEnv'>): Name => declaredEnv['PROJECT'] as Name;
    const none = { get: async () => undefined, any: async () => false, keys: async () => [], put: async () => undefined };
    const tools = { rustc: tool, target: undefined, linker: tool, wrappers: undefined, nativeLibraries: tool };
    const cache: Partial<Cache> = {};
    return {
      plan: { units, roots: [{ project: {} as Project, units: units.map((_, node) => node) }] },
      cache: { records: async () => none, catchUp: () => undefined },
      deep: { ofPlan: async () => [], lookUp: async () => undefined, remember: async () => tool as DeepKey },
      actions: {
        lookUp: async (job) => {
          this.lookedUp.push(nameOf(job));
          await this.#gate(`look up ${nameOf(job)}`).promise;
          return this.#results.get(actionKey(job.action.record));
        },
        explain: async () => [],
      },
      runner: {
        prepare: () => undefined,
        run: async ({ job }) => {
          this.started.push(nameOf(job));
          await this.#gate(`run ${nameOf(job)}`).promise;
          const done = { key: actionKey(job.action.record), result: leafResult, files: {} };
          if (!this.forgetful) this.#results.set(done.key, done);
          return { ok: true, result: done.result, stored: Promise.resolve(done) };
        },
      },
      reports: new UnitReports({ shorten: String, colour: false, verbose: false }, (event) => this.events.push(event)),
      tools: async () => tools,
      describe: async (unit, built) => {
        await this.#gate(`describe ${nameOf(unit)}`).promise;
        return jobOf(unit, { built, tools, sandbox: 'none', cache: cache as Cache, jobs: 2 });
      },
      describeAll: false,
      lookUpAll: false,
      explain: false,
      jobs: 2,
    };
  }
}

test('a third unit with the action of two others is built when both are looked up before either of them is a miss', async () => {
  const puppets = new Puppets();
  await puppets.open('describe a', 'describe b', 'look up a', 'describe c', 'look up b', 'run a', 'run b', 'look up c', 'run c');
  assert.is(puppets.outcome, 'built 3');
  assert.equal(puppets.started, ['a']);
});

test('equal actions run once, independently of the unit that is looked up first', async () => {
  for (const [first, second, third] of ['abc', 'acb', 'bac', 'bca', 'cab', 'cba'].map((order) => [...order] as Name[])) {
    if (!first || !second || !third) continue;
    const puppets = new Puppets();
    await puppets.open(`describe ${first}`, `describe ${second}`, `look up ${second}`, `look up ${first}`, `describe ${third}`);
    assert.equal([puppets.lookedUp, puppets.started], [[first], [first]], 'the others wait for the first');
    await puppets.open(`run ${first}`, `look up ${third}`);
    assert.is(puppets.outcome, 'built 3');
    assert.equal([puppets.lookedUp, puppets.started], [[first, second, third], [first]]);
    const outcomes = puppets.events.flatMap((event) => (event.kind === 'unit-finished' ? [event.outcome] : []));
    assert.equal(outcomes, ['built', 'hit', 'hit']);
  }
});

test('a unit that finds no result of an equal action runs by itself, and the third one still waits', async () => {
  const puppets = new Puppets();
  puppets.forgetful = true; // as if a source changed while the command ran
  await puppets.open('describe a', 'describe b', 'describe c', 'look up a', 'look up b', 'look up c', 'run a');
  assert.equal(
    [puppets.lookedUp, puppets.started],
    [
      ['a', 'b'],
      ['a', 'b'],
    ],
  );
  await puppets.open('run b', 'run c');
  assert.is(puppets.outcome, 'built 3');
  assert.equal(puppets.started, ['a', 'b', 'c']);
});

test('after a failure, units that wait for the same action fail too, and none of them is looked up or started', async () => {
  const puppets = new Puppets();
  await puppets.open('describe a', 'describe b', 'describe c', 'look up a');
  await puppets.fail('a', new Error('no'));
  assert.is((puppets.outcome as Error).message, 'no');
  assert.equal([puppets.lookedUp, puppets.started], [['a'], ['a']]);
});

test('an interrupt ends waiting units at once, and the walk as soon as the running units have ended', async () => {
  const puppets = new Puppets();
  await puppets.open('describe a', 'describe b', 'describe c', 'look up a');
  puppets.abort.abort(new Error('interrupted'));
  await puppets.quiet();
  assert.is(puppets.outcome, 'unfinished');
  await puppets.open('run a');
  assert.is((puppets.outcome as Error).message, 'interrupted');
  assert.equal([puppets.lookedUp, puppets.started], [['a'], ['a']]);
});

test('the estimate for an own package depends on its source and its linked units, and is constant for third-party packages and scripts', async () => {
  await withScratch(async ({ write, folder }) => {
    const source = 'x'.repeat(50_000);
    const srcPath = await write('src/lib.rs', source);
    await write('src/deep/er.rs', source);
    await write('src/table.bin', source);
    const owner = packageOf({ dir: folder });
    const lib = unitOf({ srcPath });
    const ofOthers = await guessedMs({ unit: lib, owner, place: { ...workPlace, foreign: true } }, 0);
    assert.is(await guessedMs({ unit: lib, owner, place: workPlace }, 0), ofOthers + 3000);
    assert.is(await guessedMs({ unit: unitOf({ ...targets.bin, srcPath }), owner, place: workPlace }, 20), ofOthers + 4000);
    for (const script of [unitOf(targets.script), unitOf(targets.script, { mode: 'run-custom-build' })])
      assert.is(await guessedMs({ unit: script, owner, place: workPlace }, 9), ofOthers);
    assert.is(await guessedMs({ unit: unitOf({ srcPath: `${folder}/absent/lib.rs` }), owner, place: workPlace }, 0), ofOthers);
  });
});

test('for a library in the folder of its package, folders in that folder are not counted', async () => {
  await withScratch(async ({ write, folder }) => {
    const srcPath = await write('lib.rs', 'x'.repeat(10_000));
    await write('target/debug/build/made/out/huge.rs', 'x'.repeat(1_000_000));
    const cost = async (dir: string): Promise<number> =>
      guessedMs({ unit: unitOf({ srcPath }), owner: packageOf({ dir }), place: workPlace }, 0);
    assert.is((await cost('/elsewhere')) - (await cost(folder)), 30_000);
  });
});

test.run();
