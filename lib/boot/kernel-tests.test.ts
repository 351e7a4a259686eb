// Builds and runs the kernel tests of the miniature with test-boot.ts, as a user would. Some tests pass, one
// fails, one panics and one hangs.
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { machine } from '../../systems/asterinas/machine.ts';
import { run } from '../core/sh.ts';
import { runKernelTests } from './kernel-tests.ts';

const project = join(import.meta.dirname, '../..');
const env = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));
const dir = await mkdtemp(join(tmpdir(), 'kernel-tests-'));
test.after(() => rm(dir, { recursive: true, force: true }));
test.before(() => cp(join(project, 'fixtures/asterinas/miniature'), join(dir, 'checkout'), { recursive: true }));

interface Row {
  readonly test: string;
  readonly result: string;
  readonly output: readonly string[];
  readonly ms: number;
}

async function ktest(
  ...words: readonly string[]
): Promise<{ readonly exitCode: number | null; readonly rows: readonly Row[]; readonly boots: number }> {
  const all = [
    'test-boot.ts',
    'asterinas',
    ...words,
    '--source',
    `asterinas=${join(dir, 'checkout')}`,
    '--silence',
    '3',
    '--quiet',
    '--json',
  ];
  const { exitCode, stdout, stderr } = await run([process.execPath, ...all], { cwd: project, env });
  const last = stdout.trim().split('\n').at(-1) ?? '';
  if (!last.startsWith('{')) throw new Error(stderr);
  const { tests, boots } = JSON.parse(last);
  return { exitCode, rows: tests, boots };
}

test('each test has its result, whatever the earlier tests did to the kernel', async () => {
  const junit = join(dir, 'junit.xml');
  const { exitCode, rows, boots } = await ktest('--ktest', '--junit', junit);
  assert.is(exitCode, 1);
  const results = new Map(rows.map(({ test: path, result }) => [path, result]));
  assert.equal(Object.fromEntries([...results].sort()), {
    'asterinas::tests::a_panic_fails': 'failed',
    'asterinas::tests::a_panic_that_is_expected_passes': 'passed',
    'asterinas::tests::a_panic_that_is_missing_fails': 'failed',
    'asterinas::tests::a_test_that_hangs_is_ended': 'timed out',
    'asterinas::tests::a_wrong_sum_fails': 'failed',
    'asterinas::tests::one_and_one_are_two': 'passed',
    'asterinas::tests::what_follows_runs': 'passed',
    'ostd::tests::the_console_prints': 'passed',
  });
  assert.is(boots, 6, 'one more for each test that ended the kernel');
  const wrong = rows.find(({ test: path }) => path.endsWith('a_wrong_sum_fails'));
  assert.match(wrong?.output.join('\n') ?? '', /the sum is wrong\n {2}left: 2\n right: 3\n/);
  const panicked = rows.find(({ test: path }) => path.endsWith('a_panic_fails'));
  const said = panicked?.output.join('\n') ?? '';
  assert.match(said, `asked to panic\n\tat ${join(dir, 'checkout/kernel/src/lib.rs')}:`);
  assert.match(said, /\n *\d+: pc 0x[0-9a-f]{16}\n[^]*\n0x[0-9a-f]{16} {2}asterinas::tests::a_panic_fails at /);
  assert.ok((rows.find(({ result }) => result === 'timed out')?.ms ?? 0) >= 2500);
  const report = await readFile(junit, 'utf8');
  assert.is(report.match(/<testcase /g)?.length, 8);
  assert.match(report, '<failure type="timed out"');
});

test('tests of one crate, and one test, are chosen', async () => {
  const one = await ktest('--ktest', 'ostd');
  assert.equal([one.exitCode, one.rows.map(({ test: path }) => path)], [0, ['ostd::tests::the_console_prints']]);
  const named = await ktest('--ktest', 'asterinas::one_and_one_are_two');
  assert.equal([named.exitCode, named.rows.length, named.boots], [0, 1, 1]);
  const ended = await ktest('--ktest', 'asterinas::tests::a_panic_that_is_expected_passes');
  assert.equal([ended.exitCode, ended.rows.length, ended.boots], [0, 1, 2]);
});

test('a machine whose kernel is started by a boot loader runs no tests', async () => {
  const order = { machine, image: undefined, accelerator: 'tcg', cacheDir: dir, env } as const;
  const context = { signal: new AbortController().signal, report: () => {} };
  const message = await runKernelTests({ order, silenceMs: 1000 }, context).then(
    () => '',
    (error: Error) => error.message,
  );
  assert.is(message, 'Cannot run the tests of the kernel: the machine does not start it directly');
});

test.run();
