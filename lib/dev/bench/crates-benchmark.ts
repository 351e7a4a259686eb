// Measures compilation and compares it with cargo on one machine, alternately. Cases: single programs cold,
// all programs, a second checkout, no change, touched files, and an edit. Returns only numbers.
// crates-benchmark-table.ts formats them.
import { appendFile, rm, stat, utimes } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { absentAsUndefined, cannot } from '../../core/errors.ts';
import type { Context } from '../../core/events.ts';
import { pathOf } from '../../core/paths.ts';
import { findProgram, run } from '../../core/sh.ts';
import { selectionArgs } from '../../crates/project.ts';
import type { Project } from '../../crates/project.ts';
import { checkOut, leafFile, workspaceSubject } from './crates-workload.ts';
import type { Checkout, EditSubject, Workload } from './crates-workload.ts';
import { processCost } from '../../report/build-recorder.ts';
import { taskResult, unitsBuilt } from '../stress/task-result.ts';

/** The cost of one run of a command. Only runs of this project have the last three fields. */
export interface Cost {
  readonly wallMs: number;
  readonly cpuMs: number;
  readonly ownCpuMs?: number;
  readonly peakBytes?: number;
  readonly misses?: number;
}

/** The runs of one case, in order. */
export interface Case {
  readonly name: string;
  readonly cargo: readonly Cost[];
  readonly ours: readonly Cost[];
  /** Empty if sccache is not installed. */
  readonly sccache: readonly Cost[];
}

export interface BenchmarkRequest {
  readonly workload: Workload;
  readonly repeat: number;
  /** A temporary folder for checkouts, target directories and caches. */
  readonly scratch: string;
  readonly env: Readonly<Record<string, string>>;
}

const repository = resolve(import.meta.dirname, '../../..');

/** Runs all cases and returns them in the order of the table. */
export async function benchmarkCrates(request: BenchmarkRequest, context: Context): Promise<readonly Case[]> {
  const { workload, repeat, scratch } = request;
  const one = await checkOut(workload, join(scratch, 'one'), context);
  const two = await checkOut(workload, join(scratch, 'two'), context);
  const bench = { ...request, context, sccache: await findProgram('sccache', pathOf(request.env)) };
  const cases: Case[] = [];
  const done = (found: readonly Case[]): void => {
    cases.push(...found);
    context.report({ kind: 'note', text: `measured ${found.map(({ name }) => name).join(', ')}` });
  };
  for (const project of one.projects) done([await coldProgram(bench, project, repeat)]);
  done(await everything(bench, one, two, repeat));
  for (const project of one.projects) done([await edited(bench, project, repeat)]);
  if (bench.sccache) await run([bench.sccache, '--stop-server'], { cwd: scratch, env: sccacheEnv(bench), signal: context.signal });
  return cases;
}

/**
 * Measures the inner loop of each program in its own dev and release profile, alternately with cargo: no
 * change, and one edited line. `members`: also measures a workspace with so many members. 0 measures none.
 */
export async function benchmarkEdits(request: BenchmarkRequest, members: number, context: Context): Promise<readonly Case[]> {
  const { workload, scratch } = request;
  const subjects: EditSubject[] = [];
  if (workload.projects.length > 0) {
    const { projects } = await checkOut(workload, join(scratch, 'programs'), context);
    for (const project of projects) subjects.push({ project, file: await leafFile(project) });
  }
  if (members > 0) subjects.push(await workspaceSubject(members, join(scratch, 'workspace')));
  const bench = { ...request, context, sccache: undefined };
  const cases: Case[] = [];
  for (const { project, file } of subjects) {
    for (const profile of ['dev', 'release']) {
      cases.push(...(await editedByTurns(bench, { project: { ...project, profile }, file })));
      context.report({ kind: 'note', text: `measured ${project.name} ${profile}` });
    }
  }
  return cases;
}

