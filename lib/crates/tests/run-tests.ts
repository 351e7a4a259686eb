// Runs compiled test programs as cargo runs them, and memoizes the results of programs that pass. The key of
// a result is a digest of the program, the other programs of its project, its arguments, the folder of its
// package without files that git ignores, and the environment. Failures are never memoized. States of a
// program: (result in the cache: done) or running -> passed -> stored, or running -> failed.
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readlink, rm } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import pLimit from 'p-limit';
import type { Bubblewrap } from '../../actions/sandbox/sandbox.ts';
import { hostPath } from '../../actions/place.ts';
import type { Cache } from '../../cache/cache.ts';
import { knownTree } from '../../cache/digests/known-tree.ts';
import type { Records } from '../../cache/records.ts';
import { digestRecord } from '../../core/digest.ts';
import type { Digest, Json } from '../../core/digest.ts';
import { cannot } from '../../core/errors.ts';
import { pathOf } from '../../core/paths.ts';
import { findProgram, run } from '../../core/sh.ts';
import { isListOf, isTable, isText } from '../../core/stored-values.ts';
import type { RunResult } from '../../core/sh.ts';
import { materialize } from '../compiled.ts';
import type { Output, TestProgram } from '../compiled.ts';
import { harnessFlags, parseHarness, parseList } from './libtest.ts';
import type { TestCase } from './libtest.ts';
import { places } from '../unit/places.ts';
import { countedEnv, testArgv } from './test-view.ts';
import type { RootEntry } from './test-view.ts';

export interface TestOptions {
  readonly cache: Cache;
  /** Called when the first program has to run. */
  readonly bubblewrap: () => Promise<Bubblewrap>;
  /** The outputs of a project by their names. */
  readonly outputs: ReadonlyMap<string, Output>;
  /** Tests of documentation, which rustdoc compiles and runs. They run after all others. */
  readonly docTests: readonly TestProgram[];
  /** The absolute paths of the outputs, by the same names. */
  readonly paths: Readonly<Record<string, string>>;
  /** The folder of outputs. Its subfolder `tmp` is CARGO_TARGET_TMPDIR. */
  readonly outDir: string;
  /** The user's environment and the declared variables. */
  readonly env: Readonly<Record<string, string>>;
  /** The words after "--". */
  readonly words: readonly string[];
  /** Whether each test runs in its own process, `jobs` of them concurrently. */
  readonly perTest: boolean;
  readonly jobs: number;
  /** Whether results in the cache are ignored. */
  readonly rerun: boolean;
  /** Whether no further program is started after one that failed. */
  readonly failFast: boolean;
  readonly signal: AbortSignal;
  /** Called when a program has ended or was found in the cache. */
  readonly ended: (result: ProgramResult) => void;
}

export interface ProgramResult {
  /** The name among the outputs. */
  readonly name: string;
  readonly program: TestProgram;
  readonly cases: readonly TestCase[];
  readonly fromCache: boolean;
  readonly durationMs: number;
  /** The output of the failed tests. The whole output if the program crashed or if the user asked for it. */
  readonly output: string;
  readonly failed: boolean;
  /**
   * Whether a process that the program left holds its output open. Such a result is not memoized, so that it
   * is reported each time.
   */
  readonly leaky: boolean;
}

/** Limit for reading the output of a program after its end. The value is that of nextest (its leak-timeout). */
const outputGraceMs = 100;

/** The stored result of a program that passed. */
interface Passed {
  readonly cases: readonly { readonly name: string; readonly result: TestCase['result'] }[];
  readonly durationMs: number;
}

/**
 * Runs the programs one after another, in cargo's order. With `failFast`, no further program is started after
 * a failure.
 */
