// Obtains every unit that the results of a plan need. A unit is found by its deep key if none of its sources
// has changed, else by the key of its action. Otherwise it runs. The roots are looked up first, so that a
// project with nothing new visits none of its dependencies. Missing units run in the order of their cost,
// which is measured or estimated. States of a unit: planned -> (deep key found: done) or described -> (action
// found: done) or missed -> running -> (metadata ready ->) done.
import { readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import pLimit from 'p-limit';
import { actionKey, filesOfResult } from '../../actions/action.ts';
import type { ActionKey, ActionResult, Artifact } from '../../actions/action.ts';
import { Coalescer, walk } from '../../actions/walk.ts';
import type { Free } from '../../actions/walk.ts';
import type { ActionCache, Done, Job } from '../../actions/lookup.ts';
import type { Cache } from '../../cache/cache.ts';
import type { Records } from '../../cache/records.ts';
import { digestBytes } from '../../core/digest.ts';
import type { Json } from '../../core/digest.ts';
import { absentAsUndefined } from '../../core/errors.ts';
import type { Context } from '../../core/events.ts';
import type { Plan } from '../plan/plan.ts';
import { missingEdges, reachable } from '../plan/planned-unit.ts';
import type { BuiltUnit, PlannedUnit } from '../plan/planned-unit.ts';
import { isBuildScript, isScriptRun, needsOnlyMetadata } from '../plan/unit-graph.ts';
import type { DeepKey, DeepKeys, SourceFiles } from './deep-key.ts';
import type { UnitReports } from '../unit/messages.ts';
import type { UnitRunner } from './unit-runner.ts';
import type { Tools } from '../toolchain/identity.ts';
import { parseDirectives, scriptRefusal } from '../unit/directives.ts';

/** The parts with which the units of a plan are looked up and run. */
export interface UnitBuild {
  readonly plan: Plan;
  readonly cache: Pick<Cache, 'records' | 'catchUp'>;
  readonly deep: DeepKeys;
  readonly actions: Pick<ActionCache, 'lookUp' | 'explain'>;
  readonly runner: Pick<UnitRunner, 'run' | 'prepare'>;
  readonly reports: UnitReports;
  readonly tools: (unit: PlannedUnit) => Promise<Tools>;
  /** Returns the job of a unit. All its dependencies, or their metadata, are in `built`. */
  readonly describe: (unit: PlannedUnit, built: ReadonlyMap<number, BuiltUnit>) => Promise<Job>;
  /** If true, each unit is described, and none is looked up by its deep key. */
  readonly describeAll: boolean;
  /** If true, units that no missing unit needs are looked up too. */
  readonly lookUpAll: boolean;
  /** Whether the reason of each miss is reported. */
  readonly explain: boolean;
  readonly jobs: number;
}

export interface Walked {
  /** The units that the roots of the plan need, by their index in the plan. */
  readonly built: ReadonlyMap<number, BuiltUnit>;
  /**
   * The source files of the units that were not found by a deep key. Undefined for a unit whose source files
   * changed meanwhile.
   */
  readonly sources: ReadonlyMap<PlannedUnit, SourceFiles | undefined>;
}

/** Obtains the units. A failing unit is a Failure, and results of finished units are kept. */
export function buildUnits(build: UnitBuild, context: Context): Promise<Walked> {
  return new UnitWalk(build, context).walkPlan();
}

/** The number of units, in addition to running ones, that may have their inputs staged or their results stored. */
const stagedAhead = 1;
/** The number of units that are described or looked up concurrently. */
const readers = 32;

/** A unit whose action has no result. It holds the key of its action until it has run. */
interface Missed {
  readonly job: Job;
  readonly free: Free;
}

/** One walk over a plan. A node is the index of a unit in the plan. */
class UnitWalk {
  readonly #build: UnitBuild;
  readonly #context: Context;
  readonly #built = new Map<number, BuiltUnit>();
  /** The deep keys of the plan's units. Undefined if a key is not known, or not yet. */
  #deepKeys: (DeepKey | undefined)[] = [];
  /**
   * The action key and source files of units that were not found by a deep key. Their deep keys are computed
   * from these.
   */
  readonly #actions = new Map<number, Pick<Done, 'key' | 'files'>>();
  readonly #missed = new Map<number, Missed>();
  /**
   * Projects that declare different variables have separate units, which can have the same action. Only one
   * of these units runs at a time, and the others find its result. After a failure the failed unit keeps its
   * key. The end of the walk releases the waiting units.
   */
  readonly #coalescer = new Coalescer<ActionKey>();
  readonly #reading = pLimit(readers);
  /** One promise for each unit that has run. Its result is stored while its dependents already run. */
  readonly #stored: Promise<void>[] = [];

  readonly #roots: ReadonlySet<number>;

  constructor(build: UnitBuild, context: Context) {
    this.#build = build;
    this.#roots = new Set(build.plan.roots.flatMap(({ units }) => units));
    this.#context = context;
  }

  async walkPlan(): Promise<Walked> {
    const { plan, deep, tools } = this.#build;
    this.#deepKeys = [...(await deep.ofPlan(plan.units, tools))];
    const missing = await this.#lookUpDeepKeys();
    try {
      await this.#walkMissing(missing);
    } finally {
      this.#build.cache.catchUp();
      await Promise.allSettled(this.#stored);
      await this.#rememberDeepKeys(missing);
    }
    await Promise.all(this.#stored); // a result that could not be stored is an error
    return { built: this.#built, sources: new Map(missing.map((node) => [this.#unit(node), this.#actions.get(node)?.files])) };
  }

  /**
   * Looks up the roots, then the needed dependencies of missing units. Returns the nodes that were not found
   * by a deep key, in the plan's order.
   */
  async #lookUpDeepKeys(): Promise<readonly number[]> {
    const { units, roots } = this.#build.plan;
    const tested = roots.flatMap(({ docTests = [] }) =>
      docTests.flatMap((node) => units[node]?.dependencies.map(({ index }) => index) ?? []),
    );
    const asked = [...new Set([...roots.flatMap((root) => root.units), ...tested])];
    await this.#takeDeep(asked);
    const needed = reachable(
      units,
      asked.filter((node) => !this.#built.has(node)),
    );
    // Warnings of the user's own packages are shown again, even if no dependency of a root is needed.
    const { lookUpAll } = this.#build;
    const own = units.flatMap((unit, node) => (!lookUpAll && (unit.place.foreign || unit.unit.isStd) ? [] : [node]));
    await this.#takeDeep([...new Set([...needed, ...own])]);
    return [...needed].filter((node) => !this.#built.has(node)).sort((a, b) => a - b);
  }

  async #takeDeep(nodes: readonly number[]): Promise<void> {
    if (this.#build.describeAll) return;
    const take = async (node: number): Promise<void> => {
      const key = this.#deepKeys[node];
      const found = key && !this.#built.has(node) ? await this.#build.deep.lookUp(key) : undefined;
      if (found) this.#hit(node, found.key, found.result);
    };
    await Promise.all(nodes.map(take));
  }

  async #walkMissing(missing: readonly number[]): Promise<void> {
    const { plan, cache, jobs } = this.#build;
    const durations = await cache.records<number>('durations', (value): value is number & Json => typeof value === 'number');
    const weights = await Promise.all(missing.map((node) => this.#weight(node, durations)));
    // A node of the schedule is a position in `missing`.
    const at = (position: number): number => {
      const node = missing[position];
      if (node === undefined) throw new Error(`no unit is missing at ${position}`);
      return node;
    };
    await walk({ dependencies: missingEdges(plan.units, missing), weights }, jobs + stagedAhead, this.#context.signal, {
      lookUp: (position, ending) => this.#lookUp(at(position), ending),
      run: (position, announce, ending) => this.#run(at(position), announce, ending, durations),
    });
  }

  /** Returns how long the last run of a unit took, in ms, else an estimate. */
  async #weight(node: number, durations: Records<number>): Promise<number> {
    const unit = this.#unit(node);
    const linked = needsOnlyMetadata(unit.unit) ? 0 : reachable(this.#build.plan.units, [node]).size - 1;
    return (await durations.get(digestBytes(unit.hash))) ?? guessedMs(unit, linked);
  }

  /**
   * Describes a planned unit whose dependencies are done. Returns whether its action has a result. Otherwise
   * the unit is missed.
   */
  async #lookUp(node: number, ending: AbortSignal): Promise<boolean> {
    const { actions, explain, describe } = this.#build;
    const unit = this.#unit(node);
    const job = await this.#reading(() => describe(unit, this.#built));
    const free = await this.#coalescer.hold(actionKey(job.action.record), ending);
    const found = await this.#reading(() => actions.lookUp(job));
    if (found) {
      free();
      this.#actions.set(node, found);
      this.#hit(node, found.key, found.result);
      return true;
    }
    if (explain) this.#context.report({ kind: 'unit-missed', unit: unit.label, reasons: await actions.explain(job) });
    this.#missed.set(node, { job, free });
    return false;
  }

  /** Runs a unit that was missed. */
  async #run(node: number, announce: () => void, ending: AbortSignal, durations: Records<number>): Promise<void> {
    const unit = this.#unit(node);
    const missed = this.#missed.get(node);
    if (!missed) throw new Error(`${unit.label} runs before it was looked up`);
    const metadataReady = (artifact: Artifact): void => {
      this.#built.set(node, {
        planned: unit,
        result: { artifacts: [artifact], stdout: '', stderr: '', durationMs: 0 },
        directives: undefined,
      });
      this.#context.report({ kind: 'unit-metadata-ready', unit: unit.label });
      announce();
    };
    const { result, stored } = await this.#build.runner.run({ unit, job: missed.job, metadataReady, ending });
    const done = this.#done(node, result);
    // Its files are published when all units are done.
    if (this.#roots.has(node)) for (const { digest } of filesOfResult(result)) this.#build.runner.prepare(digest);
    const keep = async (): Promise<void> => {
      try {
        const { key, files } = await stored;
        if (files) this.#actions.set(node, { key, files });
        this.#build.reports.built(done, key);
        await durations.put(digestBytes(unit.hash), result.durationMs);
      } finally {
        missed.free();
      }
    };
    const kept = keep();
    kept.catch(() => undefined); // the end of the walk waits for it
    this.#stored.push(kept);
  }

  #hit(node: number, key: ActionKey, result: ActionResult): void {
    this.#build.reports.hit(this.#done(node, result), key);
  }

  #done(node: number, result: ActionResult): BuiltUnit {
    const done = builtUnit(this.#unit(node), result);
    this.#built.set(node, done);
    this.#build.reports.messages(done);
    return done;
  }

  /** Stores deep keys in the plan's order, so that the keys of dependencies are known before. */
  async #rememberDeepKeys(missing: readonly number[]): Promise<void> {
    const { deep, tools } = this.#build;
    for (const node of missing) {
      const unit = this.#unit(node);
      const action = this.#actions.get(node);
      const below = unit.dependencies.map(({ index }) => this.#deepKeys[index]);
      const known = below.every((key) => key !== undefined);
      this.#deepKeys[node] = action && known ? await deep.remember(unit, await tools(unit), below, action.files, action.key) : undefined;
    }
  }

  #unit(node: number): PlannedUnit {
    const unit = this.#build.plan.units[node];
    if (!unit) throw new Error(`the plan has no unit ${node}`);
    return unit;
  }
}

