// The stored answer of a whole build, with all observations of files that the build made. If all of them
// still hold, the next build of the same projects publishes the same files without planning. This only saves
// time. After any change the build runs as usual, and its answer replaces the stored one.
import { isWrittenLooks } from '../../cache/digests/written-looks.ts';
import type { WrittenLooks } from '../../cache/digests/written-looks.ts';
import type { Digest, Json } from '../../core/digest.ts';
import { digestRecord, isDigest } from '../../core/digest.ts';
import type { Context, Event } from '../../core/events.ts';
import { isListOf, isTable, isTexts, isTextTable } from '../../core/stored-values.ts';
import { compilingVariables } from '../cargo/config-files.ts';
import { isTestProgram, outputRoles } from '../compiled.ts';
import type { CompileOptions, Output, TestProgram, UnitLines } from '../compiled.ts';
import type { FileArtifact } from '../../actions/action.ts';
import { compilersFor, targetIdentity } from '../toolchain/identity.ts';
import type { ProjectRequest } from '../plan/plan.ts';
import { sysrootDigest } from '../project.ts';
import type { Project } from '../project.ts';

/** The requested projects, and the toolchains and options to build them. */
export interface BuildQuestion {
  readonly requests: readonly ProjectRequest[];
  readonly options: CompileOptions;
  readonly jobs: number;
}

/** An event that is reported for a build with nothing new. */
export type Told = Extract<Event, { kind: 'unit-finished' | 'diagnostic' | 'units-skipped' }>;

/** The result of a build. */
export interface BuildAnswer {
  readonly units: number;
  /** Hits and messages of the same build with nothing new, in the order in which they are reported. */
  readonly told: readonly Told[];
  /** The outputs of each project. */
  readonly outputs: readonly ReadonlyMap<string, Output>[];
  /** The doc tests of each project. */
  readonly docTests: readonly (readonly TestProgram[])[];
  /** How messages display the folders of the user's packages. */
  readonly shown: Readonly<Record<string, string>>;
  /**
   * The standard libraries of other triples that units were compiled with. The triple of a project may be
   * named only by its configuration.
   */
  readonly targets: readonly TargetLibrary[];
  /** The lines of all units, if they were requested. */
  readonly unitLines: UnitLines | undefined;
}

/** The standard library of a triple that belongs to the toolchain. */
export interface TargetLibrary {
  /** The path of the toolchain's rustc. */
  readonly rustc: string;
  readonly triple: string;
  readonly digest: Digest | null;
}

export interface BuildMemory {
  /** Returns the answer of the same build, if all its observations still hold. */
  recall(): Promise<BuildAnswer | undefined>;
  /** Stores the answer of a build, with all observations of the cache so far. */
  keep(answer: BuildAnswer): Promise<void>;
}

/** An answer, and the observations of the build that returned it. */
interface Kept extends BuildAnswer {
  readonly looks: WrittenLooks;
}

/** The kind of these records in the cache. */
const buildsKind = 'builds';

export async function openBuildMemory(question: BuildQuestion, context: Context): Promise<BuildMemory> {
  let known: Promise<Digest> | undefined;
  const key = (): Promise<Digest> => (known ??= keyOf(question, context));
  const { cache, shorten } = question.options;
  const records = await cache.records<Json>(buildsKind, (value): value is Json => isTable(value));
  return {
    async recall() {
      // In a new cache, planning need not wait until the compilers are known.
      const record = (await records.any()) ? await records.get(await key()) : undefined;
      const kept = record === undefined ? undefined : keptOf(record);
      if (!kept || !Object.entries(kept.shown).every(([path, text]) => shorten(path) === text)) return undefined;
      if (!(await haveTargets(question, kept.targets))) return undefined;
      const looks = await cache.digests.holds(kept.looks);
      if (looks === undefined) return undefined;
      if (looks !== kept.looks) await records.put(await key(), recordOf(kept, looks));
      return kept;
    },
    async keep(answer) {
      await records.put(await key(), recordOf(answer, cache.digests.record()));
    },
  };
}

async function keyOf({ requests, options, jobs }: BuildQuestion, context: Context): Promise<Digest> {
  const { hostEnv, sandbox, colour, watchUnits } = options;
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
    format: 8, // increased when the format of a stored answer changes
    wanted,
    given: ['HOME', 'CARGO_HOME'].map((name) => hostEnv[name] ?? null),
    variables: { ...compilingVariables(hostEnv) },
    sandbox,
    colour,
    jobs,
    watched: watchUnits?.question ?? null,
  });
}

