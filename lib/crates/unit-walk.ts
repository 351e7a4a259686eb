// Gets every unit that a plan's results need: by its deep key where nothing it was made from has changed, else by the key of its action, else
// by running it. The roots are asked for first, so that a project with nothing new visits nothing below them.
import { join } from 'node:path';
import pLimit from 'p-limit';
import { actionKey } from '../build/action.ts';
import type { ActionKey, ActionResult } from '../build/action.ts';
import { Coalescer } from '../build/coalescer.ts';
import type { Free } from '../build/coalescer.ts';
import type { Jobserver } from '../build/jobserver.ts';
import type { ActionCache, Job } from '../build/lookup.ts';
import type { Sandbox } from '../build/sandbox.ts';
import type { Tracer } from '../build/tracer.ts';
import type { Edge } from '../build/schedule.ts';
import { walk } from '../build/walk.ts';
import type { Cache } from '../cache/cache.ts';
import { folderOf } from '../cache/checkouts.ts';
import type { Json } from '../core/digest.ts';
import { digestBytes } from '../core/digest.ts';
import type { Context } from '../core/events.ts';
import { makeFolder } from '../core/folders.ts';
import type { DeepKey, DeepKeys, SourceFiles } from './deep-key.ts';
import { parseDirectives } from './directives.ts';
import { places } from './places.ts';
import type { Plan } from './plan.ts';
import type { PlannedUnit } from './planned-unit.ts';
import { scriptRefusal } from './script-refusal.ts';
import { jobOf } from './unit-action.ts';
import type { BuiltUnit } from './built-unit.ts';
import type { Tools } from './unit-action.ts';
import { guessedMs } from './unit-cost.ts';
import { isPlainLibrary, isScriptRun } from './unit-graph.ts';
import { failure, shownOf } from './unit-messages.ts';
import type { Showing } from './unit-messages.ts';

export interface UnitWalk {
  readonly plan: Plan;
  readonly cache: Cache;
  readonly actions: ActionCache;
  readonly deep: DeepKeys;
  readonly sandbox: Sandbox;
  readonly tools: (unit: PlannedUnit) => Promise<Tools>;
  readonly jobs: number;
  /** The person's home folder. */
  readonly home: string | undefined;
  /** Opened when the first unit has to run. */
  readonly jobserver: () => Promise<Jobserver>;
  /** Opened when the first unit of the user's own has to run; undefined where the host has none. */
  readonly tracer: () => Promise<Tracer | undefined>;
  readonly showing: Showing;
  readonly explain: boolean;
  readonly observe: ((unit: PlannedUnit, job: Job) => void) | undefined;
  /** Nodes that were run, over all walks of this build, and nodes that were told to be hits. */
  readonly ran: Set<number>;
  readonly told: Set<number>;
}

/** So many units more than may run have their inputs laid out, or their results stored. */
const laidOutAhead = 1;

export interface Walked {
  /** The units that are needed for the plan's roots, by index in the plan. */
  readonly built: ReadonlyMap<number, BuiltUnit>;
  /** Of the units that no deep key led to, the source files that they were made from; undefined where these changed meanwhile. */
  readonly sources: ReadonlyMap<PlannedUnit, SourceFiles | undefined>;
}

