// The steps of tasks/crates.ts: choosing the projects, writing their programs, running their tests, and the
// report.
import { basename, relative, resolve } from 'node:path';
import { readFile } from 'node:fs/promises';
import { openCache, withDigests } from '../../cache/cache.ts';
import type { Cache } from '../../cache/cache.ts';
import type { Json } from '../../core/digest.ts';
import { cannot } from '../../core/errors.ts';
import type { Report } from '../../core/events.ts';
import { compile } from '../../crates/compile.ts';
import type { Compiled, CompiledProject, UnitWatch } from '../../crates/compiled.ts';
import { projectSet } from '../../crates/project.ts';
import { publish } from '../../crates/compiled.ts';
import type { HeadStart } from '../../crates/run/head-start.ts';
import type { Project, Sysroot } from '../../crates/project.ts';
import { processCost, watchBuild } from '../../report/build-recorder.ts';
import type { BuildWatch } from '../../report/build-recorder.ts';
import { cacheDirOf, repository } from '../task.ts';
import { compilerOptions, declaredEnv, noteBareBuild } from '../flags/compiler-flags.ts';
import type { Task } from '../task.ts';
import type { Outcome } from '../../core/events.ts';

/** The tools to compile projects. */
export interface ProjectCompiler {
  readonly task: Task;
  readonly cache: Cache;
  readonly watch: BuildWatch;
  /** The folder in which programs are written. */
  readonly out: string;
  /** The time at which the task began, by `performance.now()`. */
  readonly startMs: number;
  /** With --run-tests: the module that runs tests. */
  readonly tests: TestRuns | undefined;
  /** With --message-format json: the printer of cargo's lines. */
  readonly messages: ReturnType<Messages['cargoMessages']> | undefined;
  /** A compilation that may have begun before the command line was read. */
  readonly headStart: HeadStart | undefined;
}

/** Compiled projects, and the paths of written files by project and name of the program. */
export interface PublishedBuild {
  readonly compiled: Compiled;
  readonly paths: ReadonlyMap<string, Readonly<Record<string, string>>>;
}

/** The result of the tests of a build. */
export type TestOutcome = Awaited<ReturnType<TestRuns['testResults']>>;

/** What an earlier step has opened. */
export interface OpenedBefore {
  /** A cache, which is used and left open. */
  readonly cache?: Cache | undefined;
  /** A compilation that may have begun, with the folder of its cache. */
  readonly headStart?: HeadStart | undefined;
}

/** Opens the cache, and closes it however the build ends. */
export async function withCompiler(
  task: Task,
  build: (compiler: ProjectCompiler) => Promise<Outcome>,
  { cache: opened, headStart }: OpenedBefore = {},
): Promise<Outcome> {
  const { args, path } = task;
  const startMs = performance.now();
  const out = path(args.text('out') ?? 'out');
  const watch = watchBuild(task);
  const dir = cacheDirOf(task);
  const folder = headStart?.takeFolder(dir, watch.report);
  const cache = opened ?? (folder ? withDigests(folder) : await openCache(dir, process.pid, watch.report));
  try {
    const tests = args.has('run-tests') && !args.has('no-run') ? await testsPart() : undefined;
    return await build({ task, cache, watch, out, startMs, tests, messages: await messagesOf(task, out, cache), headStart });
  } finally {
    watch.stop();
    await headStart?.close();
    if (!opened) await cache.close();
  }
}

/** Compiles the projects. The programs of each project are written as soon as it is compiled. */
export async function compileAndPublish(projects: readonly Project[], compiler: ProjectCompiler): Promise<PublishedBuild> {
  const { task, cache, watch, out, messages, headStart } = compiler;
  const isSet = task.args.text('set') !== undefined;
  const paths = new Map<string, Readonly<Record<string, string>>>();
  const handOver = async (compiled: CompiledProject): Promise<void> => {
    const { name } = compiled.project;
    paths.set(name, await publish(compiled, isSet ? resolve(out, name) : out, cache));
  };
  const sysroot = await sysrootOf(task, cache);
  const linked = sysroot ? projects.map((project) => ({ ...project, sysroot })) : projects;
  const report = messages ? messages.quiet(watch.report) : watch.report;
  const watched = messages ? { watchUnits: messages.watch } : {};
  let success = false;
  try {
    const compiled = await compile(
      linked,
      { cache, ...compilerOptions(task), ...watched, handOver, headStart },
      { signal: task.signal, report },
    );
    success = true;
    return { compiled, paths };
  } finally {
    await messages?.finish(success);
  }
}