function projectJson(project: Project): Json {
  const { packages, bins, features, triple, moreTriples = [], buildStd, buildStdFeatures, ...rest } = project;
  const { cargoConfigs, env, rustcVariable, sysroot, selection = [], command = 'build', clippy, ...words } = rest;
  const lists = { packages, bins, selection, features, moreTriples, buildStd, buildStdFeatures, cargoConfigs };
  return {
    ...words,
    command,
    clippy: clippy ? [...clippy] : null,
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

function recordOf({ units, told, outputs, docTests, shown, targets, unitLines }: BuildAnswer, looks: WrittenLooks): Json {
  return {
    units,
    told: told.map((event): Json => ({ ...event })),
    outputs: outputs.map((ofProject): Json => [...ofProject].map(([name, output]): Json => [name, outputJson(output)])),
    docTests: docTests.map((ofProject): Json => ofProject.map(testJson)),
    shown,
    targets: targets.map((target): Json => ({ ...target })),
    unitLines: unitLines ? { ...unitLines, files: unitLines.files.map((file): Json => ({ ...file })) } : null,
    looks,
  };
}

function outputJson({ test, ...file }: Output): Json {
  return test ? { ...file, test: testJson(test) } : { ...file };
}

function testJson({ files, ...test }: TestProgram): Json {
  return { ...test, files: Object.fromEntries(Object.entries(files).map(([place, one]) => [place, { ...one }] as const)) };
}

/** Returns the record that `recordOf` wrote. Undefined if a field is missing or has another type. */
function keptOf(record: Json): Kept | undefined {
  if (!isTable(record)) return undefined;
  const { units, told, outputs, docTests, shown, targets, unitLines, looks } = record;
  if (typeof units !== 'number' || !isTextTable(shown) || !isWrittenLooks(looks)) return undefined;
  if (!isListOf(told, isTold) || !isListOf(outputs, areOutputs) || !isListOf(targets, isTargetLibrary)) return undefined;
  if (!isListOf(docTests, (tests): tests is readonly TestProgram[] => isListOf(tests, isTestProgram))) return undefined;
  if (unitLines !== null && !isUnitLines(unitLines)) return undefined;
  const answer = { units, told, outputs: outputs.map((rows) => new Map(rows)), docTests, shown, targets };
  return { ...answer, unitLines: unitLines ?? undefined, looks };
}

function isTold(value: unknown): value is Told {
  if (!isTable(value)) return false;
  const { kind, unit, text, outcome, durationMs, savedMs, key, units } = value;
  if (kind === 'diagnostic') return typeof unit === 'string' && typeof text === 'string';
  if (kind === 'units-skipped') return typeof units === 'number' && typeof savedMs === 'number';
  const timed = typeof durationMs === 'number' && (savedMs === undefined || typeof savedMs === 'number');
  return kind === 'unit-finished' && typeof unit === 'string' && (outcome === 'hit' || outcome === 'built') && timed && isDigest(key);
}

/** Whether a value is a list of a project's outputs with their names. */
function areOutputs(value: unknown): value is readonly (readonly [string, Output])[] {
  return isListOf(value, (row): row is readonly [string, Output] => Array.isArray(row) && typeof row[0] === 'string' && isOutput(row[1]));
}

function isOutput(value: unknown): value is Output {
  if (!isTable(value)) return false;
  const { role, test } = value;
  const isRun = role === 'test' ? isTestProgram(test) : test === undefined;
  return isFile(value) && isRun && outputRoles.some((one) => one === role);
}

function isFile(value: unknown): value is FileArtifact {
  if (!isTable(value)) return false;
  const { kind, path, digest, sizeBytes, executable } = value;
  const isSized = typeof sizeBytes === 'number' && typeof executable === 'boolean';
  return kind === 'file' && typeof path === 'string' && isDigest(digest) && isSized;
}

function isUnitLines(value: unknown): value is UnitLines {
  if (!isTable(value)) return false;
  return isTexts(value['lines']) && isTexts(value['folders']) && isListOf(value['files'], isFile);
}

function isTargetLibrary(value: unknown): value is TargetLibrary {
  if (!isTable(value)) return false;
  const { rustc, triple, digest } = value;
  return typeof rustc === 'string' && typeof triple === 'string' && (digest === null || isDigest(digest));
}