async function editedByTurns(bench: Bench, { project, file }: EditSubject): Promise<readonly Case[]> {
  const { scratch, repeat } = bench;
  const { name, profile } = project;
  const folder = join(scratch, name.replaceAll(' ', '-'));
  const [target, out] = [`${folder}-target`, `${folder}-${profile}`];
  const byCargo = (): Promise<Cost> => cargo(bench, project, target);
  const byUs = (): Promise<Cost> => ours(bench, [...words(project), '--profile', profile, '--cache', cacheDir(bench), '--out', out]);
  const unchanged = { name: `${name} ${profile}, nothing changed`, cargo: [] as Cost[], ours: [] as Cost[], sccache: [] };
  const edit = { name: `${name} ${profile}, one line edited`, cargo: [] as Cost[], ours: [] as Cost[], sccache: [] };
  await Promise.all([byCargo(), byUs()]);
  for (let round = 0; round < repeat; round++) {
    unchanged.cargo.push(await byCargo());
    unchanged.ours.push(await byUs());
    await appendFile(file, `// edit ${round} of the ${profile} profile\n`);
    edit.cargo.push(await byCargo());
    edit.ours.push(await byUs());
  }
  return [unchanged, edit];
}

interface Bench extends BenchmarkRequest {
  readonly context: Context;
  readonly sccache: string | undefined;
}

/** Measures a build from empty folders with the profile that the project itself declares. */
async function coldProgram(bench: Bench, project: Project, repeat: number): Promise<Case> {
  const { scratch } = bench;
  const cases: Case & { cargo: Cost[]; ours: Cost[] } = { name: `${project.name} cold`, cargo: [], ours: [], sccache: [] };
  for (let round = 0; round < repeat; round++) {
    const [target, cache] = [join(scratch, 'cold-target'), join(scratch, 'cold-cache')];
    cases.cargo.push(await cargo(bench, project, target));
    cases.ours.push(await ours(bench, [...words(project), '--release', '--cache', cache, '--out', join(scratch, 'cold-out')]));
    for (const dir of [target, cache, join(scratch, 'cold-out')]) await rm(dir, { recursive: true, force: true });
  }
  return cases;
}

/**
 * Measures all programs with the system profile: cold, unchanged, touched, and from a second checkout. cargo
 * has a target directory for each program.
 */
async function everything(bench: Bench, one: Checkout, two: Checkout, repeat: number): Promise<readonly Case[]> {
  const set = (checkout: Checkout, out: string): Promise<Cost> =>
    ours(bench, ['--set', checkout.setFile, '--profile', 'system', '--cache', cacheDir(bench), '--out', join(bench.scratch, out)]);
  const eachByCargo = async ({ projects }: Checkout, folder: string, wrapper?: string): Promise<Cost> => {
    let sum: Cost = { wallMs: 0, cpuMs: 0 };
    for (const project of projects)
      sum = added(sum, await cargo(bench, system(project), join(bench.scratch, folder, project.name), wrapper));
    return sum;
  };
  const times = async (work: () => Promise<Cost>): Promise<readonly Cost[]> => {
    const costs: Cost[] = [];
    for (let round = 0; round < repeat; round++) costs.push(await work());
    return costs;
  };
  const name = (what: string): string => (one.projects.length === 1 ? `system profile, ${what}` : `all ${one.projects.length}, ${what}`);

  const cold: Case = {
    name: name('cold'),
    cargo: [await eachByCargo(one, 'cargo')],
    ours: [await set(one, 'out')],
    sccache: bench.sccache ? [await eachByCargo(one, 'sccache-one', bench.sccache)] : [],
  };
  const unchanged: Case = {
    name: name('nothing changed'),
    cargo: await times(() => eachByCargo(one, 'cargo')),
    ours: await times(() => set(one, 'out')),
    sccache: [],
  };
  // cargo treats a touched file as changed, and its figure includes that cost.
  const touch = async (): Promise<void> => {
    for (const project of one.projects) {
      const leaf = await leafFile(project);
      const nowSeconds = (performance.timeOrigin + performance.now()) / 1000;
      await utimes(leaf, nowSeconds, nowSeconds);
      const readme = join(project.dir, 'README.md');
      // A new README would be a real change, because cargo passes its name to the compiler.
      if (await absentAsUndefined(stat(readme))) await appendFile(readme, '\n');
    }
  };
  await touch();
  const touchedByUs = [await set(one, 'out')];
  const touched: Case = {
    name: name('main.rs touched, README edited'),
    cargo: [await eachByCargo(one, 'cargo')],
    ours: touchedByUs,
    sccache: [],
  };
  const second: Case = {
    name: name('second checkout'),
    cargo: [await eachByCargo(two, 'cargo-two')],
    ours: [await set(two, 'out-two')],
    sccache: bench.sccache ? [await eachByCargo(two, 'sccache-two', bench.sccache)] : [],
  };
  return [cold, unchanged, touched, second];
}

