// Compares Bloomery with the real cargo on small projects with one special case each. The calls must be equal
// after normalization by lib/crates/fidelity/differential-call.ts.
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Failure } from '../../core/errors.ts';
import { outputOf, run } from '../../core/sh.ts';
import { compareCalls, compareWithCargo } from './differential.ts';
import type { Comparison } from './differential.ts';
import type { NormalCall } from './differential-call.ts';
import type { Project } from '../project.ts';

const fixtures = resolve(import.meta.dirname, '../../../fixtures');
const hostEnv = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));
const signal = new AbortController().signal;
const report = (): void => {};

const test = suite('compareWithCargo');
const dir = await mkdtemp(join(tmpdir(), 'bloomery-differential-'));
test.after(() => rm(dir, { recursive: true, force: true }));

const hasClippy = (await run(['cargo', 'clippy', '-V'], { cwd: '/', env: hostEnv, signal })).exitCode === 0;

/** Copies a fixture under its own name, so that paths between fixtures hold. */
async function checkout(name: string): Promise<string> {
  const to = join(dir, name);
  await cp(join(fixtures, name), to, { recursive: true });
  return to;
}

/** Compares a project; all tests share a scratch folder, because the results of one profile help the next. */
async function compare(at: string, changes: Partial<Project> = {}, env: Readonly<Record<string, string>> = {}): Promise<Comparison> {
  const project: Project = {
    name: 'x',
    dir: at,
    packages: [],
    bins: [],
    lib: false,
    features: [],
    defaultFeatures: true,
    profile: 'dev',
    triple: undefined,
    buildStd: [],
    buildStdFeatures: [],
    cargoConfigs: [],
    env: {},
  };
  const options = {
    hostEnv: { ...hostEnv, ...env },
    toolchain: undefined,
    rustSrc: hostEnv['BLOOMERY_RUST_SRC'],
    otherCacheDir: hostEnv['BLOOMERY_CACHE'] ?? join(homedir(), '.cache/bloomery'),
    jobs: 2,
    shorten: (path: string) => path,
    colour: false,
  };
  return compareWithCargo({ ...project, ...changes }, options, { dir, pid: process.pid }, { report, signal });
}

/** The variables of a rustup that has a link to the toolchain of the other tests, as `rustup toolchain link` makes it. */
async function linkedToolchain(): Promise<Readonly<Record<string, string>>> {
  const RUSTUP_HOME = join(dir, 'rustup');
  const sysroot = (await outputOf('ask for the sysroot', ['rustc', '--print', 'sysroot'], { cwd: '/', env: hostEnv })).trim();
  await mkdir(join(RUSTUP_HOME, 'toolchains'), { recursive: true });
  await symlink(sysroot, join(RUSTUP_HOME, 'toolchains/linked'));
  await writeFile(join(RUSTUP_HOME, 'settings.toml'), 'default_toolchain = "linked"\n');
  return { RUSTUP_HOME };
}

function assertSame({ units, differences }: Comparison, expected: number): void {
  const text = differences.map(({ unit, onlyCargo, onlyOurs }) =>
    [unit, ...onlyCargo.map((line) => `  cargo ${line}`), ...onlyOurs.map((line) => `  ours  ${line}`)].join('\n'),
  );
  assert.equal(text.join('\n'), '');
  assert.is(units, expected);
}

test('a workspace of traps in every kind of profile', async () => {
  await checkout('crates-outside');
  const traps = await checkout('crates-traps');
  assertSame(await compare(traps, { profile: 'release' }), 20);
  assertSame(await compare(traps, { profile: 'lean' }), 20);
  assertSame(await compare(traps, { profile: 'fat' }), 20);
  assertSame(await compare(traps, { profile: 'slow' }), 20);
});

test('a part of a workspace: a package, a program, features', async () => {
  const traps = join(dir, 'crates-traps');
  const app = { packages: ['app-with-dashes'], profile: 'release' };
  assertSame(await compare(traps, { ...app, bins: ['second-bin'], features: ['odd-name'] }), 18);
  assertSame(await compare(traps, { ...app, bins: ['never'], defaultFeatures: false, features: ['extra'] }), 18);
  assertSame(await compare(join(traps, 'nested/deep'), { profile: 'release' }), 1);
  assertSame(await compare(traps, { packages: ['both'], lib: true, profile: 'release' }), 7);
});