/** Gets the units; a failing one is a Failure, and what was finished is kept. */
export async function buildUnits(work: UnitWalk, context: Context): Promise<Walked> {
  const { plan, actions, deep, cache } = work;
  const { units } = plan;
  const built = new Map<number, BuiltUnit>();
  const keys = [...(await deep.ofPlan(units, work.tools))];
  /** Of units that came through the walk: what their deep keys follow from. */
  const found = new Map<number, { readonly key: ActionKey; readonly files: SourceFiles }>();
  const durations = await cache.records<number>('durations', (value): value is number & Json => typeof value === 'number');
  const unitAt = (node: number): PlannedUnit => {
    const unit = units[node];
    if (!unit) throw new Error(`the plan has no unit ${node}`);
    return unit;
  };
  const done = (node: number, result: ActionResult): void => {
    const unit = unitAt(node);
    const directives = isScriptRun(unit.unit) ? parseDirectives(result.stdout, unit.owner.name) : undefined;
    const refusal = directives && scriptRefusal(directives, unit.owner, unit.toolchain.release);
    if (refusal) throw refusal;
    built.set(node, { planned: unit, result, directives });
    for (const text of shownOf(unit, result, work.showing)) context.report({ kind: 'diagnostic', unit: unit.label, text });
    if (unit.place.foreign) return;
    for (const text of directives?.warnings ?? []) {
      context.report({ kind: 'diagnostic', unit: unit.label, text: `warning: ${unit.owner.name}: ${text}` });
    }
  };
  const hit = (node: number, key: ActionKey, result: ActionResult): void => {
    done(node, result);
    if (work.ran.has(node) || work.told.has(node)) return;
    work.told.add(node);
    const unit = unitAt(node).label;
    context.report({ kind: 'unit-finished', unit, outcome: 'hit', durationMs: 0, savedMs: result.durationMs, key });
  };
  const takeDeep = async (node: number): Promise<void> => {
    if (work.observe) return; // it is to see the action of every unit
    const key = keys[node];
    const there = key && !built.has(node) ? await deep.lookUp(key) : undefined;
    if (there) hit(node, there.key, there.result);
  };

  const roots = [...new Set(plan.roots.flatMap((root) => root.units))];
  await Promise.all(roots.map(takeDeep));
  const needed = reachable(
    units,
    roots.filter((node) => !built.has(node)),
  );
  // Warnings of the person's own packages are shown again although nothing below a root is needed.
  const own = units.flatMap((unit, node) => (unit.place.foreign || unit.unit.isStd ? [] : [node]));
  await Promise.all([...new Set([...needed, ...own])].map(takeDeep));
  const missing = [...needed].filter((node) => !built.has(node)).sort((a, b) => a - b);

  try {
    await walkMissing();
  } finally {
    await rememberDeep();
  }
  return { built, sources: new Map(missing.map((node) => [unitAt(node), found.get(node)?.files])) };

  async function walkMissing(): Promise<void> {
    const position = new Map(missing.map((node, at) => [node, at]));
    const edges = missing.map((node) =>
      edgesOf(node, units, (other) => position.has(other)).map(({ on, early }) => ({ on: position.get(on) ?? -1, early })),
    );
    const linked = (node: number): number => (isPlainLibrary(unitAt(node).unit) ? 0 : reachable(units, [node]).size - 1);
    const weights = await Promise.all(
      missing.map(async (node) => (await durations.get(digestBytes(unitAt(node).hash))) ?? guessedMs(unitAt(node), linked(node))),
    );
    const pending = new Map<number, { readonly job: Job; readonly free: Free }>();
    const reading = pLimit(32);
    const nodeAt = (at: number): number => missing[at] ?? -1;
    // Projects that declare different variables plan units apart whose actions turn out to be the same: only one of them runs at a time, and the
    // others find its result. A miss holds its key until it has run. After a failure it keeps the key, and the end of the walk frees those that wait.
    const coalescer = new Coalescer<ActionKey>();
    await walk({ dependencies: edges, weights }, work.jobs + laidOutAhead, context.signal, {
      lookUp: async (at, ending) => {
        const node = nodeAt(at);
        const unit = unitAt(node);
        const job = await reading(() => describe(unit));
        const free = await coalescer.hold(actionKey(job.action.record), ending);
        const there = await reading(() => actions.lookUp(job));
        if (there) {
          free();
          found.set(node, there);
          hit(node, there.key, there.result);
          return true;
        }
        if (work.explain) context.report({ kind: 'unit-missed', unit: unit.label, reasons: await actions.explain(job) });
        pending.set(node, { job, free });
        return false;
      },
      run: async (at, announce, ending) => {
        const node = nodeAt(at);
        const missed = pending.get(node);
        if (!missed) throw new Error(`${unitAt(node).label} runs before it was looked up`);
        await runUnit(node, missed.job, announce, ending);
        missed.free();
      },
    });
  }

  async function describe(unit: PlannedUnit): Promise<Job> {
    const { sandbox, jobs, home } = work;
    const job = await jobOf(unit, { built, tools: await work.tools(unit), sandbox: sandbox.kind, cache, jobs, home });
    work.observe?.(unit, job);
    return job;
  }

  async function runUnit(node: number, job: Job, announce: () => void, ending: AbortSignal): Promise<void> {
    const unit = unitAt(node);
    const [jobserver, tracer] = await Promise.all([work.jobserver(), job.action.own ? work.tracer() : undefined]);
    const early = isPlainLibrary(unit.unit) && !isScriptRun(unit.unit) ? earlyMetadata(node, unit, announce) : undefined;
    let started = false;
    const slot = <T>(command: () => Promise<T>): Promise<T> =>
      jobserver.hold(() => {
        ending.throwIfAborted();
        if (!started) context.report({ kind: 'unit-started', unit: unit.label });
        started = true;
        return command();
      });
    const action = {
      ...job.action,
      ambientEnv: { ...job.action.ambientEnv, ...jobserver.env },
      ambientMounts: { [jobserver.place]: jobserver.path, ...(await halfDoneWork(unit)) },
      slot,
      ...(tracer ? { tracer: tracer.program } : {}),
      ...(early ? { early } : {}),
    };
    const made = await actions.make({ ...job, action }, work.sandbox, context);
    if (!made.ok) {
      context.report({ kind: 'unit-failed', unit: unit.label });
      throw failure(unit, made, work.showing);
    }
    done(node, made.result);
    work.ran.add(node);
    if (made.files) found.set(node, { key: made.key, files: made.files });
    const { durationMs } = made.result;
    await durations.put(digestBytes(unit.hash), durationMs);
    context.report({ kind: 'unit-finished', unit: unit.label, outcome: 'built', durationMs, key: made.key });
  }

  async function halfDoneWork({ checkout }: PlannedUnit): Promise<Readonly<Record<string, string>>> {
    if (!checkout) return {};
    const dir = join(await folderOf(checkout, cache), 'incremental');
    await makeFolder(dir);
    return { [places.incremental]: dir };
  }

  /** Who needs only the metadata of a library may start when rustc has written it. */
  function earlyMetadata(node: number, unit: PlannedUnit, announce: () => void): NonNullable<Job['action']['early']> {
    return {
      path: `lib${unit.unit.target.name.replaceAll('-', '_')}-${unit.hash}.rmeta`,
      there: (artifact) => {
        built.set(node, { planned: unit, result: { artifacts: [artifact], stdout: '', stderr: '', durationMs: 0 }, directives: undefined });
        context.report({ kind: 'unit-metadata-ready', unit: unit.label });
        announce();
      },
    };
  }

  /** In the plan's order, so that a unit's dependencies have their keys before it. */
  async function rememberDeep(): Promise<void> {
    for (const node of missing) {
      const unit = unitAt(node);
      const one = found.get(node);
      const below = unit.dependencies.map(({ index }) => keys[index]);
      const known = below.every((key): key is DeepKey => key !== undefined);
      keys[node] = one && known ? await deep.remember(unit, await work.tools(unit), below, one.files, one.key) : undefined;
    }
  }
}

