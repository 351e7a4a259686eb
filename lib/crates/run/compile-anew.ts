// Builds projects without a stored answer: makes a plan, looks up every unit, runs the missing ones and
// publishes the results. All projects share one unit graph and one walk.
import pLimit from 'p-limit';
import type { Cache } from '../../cache/cache.ts';
import { DamagedBlob } from '../../cache/content-store.ts';
import { openJobserver, sparePipe } from '../../actions/jobserver.ts';
import { openActionCache } from '../../actions/lookup.ts';
import type { Job } from '../../actions/lookup.ts';
import { requireSandbox } from '../../actions/sandbox/sandbox.ts';
import type { Sandbox } from '../../actions/sandbox/sandbox.ts';
import { openTracer } from '../../actions/sandbox/tracer.ts';
import { phase } from '../../core/events.ts';
import type { Context, Event } from '../../core/events.ts';
import { grant } from '../unit/source-view.ts';
import { answerOf, outputsOf, recordedMs, unitCount } from './build-answer.ts';
import type { Compiled, CompileOptions } from '../compiled.ts';
import { openDeepKeys, sameSources } from './deep-key.ts';
import { compilersFor, toolsOf } from '../toolchain/identity.ts';
import { userHome } from '../unit/places.ts';
import { plan } from '../plan/plan.ts';
import type { Plan, ProjectRequest } from '../plan/plan.ts';
import type { BuiltUnit, PlannedUnit } from '../plan/planned-unit.ts';
import type { Compilation } from './head-start.ts';
import type { BuildAnswer, Told } from './remembered-build.ts';
import { isWhole } from '../unit/inputs.ts';
import { jobOf } from '../unit/action.ts';
import { UnitReports } from '../unit/messages.ts';
import { UnitRunner } from './unit-runner.ts';
import { buildUnits } from './unit-walk.ts';
import type { UnitBuild } from './unit-walk.ts';
import { pathOf } from '../../core/paths.ts';

/** Limit of projects whose programs are written concurrently. One is hashed while others wait for the disk. */
const handing = pLimit(4);

/** A build whose runner also tells what it ran. */
type Opened = UnitBuild & { readonly runner: UnitRunner };

type Options = CompileOptions & Required<Pick<CompileOptions, 'handOver'>> & { readonly jobs: number };

/**
 * Returns the result of the build, and the answer of the same build with nothing new. The answer is undefined
 * if it is not known.
 */
export async function compileAnew(
  requests: readonly ProjectRequest[],
  options: Options,
  context: Context,
): Promise<{ readonly compiled: Compiled; readonly answer: BuildAnswer | undefined }> {
  const { cache, handOver } = options;
  const told = new Map<string, Told[]>();
  let isPrepared = false;
  const report = (event: Event): void => {
    if (event.kind === 'unit-started' && !isPrepared) {
      isPrepared = true;
      void cache.later(async () => cache.digests.prepareRecord()); // while the first command runs
    }
    if (event.kind === 'unit-finished' || event.kind === 'diagnostic') told.set(event.unit, [...(told.get(event.unit) ?? []), event]);
    context.report(event);
  };
  const { build, sandbox, close } = await open(requests, options, { ...context, report });
  const { plan: planned, reports } = build;
  try {
    // A damaged blob is found when it is staged or published, and is then removed. In the next walk the unit
    // that creates it is a miss and runs again.
    for (let walks = 1; ; walks++) {
      try {
        const { built, sources } = await buildUnits(build, { ...context, report });
        const projects = planned.roots.map((root) => {
          const docTests = (root.docTests ?? []).flatMap((node) => planned.units[node] ?? []);
          return outputsOf(root.project, root.units, built, docTests);
        });
        const handed = projects.map((one) => handing(() => handOver(one)));
        await Promise.allSettled(handed); // wait for all, so that no file is written after one of them fails
        await Promise.all(handed);
        // wait until the files of these lines are written, or one is found to be damaged
        await options.watchUnits?.lines();
        const skipped = planned.units.flatMap(({ hash, unit }, node) => (built.has(node) || unit.mode === 'doctest' ? [] : [hash]));
        context.report({ kind: 'units-skipped', units: skipped.length, savedMs: await recordedMs(skipped, cache) });
        const units = unitCount(planned);
        await rememberStart(build, sandbox, options);
        // After a second walk, the collected events are not those of one undisturbed build.
        const answer = walks === 1 && (await sameSources(sources, cache)) ? await answerOf(planned, projects, told, options) : undefined;
        const counts = { units, hits: units - reports.runs, misses: reports.runs, below: skipped.length, remembered: 0 };
        return { compiled: { projects, ...counts }, answer };
      } catch (error) {
        if (!(error instanceof DamagedBlob) || !(await haveSysroots(requests, cache))) throw error;
      }
    }
  } finally {
    await close();
  }
}

