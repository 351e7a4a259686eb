// Compiles projects: plan, look every unit up, run what is missing, hand back what was asked for. One walk over one graph for all
// projects. Knows neither tasks nor systems.
import pLimit from 'p-limit';
import { availableParallelism } from 'node:os';
import type { Artifact } from '../build/action.ts';
import { DamagedInput } from '../build/execute.ts';
import { openActionCache } from '../build/lookup.ts';
import type { ActionCache, Job } from '../build/lookup.ts';
import { probeSandbox } from '../build/sandbox.ts';
import type { Sandbox } from '../build/sandbox.ts';
import { walk } from '../build/walk.ts';
import type { Cache } from '../cache/cache.ts';
import { digestRecord } from '../core/digest.ts';
import type { Digest } from '../core/digest.ts';
import { cannot } from '../core/errors.ts';
import { phase } from '../core/events.ts';
import type { Context } from '../core/events.ts';
import { plural } from '../core/sizes.ts';
import { diagnosticsOf } from './diagnostics.ts';
import type { Diagnostic } from './diagnostics.ts';
import { parseDirectives } from './directives.ts';
import { places } from './places.ts';
import { plan } from './plan.ts';
import type { Plan, PlannedUnit } from './plan.ts';
import type { Project } from './project.ts';
import { chooseToolchain } from './toolchain-choice.ts';
import type { ToolchainChoice } from './toolchain-choice.ts';
import { linkerIdentity, targetIdentity, toolchainIdentity } from './toolchain-identity.ts';
import { jobOf } from './unit-action.ts';
import type { BuiltUnit, Tools } from './unit-action.ts';
import { isScriptRun } from './unit-graph.ts';

export interface CompileOptions {
  readonly cache: Cache;
  /** The person's variables: where tools are. */
  readonly hostEnv: Readonly<Record<string, string>>;
  /** --toolchain, --rust-src. */
  readonly toolchain: string | undefined;
  readonly rustSrc: string | undefined;
  /** Another cache that may have the standard library's source. */
  readonly otherCacheDir?: string;
  readonly jobs: number | undefined;
  /** False: --no-sandbox. */
  readonly sandbox: boolean;
  /** --explain: report for each miss what changed. */
  readonly explain?: boolean;
  /** How a path is shown to the person, and whether in colour. */
  readonly shorten: (path: string) => string;
  readonly colour: boolean;
  /** Sees the action of every unit as it is looked up: the differential test compares them with cargo's calls. */
  readonly observe?: (unit: PlannedUnit, job: Job) => void;
}

export interface CompiledProject {
  readonly project: Project;
  /** What cargo would put into target/<profile>, by the name it has there. */
  readonly outputs: ReadonlyMap<string, Output>;
}

export interface Output extends Artifact {
  /** A program; else a library. */
  readonly program: boolean;
}

export interface Compiled {
  readonly projects: readonly CompiledProject[];
  readonly units: number;
  readonly hits: number;
  readonly misses: number;
}

/** Compiles all projects. A compile error, a script's failure or cargo's refusal is a Failure (exit 1); finished units are kept. */
export async function compile(projects: readonly Project[], options: CompileOptions, context: Context): Promise<Compiled> {
  const planned = await phase('planning', context.report, () => planAll(projects, options, context));
  context.report({ kind: 'planned', units: planned.units.length });
  const actions = await openActionCache(options.cache);
  const path = options.hostEnv['PATH'] ?? '';
  const { sandbox, why } = await probeSandbox(options.sandbox, path, context.signal);
  if (why) context.report({ kind: 'note', text: `building without a sandbox: ${why}` });
  const outcomes = new Map<number, 'hit' | 'built'>();
  // A damaged blob shows when it is staged or handed out; it was dropped, so the next walk finds its maker missing and runs it again.
  for (;;) {
    try {
      const built = await walkOnce(planned, actions, sandbox, outcomes, options, context);
      const projects = planned.roots.map(({ project, units }) => outputsOf(project, units, built));
      await checkOutputs(projects, options.cache);
      const misses = [...outcomes.values()].filter((outcome) => outcome === 'built').length;
      const counts = { units: planned.units.length, hits: planned.units.length - misses, misses };
      return { projects, ...counts };
    } catch (error) {
      if (!(error instanceof DamagedInput)) throw error;
    }
  }
}