/** With --run-tests, runs the tests of the build. Otherwise returns undefined. */
export async function runTests({ compiled, paths }: PublishedBuild, compiler: ProjectCompiler): Promise<TestOutcome | undefined> {
  const { task, tests, out, cache } = compiler;
  return await tests?.testResults(task, compiled.projects, paths, out, cache);
}

/**
 * Prints the paths of programs, unless lines or tests are printed, and the time of the build. Returns the
 * object of --json, without the tests.
 */
export async function reportBuild({ compiled, paths }: PublishedBuild, compiler: ProjectCompiler): Promise<Readonly<Record<string, Json>>> {
  const { task, cache, watch, startMs, tests, messages } = compiler;
  if (!task.args.has('json') && !tests && !messages)
    for (const path of [...paths.values()].flatMap((one) => Object.values(one))) task.print(relative(task.host.cwd, path) || path);
  const seconds = rounded((performance.now() - startMs) / 1000);
  const { projects, units, hits, misses } = compiled;
  const title = projects.map(({ project }) => project.name).join(', ');
  const recorded = await watch.finish(title, compiled, { cache, name: title });
  noteBareBuild(task);
  return {
    projects: projects.map(({ project: { name } }) => ({ name, bins: { ...paths.get(name) } })),
    units,
    hits,
    misses,
    seconds,
    ...recorded,
  };
}

/** Returns the outcome of the task: the build, its tests, and the processor time and memory of both. */
export async function outcomeOf(build: Readonly<Record<string, Json>>, tested: TestOutcome | undefined): Promise<Outcome> {
  const { childCpuSeconds, ownCpuSeconds, peakBytes } = await processCost();
  const cost = { cpuSeconds: rounded(childCpuSeconds + ownCpuSeconds), ownCpuSeconds: rounded(ownCpuSeconds), peakBytes };
  return { ...(tested ? { exitCode: tested.exitCode } : {}), json: { ...build, ...cost, ...tested?.json } };
}

/** Refuses flags that exclude each other, and flags without the ones that they need. */
function checkFlags(args: Task['args']): void {
  const commands = ['run-tests', 'check', 'clippy'].filter((flag) => args.has(flag));
  const both = commands[1] ?? (args.has('json') && args.text('message-format')?.startsWith('json') ? 'message-format' : undefined);
  if (both !== undefined) {
    throw cannot('read the command line', `--${commands[1] ? commands[0] : 'json'} and --${both} exclude each other`, { blame: 'usage' });
  }
  if (args.has('no-run') && args.has('doc')) {
    throw cannot('read the command line', '--no-run and --doc exclude each other: tests of documentation are compiled as they run', {
      blame: 'usage',
    });
  }
  if (args.has('run-tests')) return;
  const given = ['no-run', 'doc', 'per-test', 'no-fail-fast', 'rerun', 'junit'].find(
    (flag) => args.has(flag) || args.text(flag) !== undefined,
  );
  const what = given === undefined ? undefined : `--${given}`;
  if (what !== undefined) throw cannot(`use ${what}`, 'it needs --run-tests', { blame: 'usage' });
  if (args.after !== undefined && !args.has('clippy')) {
    throw cannot('use words after "--"', 'they need --run-tests or --clippy', { blame: 'usage' });
  }
}

/** Returns the projects that the command line names. Contradicting flags and words are Failures (usage). */
export async function chosenProjects(task: Task): Promise<readonly Project[]> {
  const { args, host, path } = task;
  checkFlags(args);
  const [dir] = args.words;
  const set = args.text('set');
  if ((dir === undefined) === (set === undefined)) {
    throw cannot('read the command line', 'it needs either <cargo project> or --set FILE', {
      blame: 'usage',
      hint: 'see npx zx tasks/crates.ts --help',
    });
  }
  const split = (values: readonly string[]): string[] => values.flatMap((value) => value.split(/[\s,]+/)).filter((value) => value !== '');
  const [triple, ...moreTriples] = args.list('triple').map((word) => (word.endsWith('.json') ? path(word) : word));
  const defaults: Project = {
    name: '',
    dir: '',
    packages: args.list('package'),
    bins: args.list('bin'),
    lib: args.has('lib'),
    selection: selectionOf(args),
    ...commandOf(args),
    features: split(args.list('features')),
    defaultFeatures: !args.has('no-default-features'),
    profile: args.text('profile') ?? (args.has('release') ? 'release' : 'dev'),
    triple,
    moreTriples,
    buildStd: split([args.text('build-std') ?? '']),
    buildStdFeatures: split([args.text('build-std-features') ?? '']),
    cargoConfigs: args.list('cargo-config').map(path),
    locked: args.has('locked'),
    env: declaredEnv(args.list('env'), host.env),
  };
  if (dir !== undefined) return [{ ...defaults, name: basename(path(dir)), dir: path(dir) }];
  const file = path(set ?? '');
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw cannot(`read "${file}"`, 'it cannot be opened', { blame: 'usage', cause: error });
  });
  return projectSet(text, file, defaults);
}

