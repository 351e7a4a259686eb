// tasks/crates.ts with tests, examples and benchmarks: where they are written, how tests run, which results
// are memoized, and the lines for editors next to those of cargo.
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { outputOf, run } from '../../core/sh.ts';
import type { RunResult } from '../../core/sh.ts';
import { junitText } from './cargo-test-task.ts';

const repository = join(import.meta.dirname, '../../..');
const env = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));
const dir = await mkdtemp(join(tmpdir(), 'bloomery-tests-'));
const checkout = join(dir, 'checkout');
await cp(join(repository, 'fixtures/crates-tests'), checkout, { recursive: true });
test.after(() => rm(dir, { recursive: true, force: true }));

const cache = ['--cache', join(dir, 'cache'), '--quiet'];

function crates(...words: readonly string[]): Promise<RunResult> {
  const end = words.indexOf('--');
  const [own, after] = end === -1 ? [words, []] : [words.slice(0, end), words.slice(end)];
  return run(
    [
      process.execPath,
      join(repository, 'tasks/crates.ts'),
      checkout,
      ...(own.includes('--out') ? own : [...own, '--out', join(dir, 'out')]),
      ...cache,
      ...after,
    ],
    { cwd: dir, env },
  );
}

/** Returns the summary line. */
function last({ stdout }: RunResult): string {
  return stdout.trimEnd().split('\n').at(-1) ?? '';
}

test('all tests of a workspace pass, and in the second run all results come from the cache', async () => {
  const first = await crates('--workspace', '--run-tests', '--junit', join(dir, 'report.xml'));
  assert.is(first.exitCode, 0, first.stdout + first.stderr);
  assert.is(last(first), '11 tests, 0 from the cache: 11 passed, 0 failed, 1 ignored');
  const report = await readFile(join(dir, 'report.xml'), 'utf8');
  assert.is(report.match(/<testcase/g)?.length, 12);
  assert.match(report, '<testsuites tests="12" failures="0" errors="0" skipped="1"');
  assert.match(report, '<testcase classname="" name="own-main"');
  assert.match(report, 'name="app/src/lib.rs - two (line 3)"');
  assert.is(last(await crates('--workspace', '--run-tests')), '11 tests, 11 from the cache: 11 passed, 0 failed, 1 ignored');
  assert.is(last(await crates('--workspace', '--run-tests', '--rerun')), '11 tests, 0 from the cache: 11 passed, 0 failed, 1 ignored');
  assert.equal((await readdir(join(dir, 'out'))).toSorted(), ['bin', 'examples', 'tests', 'tmp']);
  assert.equal((await readdir(join(dir, 'out/examples'))).toSorted(), ['libshared.so', 'plain']);
  assert.ok((await readdir(join(dir, 'out/tests'))).includes('app.lib'));
});

test('words after -- choose tests, and a process for each test has the same results', async () => {
  assert.is(
    last(await crates('-p', 'app', '--run-tests', '--lib', '--', 'two')),
    '1 test, 0 from the cache: 1 passed, 0 failed, 0 ignored',
  );
  const each = await crates('--package', 'app', '--run-tests', '--per-test', '--json');
  assert.is(each.exitCode, 0, each.stdout + each.stderr);
  const { passed, ignored, programs } = JSON.parse(last(each));
  assert.equal([passed, ignored, programs.length], [9, 1, 7]);
});

test('tests can be compiled and not run, and tests of documentation can run alone', async () => {
  const compiled = await crates('--workspace', '--run-tests', '--no-run');
  assert.is(compiled.exitCode, 0, compiled.stderr);
  const cargo = await run(['cargo', 'test', '--workspace', '--no-run', '--offline'], {
    cwd: checkout,
    env: { ...env, CARGO_TARGET_DIR: join(dir, 'target') },
  });
  const programs = compiled.stdout.split('\n').filter((line) => /^out\/(?:tests|benches)\//.test(line));
  assert.is(programs.length, cargo.stderr.match(/^ +Executable /gm)?.length, compiled.stdout + cargo.stderr);
  assert.match(last(await crates('--workspace', '--run-tests', '--doc', '--rerun')), '1 test, 0 from the cache: 1 passed');
  assert.match(last(await crates('-p', 'app', '--run-tests', '--all-features', '-r', '-j', '1', '--lib')), / passed, 0 failed/);
});

test('after a change of a data file tests run again, and a failure is exit 1, printed, and not memoized', async () => {
  const data = join(checkout, 'app/data/two.txt');
  await writeFile(data, '3\n');
  for (const round of ['first', 'second']) {
    const bad = await crates('--package', 'app', '--run-tests', '--no-fail-fast');
    assert.is(bad.exitCode, 1, round);
    assert.match(bad.stdout, '---- tests::data_of_the_package ----');
    assert.match(bad.stdout, 'data_of_the_package');
    assert.match(last(bad), / 8 passed, 1 failed, 1 ignored$/);
  }
  assert.match(last(await crates('--package', 'app', '--run-tests')), /; \d+ programs not run \(--no-fail-fast runs all\)$/);
  await writeFile(data, '2\n');
  assert.match(last(await crates('--package', 'app', '--run-tests')), / from the cache: 9 passed, 0 failed, 1 ignored$/);
});

test('a folder of outputs in the package does not cause another run of a test', async () => {
  const words = ['--package', 'helper', '--run-tests', '--out', join(checkout, 'helper/build/out')];
  await crates(...words);
  assert.match(last(await crates(...words)), '0 tests, 0 from the cache');
  const again = JSON.parse(last(await crates(...words, '--json')));
  assert.ok(again.programs.every(({ fromCache }: { fromCache: boolean }) => fromCache));
  await rm(join(checkout, 'helper/build'), { recursive: true });
});

test('flags that need others are refused without them', async () => {
  for (const [words, sentence] of [
    [['--rerun'], 'Cannot use --rerun: it needs --run-tests'],
    [['--doc'], 'Cannot use --doc: it needs --run-tests'],
    [['--run-tests', '--doc', '--no-run'], '--no-run and --doc exclude each other'],
    [['--check', '--', 'x'], 'Cannot use words after "--": they need --run-tests or --clippy'],
    [['--check', '--run-tests'], '--run-tests and --check exclude each other'],
    [['--check', '--message-format', 'xml'], 'Cannot use --message-format "xml": there is no such format'],
  ] as const) {
    const { exitCode, stderr } = await crates(...words);
    assert.is(exitCode, 2, stderr);
    assert.match(stderr, sentence);
  }
});

/**
 * Returns those lines of cargo that do not depend on paths. The order of units and of fields is not compared.
 * `fresh`: keeps the field which records whether a unit was compiled.
 */
function comparable(stdout: string, fresh: boolean): readonly string[] {
  const sorted = (value: unknown): unknown => {
    if (typeof value !== 'object' || value === null) return value;
    if (Array.isArray(value)) return value.map(sorted);
    const entries = Object.entries(value).map(([key, item]): [string, unknown] => [key, sorted(item)]);
    return Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)));
  };
  const lines = stdout.split('\n').filter((line) => line.startsWith('{'));
  return lines
    .map((line) => {
      const { fresh: compiled, filenames = [], executable, out_dir: outDir, ...message } = JSON.parse(line);
      const endings = filenames.map((path: string) => (/\.\w+$/.exec(path)?.[0] ?? '').replace(/^\.(?:lib|bin|example)$/, ''));
      const facts = { endings, runs: typeof executable === 'string', outDir: outDir !== undefined };
      return JSON.stringify(sorted({ ...message, ...facts, ...(fresh ? { compiled } : {}) }));
    })
    .toSorted();
}

