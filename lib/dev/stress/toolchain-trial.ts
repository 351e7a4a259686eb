// Tests the crate compiler with one toolchain: the tests that compile projects, the histories that were
// written after reports of users, and a comparison of calls with those of the toolchain's cargo. In each
// part, the toolchain is the only one of a fake rustup.
import { cp, mkdir, symlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Failure } from '../../core/errors.ts';
import type { Context } from '../../core/events.ts';
import { pathOf } from '../../core/paths.ts';
import { outputOf } from '../../core/sh.ts';
import { compareWithCargo } from '../../crates/fidelity/differential.ts';
import type { Project } from '../../crates/project.ts';
import { chooseToolchain } from '../../crates/toolchain/choice.ts';
import type { Toolchain } from '../../crates/toolchain/toolchain.ts';
import { plainProject } from '../bench/crates-workload.ts';
import { realBuilders } from '../histories/history-stress.ts';
import { replayAllWritten, writtenHistories } from '../histories/written-history.ts';
import { runTests } from '../testing/test-run.ts';
import { folderOf } from './tested-toolchains.ts';

/** Counts of successes and failures in one part. */
export interface Count {
  readonly good: number;
  readonly bad: number;
}

/** The result of a trial. */
export interface Trial {
  /** For example "1.85.1 (d73d2caf9 2024-12-31)". */
  readonly cargo: string;
  /** Test cases. */
  readonly tests: Count;
  /** Histories. */
  readonly histories: Count;
  /** Calls of rustc and runs of build scripts that are the same or different. */
  readonly calls: Count;
  /** Faults, one sentence each. */
  readonly faults: readonly string[];
  /** Parts that were not tested, with the reason. */
  readonly untried: readonly string[];
}

export interface TrialPlace {
  /** The repository with the tests and the fixtures. */
  readonly root: string;
  /** An existing, empty folder for the trial. */
  readonly scratch: string;
  readonly env: Readonly<Record<string, string>>;
  /** The user's cache, for the source of the standard library. */
  readonly cacheDir: string;
  /** The path of Node, with which a task is started. */
  readonly node: string;
  readonly pid: number;
}

/** Test files that compile projects with a real rustc, as parts of their paths. */
const testFiles: readonly string[] = ['lib/crates/', 'lib/cli/tasks/cargo-test-task'];

/**
 * Fixtures whose calls are compared. The others are dependencies of these, or need a git repository.
 * differential.test.ts tests those.
 */
const compared: readonly (Partial<Project> & { readonly name: string })[] = [
  { name: 'crates' },
  { name: 'crates-traps' },
  { name: 'crates-tests', selection: ['--workspace', '--all-targets'] },
  { name: 'asterinas' },
  { name: 'crates-bare', triple: 'bare.json', buildStd: ['core'] },
];
const copied: readonly string[] = [...compared.map(({ name }) => name), 'crates-outside', 'redox'];

/** Tests a toolchain. A part that cannot start is a fault. */
export async function tryToolchain(toolchain: Toolchain, place: TrialPlace, context: Context): Promise<Trial> {
  const { cargo: program, release } = toolchain;
  const env = await environmentOf(toolchain, place);
  const printed = await outputOf('ask cargo for its version', [program, '-V'], { cwd: '/', env, signal: context.signal });
  const source = await hasSource(toolchain, place, env, context);
  const faults: string[] = [];
  const trial = { ...place, env: source ? env : { ...env, BLOOMERY_TEST_STD: '0' } };
  const told = (what: string): void => context.report({ kind: 'note', text: `rustc ${release}: ${what}` });
  told('tests that compile projects');
  const tests = await trySuite(trial, faults, context);
  told('histories');
  const histories = await tryHistories(trial, faults, context);
  told('calls of rustc and build scripts');
  const calls = await tryCalls(toolchain, source, trial, faults, context);
  const untried = source ? [] : ['compiling the standard library: there is no source of it with its dependencies'];
  return { cargo: printed.trim().replace(/^cargo /, ''), tests, histories, calls, faults, untried };
}

/**
 * Returns an environment in which every task and test finds only this toolchain, and the shell finds its
 * programs.
 */