/**
 * What a unit waits for, of the units that are missing. A plain library needs only the metadata of plain libraries, which comes early; what is
 * linked needs all libraries below it whole, and a library that is whole says nothing of those below it. A library that is there says nothing
 * of them either: a damaged blob may have made one of them missing, and rustc reads the metadata of all.
 */
function edgesOf(node: number, units: readonly PlannedUnit[], isMissing: (node: number) => boolean): readonly Edge[] {
  const plain = (unit: PlannedUnit | undefined): boolean => unit !== undefined && isPlainLibrary(unit.unit) && !isScriptRun(unit.unit);
  const unit = units[node];
  const direct = (unit?.dependencies ?? []).map(({ index }) => index);
  if (unit && !plain(unit)) return [...reachable(units, direct)].filter(isMissing).map((on) => ({ on, early: false }));
  return [...reachable(units, direct, isMissing)].filter(isMissing).map((on) => ({ on, early: plain(units[on]) }));
}

/** The units and everything below them; nothing below those that `ends` says. */
function reachable(units: readonly PlannedUnit[], from: readonly number[], ends = (_node: number): boolean => false): ReadonlySet<number> {
  const seen = new Set<number>();
  const open = [...from];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (seen.has(node)) continue;
    seen.add(node);
    if (ends(node)) continue;
    for (const { index } of units[node]?.dependencies ?? []) open.push(index);
  }
  return seen;
}