/** What is handed out must be whole: a hit says only that its blobs are there. */
async function checkOutputs(projects: readonly CompiledProject[], { content }: Cache): Promise<void> {
  for (const { outputs } of projects) {
    for (const { digest } of outputs.values()) if (!(await content.holds(digest))) throw new DamagedInput(digest);
  }
}

async function planAll(projects: readonly Project[], options: CompileOptions, context: Context): Promise<Plan> {
  const requests = [];
  const reasons = new Map<string, readonly string[]>();
  for (const project of projects) {
    const needsRustSrc = project.buildStd.length > 0;
    const request = {
      env: options.hostEnv,
      cacheDir: options.cache.root,
      wanted: options.toolchain,
      project: project.dir,
      needsRustSrc,
      rustSrc: options.rustSrc,
      otherCacheDir: options.otherCacheDir,
    };
    const choice: ToolchainChoice = await chooseToolchain(request, context);
    if (needsRustSrc) reasons.set(choice.why, [...(reasons.get(choice.why) ?? []), project.name]);
    requests.push({
      cargo: { toolchain: choice.toolchain, hostEnv: options.hostEnv, cache: options.cache },
      project,
      rustSrc: choice.rustSrc,
    });
  }
  for (const [why, names] of reasons) context.report({ kind: 'note', text: `${names.join(', ')} with ${why}` });
  return plan(requests, context);
}

async function walkOnce(
  { units }: Plan,
  actions: ActionCache,
  sandbox: Sandbox,
  outcomes: Map<number, 'hit' | 'built'>,
  options: CompileOptions,
  context: Context,
): Promise<ReadonlyMap<number, BuiltUnit>> {
  const jobs = options.jobs ?? availableParallelism();
  const built = new Map<number, BuiltUnit>();
  const pending = new Map<number, Job>();
  const tools = toolsOf(options, context);
  const reading = pLimit(32);
  const unitAt = (node: number): PlannedUnit => {
    const unit = units[node];
    if (!unit) throw new Error(`the plan has no unit ${node}`);
    return unit;
  };
  const done = (node: number, job: Job, result: BuiltUnit['result']): void => {
    const unit = unitAt(node);
    const directives = isScriptRun(unit.unit) ? parseDirectives(result.stdout, unit.owner.name) : undefined;
    built.set(node, { planned: unit, result, directives });
    for (const { level, rendered } of messages(unit, job, result.stderr, options))
      if (level === 'warning') context.report({ kind: 'diagnostic', unit: unit.label, text: rendered });
    if (!unit.place.foreign)
      for (const text of directives?.warnings ?? [])
        context.report({ kind: 'diagnostic', unit: unit.label, text: `warning: ${unit.owner.name}: ${text}` });
  };
  await walk(
    { dependencies: units.map((unit) => unit.dependencies.map(({ index }) => index)), weights: units.map(() => 1) },
    jobs,
    context.signal,
    {
      lookUp: (node) =>
        reading(async () => {
          const unit = unitAt(node);
          const job = await jobOf(unit, { built, tools: await tools(unit), sandbox: sandbox.kind, cache: options.cache, jobs });
          options.observe?.(unit, job);
          const hit = await actions.lookUp(job);
          if (!hit) {
            if (options.explain) context.report({ kind: 'unit-missed', unit: unit.label, reasons: await actions.explain(job) });
            pending.set(node, job);
            return false;
          }
          done(node, job, hit.result);
          if (!outcomes.has(node)) {
            outcomes.set(node, 'hit');
            const savedMs = hit.result.durationMs;
            context.report({ kind: 'unit-finished', unit: unit.label, outcome: 'hit', durationMs: 0, savedMs, key: hit.key });
          }
          return true;
        }),
      run: async (node) => {
        const unit = unitAt(node);
        const job = pending.get(node);
        if (!job) throw new Error(`${unit.label} runs before it was looked up`);
        context.report({ kind: 'unit-started', unit: unit.label });
        const made = await actions.make(job, sandbox, context);
        if (!made.ok) {
          context.report({ kind: 'unit-failed', unit: unit.label });
          throw failure(unit, job, made, options);
        }
        const errors = isScriptRun(unit.unit) ? parseDirectives(made.result.stdout, unit.owner.name).errors : [];
        if (errors.length > 0)
          throw cannot(`build ${unit.owner.name}`, 'its build script says so', {
            detail: errors.map((error) => `error: ${error}`).join('\n'),
          });
        done(node, job, made.result);
        outcomes.set(node, 'built');
        context.report({ kind: 'unit-finished', unit: unit.label, outcome: 'built', durationMs: made.result.durationMs, key: made.key });
      },
    },
  );
  return built;
}