async function environmentOf(toolchain: Toolchain, { scratch, env, node }: TrialPlace): Promise<Readonly<Record<string, string>>> {
  const [home, folder] = [join(scratch, 'rustup'), folderOf(toolchain)];
  const name = basename(folder);
  await mkdir(join(home, 'toolchains'), { recursive: true });
  await symlink(folder, join(home, 'toolchains', name));
  await writeFile(join(home, 'settings.toml'), `default_toolchain = ${JSON.stringify(name)}\n`);
  const { RUSTUP_TOOLCHAIN: _, ...others } = env;
  return { ...others, RUSTUP_HOME: home, PATH: `${join(folder, 'bin')}:${dirname(node)}:${pathOf(env)}`, TMPDIR: scratch };
}

async function hasSource(toolchain: Toolchain, { cacheDir }: TrialPlace, env: TrialPlace['env'], context: Context): Promise<boolean> {
  const request = { env, cacheDir, wanted: folderOf(toolchain), needsRustSrc: true, rustSrc: env['BLOOMERY_RUST_SRC'] };
  return chooseToolchain(request, context).then(
    () => true,
    (error: unknown) => {
      if (error instanceof Failure && !context.signal.aborted) return false;
      throw error;
    },
  );
}

async function trySuite({ root, env }: TrialPlace, faults: string[], context: Context): Promise<Count> {
  const print = (text: string): void => {
    const [first = ''] = text.split('\n');
    if (first.startsWith('FAIL ')) faults.push(`tests: ${first.slice('FAIL '.length)}`);
    for (const [, title = '', why = ''] of text.matchAll(/^\s+FAIL {2}(.+)\n\s*(.*)$/gm)) faults.push(`tests: ${title}: ${why}`);
  };
  const { passed, failed } = await runTests({ root, words: testFiles, jobs: 2, env, print }, context);
  return { good: passed, bad: failed };
}

async function tryHistories({ root, scratch, env, node }: TrialPlace, faults: string[], context: Context): Promise<Count> {
  const histories = await writtenHistories(join(root, 'fixtures/histories'));
  const builders = await realBuilders(env, node, context);
  let [good, bad] = [0, 0];
  for (const [name, replayed] of replayAllWritten(histories, join(scratch, 'histories'), builders, context)) {
    // After an interrupt, all of them end before the folder is removed.
    const fault = await replayed.catch((error: unknown) => (error instanceof Error ? error.message : String(error)));
    if (fault === undefined) good++;
    else {
      bad++;
      faults.push(`history ${name}: ${fault}`);
    }
    context.report({ kind: 'progress', phase: 'replaying histories', done: good + bad, total: histories.length });
  }
  context.signal.throwIfAborted();
  return { good, bad };
}

async function tryCalls(
  toolchain: Toolchain,
  source: boolean,
  { root, scratch, env, cacheDir, pid }: TrialPlace,
  faults: string[],
  { signal }: Context,
): Promise<Count> {
  const [fixtures, dir] = [join(scratch, 'fixtures'), join(scratch, 'fidelity')];
  await mkdir(dir);
  for (const name of copied) await cp(join(root, 'fixtures', name), join(fixtures, name), { recursive: true });
  const settings = {
    hostEnv: env,
    toolchain: folderOf(toolchain),
    rustSrc: env['BLOOMERY_RUST_SRC'],
    otherCacheDir: cacheDir,
    jobs: 2,
    shorten: (path: string) => path,
    colour: false,
  };
  let [good, bad] = [0, 0];
  for (const { name, triple, ...more } of compared.filter(({ buildStd = [] }) => source || buildStd.length === 0)) {
    for (const profile of ['dev', 'release']) {
      const folder = join(fixtures, name);
      const target = triple === undefined ? {} : { triple: join(folder, triple) };
      const project: Project = { ...plainProject, ...more, ...target, name, dir: folder, profile };
      try {
        const { units, differences } = await compareWithCargo(project, settings, { dir, pid }, { signal, report: () => undefined });
        good += units - differences.length;
        bad += differences.length;
        for (const { unit, onlyCargo, onlyOurs } of differences)
          faults.push(`calls of ${name} (${profile}): ${unit}: cargo has ${quoted(onlyCargo)}, ours ${quoted(onlyOurs)}`);
      } catch (error) {
        if (!(error instanceof Failure) || signal.aborted) throw error;
        bad++;
        faults.push(`calls of ${name} (${profile}): ${error.message}`);
      }
    }
  }
  return { good, bad };
}

function quoted(lines: readonly string[]): string {
  return lines.length === 0 ? 'no other word' : lines.map((line) => JSON.stringify(line)).join(', ');
}
