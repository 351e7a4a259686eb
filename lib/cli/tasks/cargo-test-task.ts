// --run-tests of tasks/crates.ts: runs the compiled tests, prints the failed ones, and writes JUnit. It is an
// optional part (lib/cli/optional-parts.ts).
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { writeFile } from 'node:fs/promises';
import { requireSandbox } from '../../actions/sandbox/sandbox.ts';
import type { Bubblewrap } from '../../actions/sandbox/sandbox.ts';
import type { Cache } from '../../cache/cache.ts';
import type { Json } from '../../core/digest.ts';
import { cannot, cannotBecause } from '../../core/errors.ts';
import { plural } from '../../core/sizes.ts';
import type { CompiledProject } from '../../crates/compiled.ts';
import { runTests } from '../../crates/tests/run-tests.ts';
import type { ProgramResult } from '../../crates/tests/run-tests.ts';
import { testSuitesXml } from '../../report/junit.ts';
import { declaredEnv } from '../flags/compiler-flags.ts';
import type { Task } from '../task.ts';
import { pathOf } from '../../core/paths.ts';

interface TestSummary {
  readonly exitCode: number;
  readonly json: Readonly<Record<string, Json>>;
}

/**
 * Runs the tests of compiled projects. `paths` has the paths of the outputs of each project, and `out` is
 * their folder.
 */
export async function testResults(
  task: Task,
  projects: readonly CompiledProject[],
  paths: ReadonlyMap<string, Readonly<Record<string, string>>>,
  out: string,
  cache: Cache,
): Promise<TestSummary> {
  const { args, host, signal, report } = task;
  let found: Promise<Bubblewrap> | undefined;
  const bubblewrap = (): Promise<Bubblewrap> => (found ??= requireBubblewrap(task, cache));
  const results: ProgramResult[] = [];
  for (const compiled of projects) {
    const { name, env } = compiled.project;
    const ended = (result: ProgramResult): void => {
      printProgram(task, result);
      report({ kind: 'note', text: programLine(result) });
    };
    const ran = await runTests({
      cache,
      bubblewrap,
      outputs: compiled.outputs,
      docTests: compiled.docTests ?? [],
      paths: paths.get(name) ?? {},
      outDir: projects.length > 1 || args.text('set') !== undefined ? resolve(out, name) : out,
      env: { ...host.env, ...declaredEnv(args.list('env'), host.env), ...env },
      words: args.after ?? [],
      perTest: args.has('per-test'),
      jobs: args.count('jobs', 1) ?? availableParallelism(),
      rerun: args.has('rerun'),
      failFast: !args.has('no-fail-fast'),
      signal,
      ended,
    });
    results.push(...ran);
    if (ran.some(({ failed }) => failed) && !args.has('no-fail-fast')) break;
  }
  return await summaryOf(task, projects, results);
}

async function summaryOf(task: Task, projects: readonly CompiledProject[], results: readonly ProgramResult[]): Promise<TestSummary> {
  const { args, path } = task;
  const count = (word: string): number => results.reduce((sum, { cases }) => sum + cases.filter(({ result }) => result === word).length, 0);
  const [passed, failed, ignored] = [count('passed'), count('failed'), count('ignored')];
  const fromCache = results
    .filter((one) => one.fromCache)
    .reduce((sum, { cases }) => sum + cases.filter(({ result }) => result === 'passed').length, 0);
  const programs = projects.reduce(
    (sum, { outputs, docTests = [] }) => sum + [...outputs.values()].filter(({ test }) => test).length + docTests.length,
    0,
  );
  const left = programs - results.length;
  const words = [
    `${plural(passed + failed, 'test')}, ${fromCache} from the cache: ${passed} passed, ${failed} failed, ${ignored} ignored`,
    ...(left > 0 ? [`${plural(left, 'program')} not run (--no-fail-fast runs all)`] : []),
  ];
  if (!args.has('json')) task.print(words.join('; '));
  const junit = args.text('junit');
  if (junit !== undefined) {
    await writeFile(path(junit), junitText(results)).catch((error: unknown) => {
      throw cannotBecause(`write the results to "${junit}"`, error, 'choose another file with --junit FILE');
    });
  }
  const programsJson = results.map(({ name, program, cases, fromCache: cached, durationMs, failed: bad, leaky }): Json => ({
    name,
    package: program.package,
    kind: program.kind,
    passed: !bad,
    fromCache: cached,
    ...(leaky ? { leaky } : {}),
    seconds: Math.round(durationMs) / 1000,
    tests: cases.map(({ name: test, result, output }): Json => ({ name: test, result, ...(output === '' ? {} : { output }) })),
  }));
  const isBad = results.some((one) => one.failed);
  return { exitCode: isBad ? 1 : 0, json: { passed, failed, ignored, fromCache, notRun: left, programs: programsJson } };
}

/** Returns the output of a failure, or the output that the user asked for. */
function printProgram({ print, args }: Task, { output }: ProgramResult): void {
  if (output !== '' && !args.has('json')) print(output);
}

function programLine({ name, cases, fromCache, failed, leaky, durationMs }: ProgramResult): string {
  const left = leaky ? '; a process that it left holds its output open' : '';
  const bad = cases.filter(({ result }) => result === 'failed').map((one) => one.name);
  if (failed) return `${name}: ${bad.length === 0 ? 'failed' : `${bad.join(', ')} failed`}${left}`;
  const passed = cases.filter(({ result }) => result === 'passed').length;
  return `${name}: ${plural(passed, 'test')} ${fromCache ? 'from the cache' : `passed in ${(durationMs / 1000).toFixed(2)} s`}${left}`;
}

/** Returns JUnit with a suite for each program. */
export function junitText(results: readonly ProgramResult[]): string {
  return testSuitesXml(
    results.map(({ name, program, cases, durationMs }) => ({
      name: `${program.package} ${name}`,
      ms: durationMs,
      tests: cases.map((one) => ({
        path: one.name,
        result: one.result,
        output: one.output === '' ? [] : one.output.split('\n'),
        ms: one.durationMs ?? 0,
      })),
    })),
  );
}

/**
 * Tests run with the user's permissions, but their programs contain places that exist only in a mount
 * namespace.
 */
async function requireBubblewrap({ host, signal }: Task, { root }: Cache): Promise<Bubblewrap> {
  const sandbox = await requireSandbox(true, pathOf(host.env), signal, root);
  if (sandbox.kind === 'bubblewrap') return sandbox;
  throw cannot('run tests', 'bubblewrap is needed to show them the paths that they were compiled with', { blame: 'host' });
}