/**
 * Measures an edit that adds another function to the program's own file each time. The target directory and
 * cache are those of the earlier cases.
 */
async function edited(bench: Bench, project: Project, repeat: number): Promise<Case> {
  const { scratch } = bench;
  const cases: Case & { cargo: Cost[]; ours: Cost[] } = { name: `${project.name} edited`, cargo: [], ours: [], sccache: [] };
  const file = await leafFile(project);
  for (let round = 0; round < repeat; round++) {
    await appendFile(file, `\n#[allow(dead_code)]\nfn added_by_the_benchmark_${round}() -> u32 {\n    ${round}\n}\n`);
    cases.cargo.push(await cargo(bench, system(project), join(scratch, 'cargo', project.name)));
    cases.ours.push(
      await ours(bench, [...words(project), '--profile', 'system', '--cache', cacheDir(bench), '--out', join(scratch, 'edit-out')]),
    );
  }
  return cases;
}

function system(project: Project): Project {
  return { ...project, profile: 'system' };
}

function cacheDir({ scratch }: BenchmarkRequest): string {
  return join(scratch, 'cache');
}

/** Returns the arguments of a project for this project's command line. */
function words({ dir, packages, bins, features, defaultFeatures, env }: Project): readonly string[] {
  const repeated = (flag: string, values: readonly string[]): string[] => values.flatMap((value) => [flag, value]);
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  return [
    dir,
    ...repeated('--package', packages),
    ...repeated('--bin', bins),
    ...repeated('--features', features),
    ...(defaultFeatures ? [] : ['--no-default-features']),
    ...repeated('--env', variables),
  ];
}

/**
 * Runs cargo without a named target, as is usual. cargo then builds units that host and target have in common
 * only once.
 */
async function cargo(bench: Bench, project: Project, targetDir: string, wrapper?: string): Promise<Cost> {
  const selection = selectionArgs(project, []);
  const env = { ...bench.env, ...project.env, CARGO_TARGET_DIR: targetDir, ...(wrapper === undefined ? {} : sccacheEnv(bench, wrapper)) };
  const { cost } = await costOf(
    `cargo cannot build ${project.name}`,
    ['cargo', 'build', '--offline', ...selection],
    project.dir,
    env,
    bench.context,
  );
  return cost;
}

function sccacheEnv({ scratch, env }: Bench, wrapper?: string): Record<string, string> {
  const own = { SCCACHE_DIR: join(scratch, 'sccache'), SCCACHE_IDLE_TIMEOUT: '300', SCCACHE_SERVER_PORT: '4799' };
  return { ...env, ...own, ...(wrapper === undefined ? {} : { RUSTC_WRAPPER: wrapper, CARGO_INCREMENTAL: '0' }) };
}

/** The launcher in node_modules/.bin/zx is called directly, because npx would add its own start-up time. */
async function ours(bench: Bench, words: readonly string[]): Promise<Cost> {
  const argv = [process.execPath, join(repository, 'lib/cli/zx.mjs'), join(repository, 'tasks/crates.ts'), ...words, '--json', '--quiet'];
  const { cost, stdout } = await costOf('we cannot build', argv, bench.scratch, bench.env, bench.context);
  const result = taskResult(stdout);
  const ownCpuSeconds = result.value('ownCpuSeconds');
  if (typeof ownCpuSeconds !== 'number') throw result.bad('ownCpuSeconds', 'it must be a number');
  return { ...cost, ownCpuMs: ownCpuSeconds * 1000, peakBytes: result.requiredCount('peakBytes', 2 ** 50), misses: unitsBuilt(result) };
}

async function costOf(
  what: string,
  argv: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>>,
  { signal }: Context,
): Promise<{ readonly cost: Cost; readonly stdout: string }> {
  const before = (await processCost()).childCpuSeconds;
  const { exitCode, durationMs, stdout, stderr } = await run(argv, { cwd, env, signal });
  if (exitCode !== 0) throw cannot('measure', what, { detail: stderr.trim().split('\n').slice(-20).join('\n') });
  return { cost: { wallMs: durationMs, cpuMs: ((await processCost()).childCpuSeconds - before) * 1000 }, stdout };
}

function added(a: Cost, b: Cost): Cost {
  return { wallMs: a.wallMs + b.wallMs, cpuMs: a.cpuMs + b.cpuMs };
}