/** Whether the files of all sysroots exist. No unit creates them, so another walk would not help. */
async function haveSysroots(requests: readonly ProjectRequest[], cache: Cache): Promise<boolean> {
  const sysroots = new Set(requests.flatMap(({ project }) => project.sysroot ?? []));
  return (await Promise.all([...sysroots].map((sysroot) => isWhole(sysroot, cache)))).every(Boolean);
}

/** Opens everything that the walk over the units needs. */
async function open(
  requests: readonly ProjectRequest[],
  options: Options,
  context: Context,
): Promise<{ readonly build: Opened; readonly sandbox: Sandbox; readonly close: () => Promise<void> }> {
  const path = pathOf(options.hostEnv);
  const compilers = requests.map(({ cargo: { toolchain } }) =>
    compilersFor({ toolchain, triple: toolchain.host, ownStd: true }, options, context),
  );
  // runs while planning, and the functions that need the compilers ask again
  const identified = Promise.allSettled(compilers);
  const shutIn = requireSandbox(options.sandbox, path, context.signal, options.cache.root);
  const asked = requests.map((request) => ({ ...request, cargo: { ...request.cargo, sandbox: shutIn } }));
  const steps = [
    phase('planning', context.report, () => planAll(asked, options, context)),
    openActionCache(options.cache),
    shutIn,
  ] as const;
  const [planned, actions, sandbox] = await Promise.all(steps).catch(async (error: unknown) => {
    // wait for all, so that the cache is not written after the error
    await Promise.allSettled([identified, ...steps]);
    throw error;
  });
  context.report({ kind: 'planned', units: unitCount(planned) });
  const { cache, jobs, explain = false, observe, watchUnits, shorten, colour, verbose = false } = options;
  const showing = { shorten, colour, verbose };
  const tools = toolsOf(options, context);
  const home = userHome(options.hostEnv);
  const runner = new UnitRunner(
    {
      cache,
      actions,
      sandbox,
      showing,
      watchUnits,
      openJobserver: async () => {
        // Without a sandbox, a process that an action started may outlive it.
        const spare = sandbox.kind === 'none' ? undefined : sparePipe(cache);
        return (await options.headStart?.jobserver(jobs, context.signal)) ?? (await openJobserver(cache.tmpDir, jobs, context, spare));
      },
      openTracer: () => openTracer(cache, context, sandbox),
      headStart: options.headStart,
    },
    context,
  );
  const build = {
    plan: planned,
    cache,
    deep: await openDeepKeys(cache, sandbox.kind),
    actions,
    runner,
    reports: new UnitReports(showing, context.report, watchUnits),
    tools,
    describe: async (unit: PlannedUnit, built: ReadonlyMap<number, BuiltUnit>): Promise<Job> => {
      const job = await jobOf(unit, { built, tools: await tools(unit), sandbox: sandbox.kind, cache, jobs, home });
      observe?.(unit, job);
      return job;
    },
    describeAll: observe !== undefined,
    lookUpAll: watchUnits !== undefined,
    explain,
    jobs,
  };
  return { build, sandbox, close: () => runner.close() };
}

/** Records for the next build which compilations it can begin before it has a plan. */
async function rememberStart({ plan: { units }, runner }: Opened, sandbox: Sandbox, { headStart, jobs, cache }: Options): Promise<void> {
  const hashes = units.flatMap(({ place, unit, hash }) => (place.foreign || unit.isStd ? [] : [hash]));
  const ran = new Map<string, Compilation>();
  for (const [hash, { action, stored }] of runner.ran) {
    const { files } = await stored;
    if (files) ran.set(hash, { action, files });
  }
  await headStart?.remember({ hashes, ran, jobs, sandbox, cache });
}

async function planAll(requests: readonly ProjectRequest[], options: CompileOptions, context: Context): Promise<Plan> {
  const { units, roots } = await plan(requests, context);
  return { units: await grant(units, options.allow ?? {}, options.cache), roots };
}