export async function runTests(options: TestOptions): Promise<readonly ProgramResult[]> {
  const { cache, outputs, docTests, failFast } = options;
  const results: ProgramResult[] = [];
  const scratch = await mkdtemp(join(cache.tmpDir, 'tests-'));
  try {
    const running = new Running(options, scratch, await rootEntries(), await openResults(cache));
    const documented = docTests.map((test) => ({ name: `doc tests of ${test.name}`, test, digest: undefined }));
    for (const { name, test, digest } of [...inOrder(outputs), ...documented]) {
      const result = await running.result(name, test, digest);
      results.push(result);
      options.ended(result);
      if (result.failed && failFast) break;
    }
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
  return results;
}

/** Returns the test programs, sorted by package, kind and name. */
function inOrder(
  outputs: ReadonlyMap<string, Output>,
): readonly { readonly name: string; readonly test: TestProgram; readonly digest: Digest }[] {
  const kinds: readonly TestProgram['kind'][] = ['lib', 'bin', 'test', 'bench', 'example'];
  const place = ({ package: owner, kind, name }: TestProgram): readonly (string | number)[] => [owner, kinds.indexOf(kind), name];
  const found = [...outputs].flatMap(([name, { test, digest }]) => (test ? [{ name, test, digest, place: place(test) }] : []));
  const less = (a: readonly (string | number)[], b: readonly (string | number)[]): number => {
    const at = a.findIndex((value, index) => value !== b[index]);
    const [one, other] = [a[at] ?? 0, b[at] ?? 0];
    return at < 0 ? 0 : one < other ? -1 : 1;
  };
  return found.sort((a, b) => less(a.place, b.place));
}

class Running {
  readonly #options: TestOptions;
  readonly #scratch: string;
  readonly #entries: readonly RootEntry[];
  readonly #results: Records<Passed & Json>;
  /** Digests of packages by their folders. */
  readonly #data = new Map<string, Promise<Digest>>();
  #hasRun = false;

  constructor(options: TestOptions, scratch: string, entries: readonly RootEntry[], results: Records<Passed & Json>) {
    this.#options = options;
    this.#scratch = scratch;
    this.#entries = entries;
    this.#results = results;
  }

  async result(name: string, program: TestProgram, digest: Digest | undefined): Promise<ProgramResult> {
    const { rerun } = this.#options;
    await this.#requireRunner(program);
    const key = await this.#key(program, digest);
    const known = rerun ? undefined : await this.#results.get(key);
    if (known) {
      const cases = known.cases.map((one) => ({ ...one, output: '' }));
      return { name, program, cases, fromCache: true, durationMs: known.durationMs, output: '', failed: false, leaky: false };
    }
    const mounts = await this.#mounts(name, program);
    const startMs = performance.now();
    const ran = await this.#run(program, mounts);
    const durationMs = performance.now() - startMs;
    // The test may have changed its own package. The digest is computed again, and the result is stored only
    // if the key is the same.
    this.#data.delete(program.hostDir);
    this.#hasRun = true;
    if (!ran.failed && !ran.leaky && (await this.#key(program, digest)) === key) {
      const cases = ran.cases.map(({ name: test, result }) => ({ name: test, result }));
      await this.#results.put(key, { cases, durationMs: Math.round(durationMs) });
    }
    return { name, program, fromCache: false, durationMs, ...ran };
  }

  async #key(program: TestProgram, digest: Digest | undefined): Promise<Digest> {
    const { env, words, outputs, perTest } = this.#options;
    const { files, hostDir, mounts, ...facts } = program;
    void mounts; // they depend only on the path of the checkout
    const programs = [...outputs].flatMap(([name, one]): [string, Digest][] => (one.role === 'program' ? [[name, one.digest]] : []));
    return digestRecord({
      format: 1,
      program: digest ?? null,
      facts: { ...facts, env: { ...facts.env }, argv: [...(facts.argv ?? [])] },
      ...(facts.runner ? { runner: (await this.#runnerDigest(program)) ?? null } : {}),
      files: Object.fromEntries(Object.entries(files).map(([place, file]) => [place, file.digest])),
      programs: Object.fromEntries(programs),
      data: await this.#packageDigest(hostDir),
      env: { ...countedEnv(env) },
      words: [...words],
      perTest,
    });
  }

  /** Throws a Failure if the runner does not exist. This is an error of the user, not a failed test. */
  async #requireRunner(program: TestProgram): Promise<void> {
    const [word] = program.runner ?? [];
    if (word === undefined || (await this.#runnerDigest(program)) !== undefined) return;
    const path = hostPath(word, program.mounts);
    throw cannot(`run the tests of ${program.package}`, `the runner "${path}" of ${program.triple} does not exist`, {
      hint: 'target.TRIPLE.runner of the configuration names it, or CARGO_TARGET_TRIPLE_RUNNER',
    });
  }

  /** Returns the digest of the runner. Undefined if there is no runner or if its program does not exist. */
  async #runnerDigest({ runner = [], mounts }: TestProgram): Promise<Digest | undefined> {
    const { cache, env } = this.#options;
    const [word] = runner;
    if (word === undefined) return undefined;
    const path = await findProgram(hostPath(word, mounts), pathOf(env));
    return path === undefined ? undefined : await (this.#hasRun ? cache.digests.again() : cache.digests).file(path);
  }

  /** Returns the digest of a package's folder, without files that git ignores and without outputs of builds. */
  #packageDigest(hostDir: string): Promise<Digest> {
    const { cache, outDir } = this.#options;
    const inside = relative(hostDir, outDir);
    const ignore = ['target', '.git', ...(inside === '' || inside.startsWith('..') ? [] : [inside])];
    const options = { gitignore: true, ignore };
    const known =
      this.#data.get(hostDir) ?? (this.#hasRun ? cache.digests.again().tree(hostDir, options) : knownTree(cache, hostDir, options));
    this.#data.set(hostDir, known);
    return known;
  }

  /**
   * Returns the path on the host for every place that the program needs. Files of build scripts and shared
   * libraries are written to the scratch folder.
   */
  async #mounts(name: string, program: TestProgram): Promise<Readonly<Record<string, string>>> {
    const { paths, outputs, outDir, cache } = this.#options;
    const { folder, file, triple, mounts, files } = program;
    const shown: Record<string, string> = { ...mounts };
    for (const [place, artifact] of Object.entries(files)) {
      const path = join(this.#scratch, place);
      await mkdir(dirname(path), { recursive: true });
      if (!place.startsWith(`${places.deps}/`)) await materialize(artifact, path, cache);
      else if (!existsSync(path)) await cache.content.linkTo(artifact.digest, path);
    }
    const outFolder = program.env['OUT_DIR'];
    if (outFolder !== undefined) {
      shown[outFolder] = join(this.#scratch, outFolder);
      await mkdir(join(this.#scratch, outFolder), { recursive: true });
    }
    const isInFolder = (place: string): boolean =>
      place.startsWith(`${places.deps}/`) || (outFolder !== undefined && place.startsWith(`${outFolder}/`));
    for (const place of Object.keys(files)) if (!isInFolder(place)) shown[place] = join(this.#scratch, place);
    const tmp = join(outDir, 'tmp');
    await mkdir(tmp, { recursive: true });
    shown[`${folder.slice(0, folder.lastIndexOf('/'))}/tmp`] = tmp;
    const prefix = name.startsWith(`${triple}/`) ? `${triple}/` : '';
    for (const [other, { role }] of outputs) {
      const path = paths[other];
      const isOwn = prefix === '' || other.startsWith(prefix);
      if (path !== undefined && isOwn && (role === 'program' || role === 'example'))
        shown[`${folder}/${other.slice(prefix.length)}`] = path;
    }
    if (program.argv) return shown;
    const own = paths[name];
    if (own === undefined) throw new Error(`the test program ${name} has no path`);
    shown[`${folder}/deps/${file}`] = own;
    return shown;
  }

  async #run(program: TestProgram, mounts: Readonly<Record<string, string>>): Promise<Outcome> {
    const { words, perTest, jobs } = this.#options;
    if (!perTest || !program.harness || program.argv) return outcomeOf(program, await this.#start(program, mounts, words), words);
    const listed = await this.#start(program, mounts, ['--list', '--format', 'terse', ...words]);
    if (listed.exitCode !== 0) return outcomeOf(program, listed, words);
    const flags = harnessFlags(words);
    const limit = pLimit(jobs);
    const ran = await Promise.all(
      parseList(listed.stdout).map((name) =>
        limit(async () => {
          const result = await this.#start(program, mounts, [...flags, '--exact', name]);
          const one = outcomeOf(program, result, words);
          const cases = one.failed && one.cases.length === 0 ? [{ name, result: 'failed' as const, output: one.output }] : one.cases;
          return { ...one, cases: cases.map((found) => ({ ...found, durationMs: result.durationMs })) };
        }),
      ),
    );
    const outputs = ran.map(({ output }) => output).filter((text) => text !== '');
    return {
      cases: ran.flatMap(({ cases }) => cases),
      output: outputs.join('\n'),
      failed: ran.some(({ failed }) => failed),
      leaky: ran.some(({ leaky }) => leaky),
    };
  }

  async #start(program: TestProgram, mounts: Readonly<Record<string, string>>, words: readonly string[]): Promise<RunResult> {
    const { bubblewrap, env, signal } = this.#options;
    const command = program.argv ?? [...(program.runner ?? []), `${program.folder}/deps/${program.file}`];
    const given = program.argv ? words.flatMap((word) => ['--test-args', word]) : words;
    const readOnly: Record<string, string> = program.argv ? { [places.deps]: join(this.#scratch, places.deps) } : {};
    const argv = testArgv(await bubblewrap(), { entries: this.#entries, mounts, readOnly }, program.cwd, [...command, ...given]);
    const library = [program.env['LD_LIBRARY_PATH'], env['LD_LIBRARY_PATH']].filter((path) => path !== undefined && path !== '');
    const variables = { ...env, ...program.env, LD_LIBRARY_PATH: library.join(':') };
    return await run(argv, { cwd: program.hostDir, env: variables, signal, outputGraceMs });
  }
}

type Outcome = Pick<ProgramResult, 'cases' | 'output' | 'failed' | 'leaky'>;

/**
 * Returns the outcome of a program that ended. A program without the harness is one test. A crash is a
 * failure of the program.
 */
export function outcomeOf(
  { harness, name }: Pick<TestProgram, 'harness' | 'name'>,
  { exitCode, killedBy, stdout, stderr, heldOpen: leaky }: Pick<RunResult, 'exitCode' | 'killedBy' | 'stdout' | 'stderr' | 'heldOpen'>,
  words: readonly string[],
): Outcome {
  const failed = exitCode !== 0;
  const said = [stdout.trimEnd(), stderr.trimEnd()].filter((text) => text !== '').join('\n');
  const end = killedBy === null ? `it ended with status ${exitCode}` : `it was ended by ${killedBy}`;
  const shows = words.some((word) => ['--nocapture', '--no-capture', '--show-output', '--list'].includes(word));
  if (!harness) {
    const output = [said, ...(failed ? [end] : [])].join('\n').trim();
    return {
      cases: [{ name, result: failed ? 'failed' : 'passed', output: failed ? output : '' }],
      output: failed || shows ? output : '',
      failed,
      leaky,
    };
  }
  const report = parseHarness(stdout);
  const toldOfFailure = report.cases.some(({ result }) => result === 'failed');
  if (shows) return { cases: report.cases, output: said, failed, leaky };
  const failures = report.cases.filter(({ result }) => result === 'failed').map((one) => `---- ${one.name} ----\n${one.output}`);
  if (!failed || (report.finished && toldOfFailure)) return { cases: report.cases, output: failures.join('\n'), failed, leaky };
  const output = `${said}\n${end}`.trim();
  return { cases: [...report.cases, { name: `${name} (the program)`, result: 'failed', output }], output, failed, leaky };
}

async function openResults(cache: Cache): Promise<Records<Passed & Json>> {
  return cache.records<Passed & Json>('test-results', (value): value is Passed & Json => {
    return isTable(value) && isListOf(value['cases'], isKeptCase) && typeof value['durationMs'] === 'number';
  });
}

function isKeptCase(value: unknown): value is Passed['cases'][number] {
  return isTable(value) && isText(value['name']) && ['passed', 'ignored'].some((word) => word === value['result']);
}

async function rootEntries(): Promise<readonly RootEntry[]> {
  const entries = await readdir('/', { withFileTypes: true });
  return Promise.all(
    entries.map(async (entry) => ({ name: entry.name, ...(entry.isSymbolicLink() ? { link: await readlink(`/${entry.name}`) } : {}) })),
  );
}
