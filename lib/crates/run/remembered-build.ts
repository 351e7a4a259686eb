// A whole build that is remembered with everything it looked at: when all of that is as it was, the next build of the same projects hands
// out the same files without planning anything. It only saves work: whatever differs leads to a build as usual, which is remembered in its stead.
import { isWrittenLooks } from '../../cache/digests/written-looks.ts';
import type { WrittenLooks } from '../../cache/digests/written-looks.ts';
import type { Digest, Json } from '../../core/digest.ts';
import { digestRecord } from '../../core/digest.ts';
import type { Context, Event } from '../../core/events.ts';
import { compilingVariables } from '../cargo/config-files.ts';
import type { CompileOptions, Output } from '../compiled.ts';
import { compilersFor, targetIdentity } from '../toolchain/identity.ts';
import type { ProjectRequest } from '../plan/plan.ts';
import { sysrootDigest } from '../project.ts';
import type { Project } from '../project.ts';

/** What is wanted, and by what it is made. */
export interface BuildQuestion {
  readonly requests: readonly ProjectRequest[];
  readonly options: CompileOptions;
  readonly jobs: number;
}

/** What a build came to. */
export interface BuildAnswer {
  readonly units: number;
  /** Hits and messages of the same build with nothing new, in the order in which they are told. */
  readonly told: readonly Event[];
  /** The outputs of each project. */
  readonly outputs: readonly ReadonlyMap<string, Output>[];
  /** How the folders of the person's packages were shown to him in messages. */
  readonly shown: Readonly<Record<string, string>>;
  /** The standard libraries of other targets that units were compiled with: what a project is compiled for may be known to its configuration alone. */
  readonly targets: readonly TargetLibrary[];
}

/** The toolchain's own standard library of a target. */
export interface TargetLibrary {
  /** The path of the toolchain's rustc. */
  readonly rustc: string;
  readonly triple: string;
  readonly digest: Digest | null;
}

export interface BuildMemory {
  /** What the same build came to, if everything it looked at is as it was. */
  recall(): Promise<BuildAnswer | undefined>;
  /** Remembers a build with what the cache looked at so far. */
  keep(answer: BuildAnswer): Promise<void>;
}

interface Kept {
  readonly [key: string]: Json;
  readonly units: number;
  readonly told: readonly Json[];
  readonly outputs: readonly Json[];
  readonly shown: Readonly<Record<string, string>>;
  readonly targets: readonly Json[];
  readonly looks: WrittenLooks;
}

/** The kind of its records in the cache. */
const buildsKind = 'builds';

export async function openBuildMemory(question: BuildQuestion, context: Context): Promise<BuildMemory> {
  let known: Promise<Digest> | undefined;
  const key = (): Promise<Digest> => (known ??= keyOf(question, context));
  const { cache, shorten } = question.options;
  const records = await cache.records<Kept>(buildsKind, isKept);
  return {
    async recall() {
      // In a new cache, planning need not wait until compilers are known.
      const kept = (await records.any()) ? await records.get(await key()) : undefined;
      if (!kept || !Object.entries(kept.shown).every(([path, text]) => shorten(path) === text)) return undefined;
      if (!(await haveTargets(question, targetsIn(kept)))) return undefined;
      const looks = await cache.digests.holds(kept.looks);
      if (looks === undefined) return undefined;
      if (looks !== kept.looks) await records.put(await key(), { ...kept, looks });
      return answerOf(kept);
    },
    async keep({ units, told, outputs, shown, targets }) {
      const rows = outputs.map((ofProject) => [...ofProject].map(([name, output]): Json => [name, { ...output }]));
      const libraries = targets.map((target): Json => ({ ...target }));
      await records.put(await key(), {
        units,
        told: told.map((event): Json => ({ ...event })),
        outputs: rows,
        shown,
        targets: libraries,
        looks: cache.digests.record(),
      });
    },
  };
}

async function keyOf({ requests, options, jobs }: BuildQuestion, context: Context): Promise<Digest> {
  const { hostEnv, sandbox, colour } = options;
  const toolchains = new Map(requests.map(({ cargo: { toolchain } }) => [toolchain.rustc, toolchain]));
  const identities = new Map<string, Json>();
  for (const [path, toolchain] of toolchains) {
    const { rustc, linker } = await compilersFor({ toolchain, triple: toolchain.host, ownStd: true }, options, context);
    identities.set(path, [rustc, linker]);
  }
  const wanted = requests.map(({ cargo: { toolchain }, project, rustSrc }): Json => [
    projectJson(project),
    identities.get(toolchain.rustc) ?? null,
    rustSrc?.digest ?? null,
  ]);
  return digestRecord({
    format: 4, // raised when an answer is written down in another way
    wanted,
    given: ['HOME', 'CARGO_HOME'].map((name) => hostEnv[name] ?? null),
    variables: { ...compilingVariables(hostEnv) },
    sandbox,
    colour,
    jobs,
  });
}

function projectJson(project: Project): Json {
  const { packages, bins, features, triple, moreTriples = [], buildStd, buildStdFeatures, cargoConfigs, env, rustcVariable, sysroot, ...words } = project;
  const lists = { packages, bins, features, moreTriples, buildStd, buildStdFeatures, cargoConfigs };
  return {
    ...words,
    triple: triple ?? null,
    lists: Object.entries(lists).map(([name, list]) => [name, [...list]]),
    env: { ...env },
    rustcVariable: rustcVariable ?? null,
    ...(sysroot ? { sysroot: sysrootDigest(sysroot) } : {}),
  };
}

/** Whether the toolchains still have the same standard libraries. */
async function haveTargets({ requests, options }: BuildQuestion, targets: readonly TargetLibrary[]): Promise<boolean> {
  for (const { rustc, triple, digest } of targets) {
    const request = requests.find(({ cargo }) => cargo.toolchain.rustc === rustc);
    if (!request || ((await targetIdentity(request.cargo.toolchain, triple, options.cache.root)) ?? null) !== digest) return false;
  }
  return true;
}

function targetsIn({ targets }: Kept): readonly TargetLibrary[] {
  return targets as unknown as readonly TargetLibrary[];
}

function answerOf(kept: Kept): BuildAnswer {
  const { units, told, outputs, shown } = kept;
  return {
    units,
    told: told as unknown as readonly Event[],
    outputs: outputs.map((rows) => new Map(rows as unknown as readonly [string, Output][])),
    shown,
    targets: targetsIn(kept),
  };
}

/** Records carry the digest of their text, so what has the right fields was written by `keep`. */
function isKept(value: Json): value is Kept {
  if (typeof value !== 'object' || value === null || !('looks' in value) || !('shown' in value) || !('targets' in value)) return false;
  const { told, outputs, targets, looks } = value;
  return isWrittenLooks(looks) && [told, outputs, targets].every((list) => Array.isArray(list));
}