test('tests, benchmarks and examples, built, tested and checked', async () => {
  const tests = await checkout('crates-tests');
  const all = ['--workspace', '--all-targets'];
  assertSame(await compare(tests, { selection: all }), 20);
  assertSame(await compare(tests, { command: 'test', selection: ['--workspace'] }), 18);
  assertSame(await compare(tests, { command: 'test', selection: ['--all-targets'], profile: 'release' }), 19);
  assertSame(await compare(tests, { command: 'check', selection: all }), 21);
  assertSame(await compare(tests, { command: 'check', selection: all, profile: 'fat' }), 23);
  assertSame(await compare(tests, { command: 'test', profile: 'fat' }), 19);
  assertSame(await compare(tests, { command: 'check' }), 8);
  if (hasClippy) assertSame(await compare(tests, { command: 'check', clippy: [], selection: all }, await linkedToolchain()), 21);
  assertSame(await compare(tests, { packages: ['app'], selection: ['--test=folder', '--example=plain'] }), 9);
});

test('a build that is steered by configuration, with packages from a registry, a patch and git', async () => {
  const [repository, configured] = [await checkout('crates-config-git'), await checkout('crates-config')];
  const git = (...words: readonly string[]): Promise<string> =>
    outputOf('make a git repository', ['git', '-c', 'user.name=x', '-c', 'user.email=x@example.org', ...words], {
      cwd: repository,
      env: { PATH: hostEnv['PATH'] ?? '', HOME: dir },
    });
  await git('init', '--quiet');
  await git('add', '.');
  await git('commit', '--quiet', '--message', 'x');
  const manifest = join(configured, 'Cargo.toml');
  await writeFile(manifest, (await readFile(manifest, 'utf8')).replace('"GIT_URL"', `"file://${repository}"`));
  const env = { CARGO_HOME: join(dir, 'cargo-home'), PATH: hostEnv['PATH'] ?? '', HOME: hostEnv['HOME'] ?? '' };
  await outputOf('fetch the git repository', ['cargo', 'fetch'], { cwd: configured, env });
  const declared = { DECLARED: 'by the user', FORCED: 'by the user' };
  assertSame(await compare(configured, { profile: 'from-config', env: declared }, env), 10);
  assertSame(await compare(configured, { profile: 'release', cargoConfigs: [join(configured, 'more.toml')] }, env), 10);
});

(hostEnv['BLOOMERY_TEST_STD'] === '0' ? test.skip : test)(
  'a program for a JSON target with the standard library compiled for it',
  async () => {
    const bare = await checkout('crates-bare');
    assertSame(await compare(bare, { triple: join(bare, 'bare.json'), buildStd: ['core'] }), 7);
  },
);

test('a missing unit, different words and a different order are reported', () => {
  const call = (name: string, ...lines: readonly string[]): NormalCall => ({ name, lines });
  const cargos = [call('a', 'x', 'y'), call('a', 'x', 'z'), call('b', 'x', 'y'), call('c', 'x')];
  const ours = [call('a', 'x', 'z'), call('a', 'x', 'w'), call('b', 'y', 'x'), call('d', 'x')];
  assert.equal(compareCalls(cargos, ours), {
    units: 4,
    differences: [
      { unit: 'a', onlyCargo: ['y'], onlyOurs: ['w'] },
      { unit: 'b', onlyCargo: ['first x'], onlyOurs: ['first y'] },
      { unit: 'c (we do not build it)', onlyCargo: ['x'], onlyOurs: [] },
      { unit: 'd (cargo does not build it)', onlyCargo: [], onlyOurs: ['x'] },
    ],
  });
});

test('an overridden build script is neither compiled nor run, and the configured lines reach rustc', async () => {
  const override = join(dir, 'override.toml');
  await writeFile(
    override,
    '[target.x86_64-unknown-linux-gnu.old-native]\nrustc-link-lib = ["m"]\nroot-dir = "/opt"\nrustc-cfg = ["old"]\n',
  );
  const { differences } = await compare(join(dir, 'crates-traps'), { cargoConfigs: [override] });
  assert.equal(differences, []);
});

test("a project that cargo cannot build gives cargo's error", async () => {
  const at = join(dir, 'broken');
  await mkdir(at);
  await writeFile(join(at, 'Cargo.toml'), '[package]\nname = "broken"\n');
  await compare(at).then(
    () => assert.unreachable(),
    (error: unknown) => assert.ok(error instanceof Failure && error.exitCode === 1),
  );
});

test.run();