test('messages for editors are those of cargo, also of units that are in the cache, and an error ends with build-finished', async () => {
  const source = join(checkout, 'helper/src/lib.rs');
  const text = await readFile(source, 'utf8');
  await writeFile(source, `${text}\nfn unused() {\n    let x = 1;\n}\n`);
  const words = ['--workspace', '--all-targets', '--message-format', 'json'];
  const cargoEnv = { ...env, CARGO_TARGET_DIR: join(dir, 'target') };
  const host = /^host: (.*)$/m.exec(await outputOf('ask rustc', ['rustc', '-vV'], { cwd: dir, env }))?.[1] ?? '';
  for (const command of ['check', 'build']) {
    let before = '';
    for (const round of [1, 2]) {
      const cargo = await run(['cargo', command, ...words, '--offline', '--target', host], { cwd: checkout, env: cargoEnv });
      const ours = await crates(...(command === 'check' ? ['--check'] : []), ...words);
      assert.is(ours.exitCode, 0, ours.stderr);
      const [theirs, own] = [comparable(cargo.stdout, round === 2), comparable(ours.stdout, round === 2)];
      assert.is(own.join('\n'), theirs.join('\n'), `${command}, round ${round}`);
      if (round === 2) assert.is(ours.stdout, before.replaceAll('"fresh":false', '"fresh":true'), `${command}, the lines and their order`);
      before = ours.stdout;
    }
  }
  await writeFile(source, 'pub fn expected() -> i32 {\n    "2"\n}\n');
  const bad = await crates('--check', ...words);
  assert.is(bad.exitCode, 1);
  const lines = bad.stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.ok(lines.some(({ reason, message }) => reason === 'compiler-message' && message.message === 'mismatched types'));
  assert.equal(lines.at(-1), { reason: 'build-finished', success: false });
  await writeFile(source, text);
});

test('warnings of clippy are printed again from the cache', async () => {
  const source = join(checkout, 'helper/src/lib.rs');
  const text = await readFile(source, 'utf8');
  await writeFile(source, 'pub fn expected() -> i32 {\n    return 2;\n}\n');
  const lint = (...after: readonly string[]): Promise<RunResult> => crates('--clippy', '-p', 'helper', ...after);
  const hasClippy = (await run(['clippy-driver', '-V'], { cwd: dir, env }).catch(() => ({ exitCode: 1 }))).exitCode === 0;
  for (const round of [1, 2]) {
    const { exitCode, stderr } = await lint();
    if (hasClippy) assert.match(stderr, 'unneeded `return` statement', `round ${round}`);
    else assert.match(stderr, /Cannot lint with clippy: the toolchain \S+ has no clippy-driver/);
    assert.is(exitCode, hasClippy ? 0 : 69, stderr);
  }
  if (hasClippy) assert.is((await lint('--', '-D', 'warnings')).exitCode, 1);
  await writeFile(source, text);
});

test('a suite of JUnit is a program, and a failure has the output of the test', () => {
  const program = {
    package: 'p',
    name: 'n',
    kind: 'test',
    harness: true,
    triple: 't',
    folder: 'f',
    file: 'f',
    cwd: '/',
    hostDir: '/',
    env: {},
    mounts: {},
    files: {},
  } as const;
  const cases = [{ name: 'm::a', result: 'failed', output: 'one\ntwo' }] as const;
  const xml = junitText([{ name: 'tests/n', program, cases, fromCache: false, durationMs: 1500, output: '', failed: true, leaky: false }]);
  assert.match(xml, '<testsuite name="p tests/n" tests="1" failures="1" errors="0" skipped="0" time="1.500">');
  assert.match(xml, '<failure type="failed" message="one">one\ntwo</failure>');
});

test.run();