/**
 * Returns the finished unit. Throws a Failure for a build script whose output cargo would refuse, both after
 * a run and after a hit.
 */
function builtUnit(planned: PlannedUnit, result: ActionResult): BuiltUnit {
  const directives = isScriptRun(planned.unit) ? parseDirectives(result.stdout, planned.owner.name) : undefined;
  const refusal = directives && scriptRefusal(directives, planned.owner, planned.toolchain.unstableCargo);
  if (refusal) throw refusal;
  return { planned, result, directives };
}

/** The least estimate for any unit, and the estimate for a build script. */
const leastMs = 500;
/**
 * Time per byte of the user's own source. The largest own libraries of seven programs took 23 to 231 ms per
 * 1000 bytes, optimized.
 */
const msPerByte = 0.03;
/** Time per dependency of a linked program. In the same seven programs it was 4 to 181 ms. */
const msPerLinked = 50;

/**
 * Returns the estimated time of a unit in milliseconds on one core. `linked` is the number of units that are
 * linked into it, 0 for a library.
 */
export async function guessedMs({ unit, owner, place }: Pick<PlannedUnit, 'unit' | 'owner' | 'place'>, linked: number): Promise<number> {
  if (place.foreign || unit.isStd || isScriptRun(unit) || isBuildScript(unit)) return leastMs;
  const folder = dirname(unit.target.srcPath);
  // The folder of the package also contains tests, and possibly output of other builds.
  return leastMs + (await rustBytes(folder, folder !== owner.dir)) * msPerByte + linked * msPerLinked;
}

/** Returns the size of all Rust sources in a folder, in bytes. 0 if there is no folder. */
async function rustBytes(folder: string, recursive: boolean): Promise<number> {
  const entries = (await absentAsUndefined(readdir(folder, { recursive, withFileTypes: true }))) ?? [];
  const sources = entries.filter((entry) => entry.isFile() && entry.name.endsWith('.rs'));
  const found = await Promise.all(sources.map(({ parentPath, name }) => absentAsUndefined(stat(join(parentPath, name)))));
  return found.reduce((sum, stats) => sum + (stats?.size ?? 0), 0);
}