/** Identities of what the host adds, each found out once. */
function toolsOf(options: CompileOptions, context: Context): (unit: PlannedUnit) => Promise<Tools> {
  const cacheDir = options.cache.root;
  const known = new Map<string, Promise<Tools>>();
  const find = async ({ toolchain, rustSrc, triple }: PlannedUnit): Promise<Tools> => {
    const ownStd = triple === toolchain.host || rustSrc !== undefined;
    const [rustc, target, linker, nativeLibraries] = await Promise.all([
      toolchainIdentity(toolchain, cacheDir),
      ownStd ? undefined : targetIdentity(toolchain, triple, cacheDir),
      linkerIdentity({ env: options.hostEnv, cacheDir }, context),
      nativeLibrariesIdentity(options.cache),
    ]);
    return { rustc, target, linker, nativeLibraries };
  };
  return (unit) => {
    const name = `${unit.toolchain.rustc} ${unit.triple} ${unit.rustSrc === undefined}`;
    const tools = known.get(name) ?? find(unit);
    known.set(name, tools);
    return tools;
  };
}

/** Scripts of -sys crates ask pkg-config: a library that was installed, removed or updated changes its .pc file. */
async function nativeLibrariesIdentity({ digests }: Cache): Promise<Digest> {
  const folders = [
    '/usr/lib/x86_64-linux-gnu/pkgconfig',
    '/usr/lib/aarch64-linux-gnu/pkgconfig',
    '/usr/lib64/pkgconfig',
    '/usr/lib/pkgconfig',
    '/usr/share/pkgconfig',
    '/usr/local/lib/pkgconfig',
  ];
  return digestRecord(await Promise.all(folders.map((folder) => digests.tree(folder).catch(() => null))));
}

function messages(unit: PlannedUnit, job: Job, stderr: string, { shorten, colour }: CompileOptions): readonly Diagnostic[] {
  if (isScriptRun(unit.unit) || stderr === '') return [];
  const baseDir = unit.place.cwd === places.work ? unit.place.hostDir : unit.owner.dir;
  return diagnosticsOf(stderr, { mounts: job.action.mounts, baseDir, shorten, colour });
}

function failure(
  unit: PlannedUnit,
  job: Job,
  made: { readonly stdout: string; readonly stderr: string; readonly exitCode: number | null },
  options: CompileOptions,
): Error {
  if (isScriptRun(unit.unit)) {
    const said = [made.stdout, made.stderr]
      .map((text) => text.trim())
      .filter((text) => text !== '')
      .join('\n');
    return cannot(
      `run the build script of ${unit.owner.name} ${unit.owner.version}`,
      `it ended with status ${made.exitCode ?? 'of a signal'}`,
      {
        detail: said,
        hint: 'it sees declared variables only: --env NAME=VALUE declares one',
      },
    );
  }
  const all = messages(unit, job, made.stderr, options);
  const errors = all.filter(({ level }) => level.startsWith('error'));
  return cannot(
    `compile ${unit.label}`,
    errors.length > 0 ? `rustc found ${plural(errors.length, 'error')}` : `rustc ended with status ${made.exitCode ?? 'of a signal'}`,
    {
      detail: all.map(({ rendered }) => rendered.trimEnd()).join('\n\n'),
    },
  );
}

/** Linked files of the units that were asked for, under the names that cargo gives them. */
function outputsOf(project: Project, roots: readonly number[], built: ReadonlyMap<number, BuiltUnit>): CompiledProject {
  const outputs = new Map<string, Output>();
  for (const root of roots) {
    const unit = built.get(root);
    if (!unit || isScriptRun(unit.planned.unit)) continue;
    const {
      hash,
      unit: { target },
    } = unit.planned;
    for (const artifact of unit.result.artifacts) {
      if (/\.(d|rmeta)$/.test(artifact.path)) continue;
      const plain = artifact.path.replace(`-${hash}`, '');
      const crate = target.name.replaceAll('-', '_');
      // A program is called as its target, dashes and all; its file is called as its crate.
      const program = target.kind.includes('bin');
      const name = program && plain.startsWith(crate) ? target.name + plain.slice(crate.length) : plain;
      outputs.set(name, { ...artifact, program });
    }
  }
  return { project, outputs };
}
