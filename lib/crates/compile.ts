// Compiles projects: plan, look every unit up, run what is missing, hand back what was asked for. One walk over one graph for all
// projects. Knows neither tasks nor systems.
import { availableParallelism } from 'node:os';
import type { Artifact } from '../build/action.ts';
import { DamagedInput } from '../build/execute.ts';
import { openJobserver } from '../build/jobserver.ts';
import type { Jobserver } from '../build/jobserver.ts';
import { openActionCache } from '../build/lookup.ts';
import type { Job } from '../build/lookup.ts';
import { probeSandbox } from '../build/sandbox.ts';
import type { Cache } from '../cache/cache.ts';
import { phase } from '../core/events.ts';
import type { Context } from '../core/events.ts';
import { grant } from './allowance.ts';
import type { Allowances } from './allowance.ts';
import { openDeepKeys } from './deep-key.ts';
import { toolsOf } from './host-tools.ts';
import { plan } from './plan.ts';
import type { Plan, PlannedUnit } from './plan.ts';
import type { Project } from './project.ts';
import { recordedMs } from './saved-time.ts';
import { chooseToolchain } from './toolchain-choice.ts';
import type { ToolchainChoice } from './toolchain-choice.ts';
import type { BuiltUnit } from './unit-action.ts';
import { isScriptRun } from './unit-graph.ts';
import { buildUnits } from './unit-walk.ts';

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
  /** --allow: what packages may do beyond the sandbox. */
  readonly allow?: Allowances;
  /** --explain: report for each miss what changed. */
  readonly explain?: boolean;
  /** How a path is shown to the person, and whether in colour. */
  readonly shorten: (path: string) => string;
  readonly colour: boolean;
  /**
   * Takes over what a project was compiled to. It throws DamagedInput where a blob turns out damaged: then its maker runs again, and all projects
   * are handed over anew. Without it, the outputs are only checked to be whole.
   */
  readonly handOver?: (compiled: CompiledProject) => Promise<void>;
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
  const path = options.hostEnv['PATH'] ?? '';
  const [planned, actions, { sandbox, why }] = await Promise.all([
    phase('planning', context.report, () => planAll(projects, options, context)),
    openActionCache(options.cache),
    probeSandbox(options.sandbox, path, context.signal),
  ]);
  context.report({ kind: 'planned', units: planned.units.length });
  if (why) context.report({ kind: 'note', text: `building without a sandbox: ${why}` });
  const deep = await openDeepKeys(options.cache, sandbox.kind);
  const jobs = options.jobs ?? availableParallelism();
  let pipe: Promise<Jobserver> | undefined;
  const jobserver = (): Promise<Jobserver> => (pipe ??= openJobserver(options.cache.tmpDir, jobs, context));
  const { cache, explain = false, observe, shorten, colour } = options;
  const handOver = options.handOver ?? ((compiled: CompiledProject) => checkOutputs(compiled, cache));
  const tools = toolsOf(options, context);
  const ran = new Set<number>();
  const work = {
    plan: planned,
    cache,
    actions,
    deep,
    sandbox,
    tools,
    jobs,
    home: options.hostEnv['HOME'],
    jobserver,
    showing: { shorten, colour },
    explain,
    observe,
    ran,
    told: new Set<number>(),
  };
  try {
    // A damaged blob shows when it is staged or handed out; it was dropped, so the next walk finds its maker missing and runs it again.
    for (;;) {
      try {
        const built = await buildUnits(work, context);
        const outputs = planned.roots.map(({ project, units }) => outputsOf(project, units, built));
        for (const output of outputs) await handOver(output);
        const skipped = planned.units.flatMap(({ hash }, node) => (built.has(node) ? [] : [hash]));
        context.report({ kind: 'units-skipped', units: skipped.length, savedMs: await recordedMs(skipped, cache) });
        const units = planned.units.length;
        return { projects: outputs, units, hits: units - ran.size, misses: ran.size };
      } catch (error) {
        if (!(error instanceof DamagedInput)) throw error;
      }
    }
  } finally {
    (await pipe)?.close();
  }
}

/** What is handed out must be whole: a hit says only that its blobs are there. */
async function checkOutputs({ outputs }: CompiledProject, { content }: Cache): Promise<void> {
  for (const { digest } of outputs.values()) if (!(await content.holds(digest))) throw new DamagedInput(digest);
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
  const { units, roots } = await plan(requests, context);
  return { units: await grant(units, options.allow ?? {}, options.cache), roots };
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