function commandOf(args: Task['args']): Pick<Project, 'command' | 'clippy'> {
  if (args.has('run-tests')) return { command: 'test' };
  if (args.has('clippy')) return { command: 'check', clippy: args.after ?? [] };
  return args.has('check') ? { command: 'check' } : {};
}

/** Returns the arguments of cargo for the flags of the same names. */
function selectionOf(args: Task['args']): readonly string[] {
  const targets = ['bins', 'examples', 'tests', 'benches', 'all-targets', 'doc', 'workspace'];
  const plain = [...targets, 'all-features', 'ignore-rust-version'].flatMap((flag) => (args.has(flag) ? [`--${flag}`] : []));
  const named = ['example', 'test', 'bench', 'exclude'].flatMap((flag) => args.list(flag).map((value) => `--${flag}=${value}`));
  return [...plain, ...named];
}

/** The exports of lib/cli/tasks/cargo-test-task.ts. */
interface TestRuns {
  testResults(
    task: Task,
    projects: readonly CompiledProject[],
    paths: ReadonlyMap<string, Readonly<Record<string, string>>>,
    out: string,
    cache: Cache,
  ): Promise<{ readonly exitCode: number; readonly json: Readonly<Record<string, Json>> }>;
}

async function testsPart(): Promise<TestRuns> {
  const { optionalPart } = await import('../optional-parts.ts');
  return await optionalPart<TestRuns>(repository, 'tests', 'run tests', ['testResults']);
}

/** The exports of lib/cli/tasks/cargo-messages-task.ts. */
interface Messages {
  cargoMessages(
    task: Task,
    out: string,
    cache: Cache,
    ansi: boolean,
  ): {
    readonly watch: UnitWatch;
    readonly quiet: (report: Report) => Report;
    finish(success: boolean): Promise<void>;
  };
}

async function messagesOf(task: Task, out: string, cache: Cache): Promise<ReturnType<Messages['cargoMessages']> | undefined> {
  const format = task.args.text('message-format') ?? 'human';
  if (format === 'human') return undefined;
  if (format !== 'json' && format !== 'json-diagnostic-rendered-ansi') {
    const hint = 'the formats are human, json and json-diagnostic-rendered-ansi';
    throw cannot(`use --message-format "${format}"`, 'there is no such format', { blame: 'usage', hint });
  }
  const { optionalPart } = await import('../optional-parts.ts');
  const { cargoMessages } = await optionalPart<Messages>(repository, 'cargo-messages', 'print the lines of cargo', ['cargoMessages']);
  return cargoMessages(task, out, cache, format !== 'json');
}

/** The exports of lib/cookbook/cross-tools.ts. */
interface Sysroots {
  folderSysroot(triple: string, folder: string, cache: Cache, signal: AbortSignal): Promise<Sysroot>;
}

/** Returns the folder of --sysroot, for the one triple whose C library it contains. */
async function sysrootOf({ args, path, signal }: Task, cache: Cache): Promise<Sysroot | undefined> {
  const folder = args.text('sysroot');
  if (folder === undefined) return undefined;
  const [triple, other] = args.list('triple');
  if (triple === undefined || other !== undefined || triple.endsWith('.json')) {
    throw cannot('use --sysroot', 'it is for one triple, which --triple has to name', { blame: 'usage' });
  }
  const { optionalPart } = await import('../optional-parts.ts'); // few builds need it
  const { folderSysroot } = await optionalPart<Sysroots>(repository, 'sysroots', 'use --sysroot', ['folderSysroot']);
  return await folderSysroot(triple, path(folder), cache, signal);
}

function rounded(seconds: number): number {
  return Math.round(seconds * 100) / 100;
}
