// What test-boot.ts says of a record, in every form that was asked for. Booting itself is tested with real machines elsewhere.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { puppetTask } from '../../dev/testing/puppet-task.ts';
import { Failure } from '../../core/errors.ts';
import { system as asterinas } from '../../../systems/asterinas.ts';
import { system as redox } from '../../../systems/redox.ts';
import { bootFlags, judgeBoots, matrixOf } from './boot-task.ts';
import type { Task } from '../task.ts';
import type { Outcome } from '../../core/events.ts';

const root = resolve(import.meta.dirname, '../../..');
const dir = await mkdtemp(join(tmpdir(), 'bloomery-boot-task-'));
test.after(() => rm(dir, { recursive: true }));
const good = join(dir, 'good.log');
const bad = join(dir, 'bad.log');
await writeFile(good, '[    1.000000] WARNING: CPU: 1 PID: 7 at x\nhost login: ');
await writeFile(bad, '[    1.000000] Kernel panic - not syncing: <x>\n');

async function judged(words: readonly string[], env: Task['host']['env'] = {}): Promise<{ outcome: Outcome; lines: readonly string[] }> {
  const { task, lines } = puppetTask(bootFlags, words, dir, env);
  const outcome = await judgeBoots(task, root);
  return { outcome, lines };
}

test('a record that booted is exit 0, one that did not is exit 1, with a JUnit report of either', async () => {
  const first = await judged(['--replay', good, '--system', 'linux', '--junit', 'good.xml']);
  assert.is(first.outcome.exitCode, 0);
  assert.match(await readFile(join(dir, 'good.xml'), 'utf8'), 'failures="0"');
  const second = await judged(['--replay', bad, '--system', 'linux', '--junit', 'bad.xml']);
  assert.is(second.outcome.exitCode, 1);
  assert.match(await readFile(join(dir, 'bad.xml'), 'utf8'), '<failure type="kernel-panic"');
});

test('the matrix has other kernels for what they can start: kernels that the machine starts, and disks with words for them', () => {
  const rows = (system: typeof asterinas): readonly string[] =>
    matrixOf(system).map(({ profile, kernel }) => `${profile} ${kernel ?? 'own'}`);
  const found = rows(asterinas);
  for (const row of ['direct own', 'direct linux', 'iso own', 'disk own', 'disk linux', 'debian linux'])
    assert.ok(found.includes(row), row);
  for (const row of ['iso linux', 'installer linux', 'nixos own']) assert.not.ok(found.includes(row), row);
  assert.ok(rows(redox).every((row) => row.endsWith(' own')));
});

test('flags for what is built are refused where nothing is', async () => {
  for (const words of [['--features', 'x'], ['--release'], ['--kcmd-args', 'x'], ['--source', 'asterinas=.'], ['--sources', 'bundled']]) {
    const error: unknown = await judged(['asterinas', ...words]).catch((reason: unknown) => reason);
    assert.is(
      error instanceof Failure && `${error.exitCode} ${error.message}`,
      `2 Cannot read the command line: ${words[0]} is for --ktest`,
    );
  }
});

test('on GitHub a failure is an annotation, and nowhere else', async () => {
  const words = ['--replay', bad, '--system', 'linux'];
  assert.ok(
    (await judged(words, { GITHUB_ACTIONS: 'true' })).lines.some((line) => line.startsWith('::error title=boot of linux::bad.log')),
  );
  assert.not((await judged(words)).lines.some((line) => line.startsWith('::')));
});

test('findings are compared with what --json printed before', async () => {
  const words = ['--replay', good, '--system', 'linux'];
  const { outcome } = await judged(words);
  await writeFile(join(dir, 'old.json'), `a line of the console\n${JSON.stringify(outcome.json)}\n`);
  assert.ok((await judged([...words, '--findings', 'old.json'])).lines.includes('Findings are as in the earlier run'));
  await writeFile(join(dir, 'old.json'), '{"findings":[]}');
  assert.ok((await judged([...words, '--findings', 'old.json'])).lines.some((line) => /^new +1 x kernel-warning: /.test(line)));
});

test('what cannot be is told before anything is booted', async () => {
  const refused = async (...words: readonly string[]): Promise<string> =>
    judged(words).then(
      () => 'not refused',
      (error: unknown) => String(error),
    );
  assert.match(await refused('--replay', good, '--system', 'linux', '--findings', good), 'it is not what --json prints');
  await writeFile(join(dir, 'other.json'), '{"findings":[{"kind":"x","line":3,"count":1}]}');
  assert.match(await refused('--replay', good, '--system', 'linux', '--findings', 'other.json'), 'it is not what --json prints');
  assert.match(await refused('redox', 'other', '--keep'), '--keep is for one system');
  assert.match(await refused('redox', 'other', '--image', 'x.img'), '--image is for one system');
  assert.match(await refused('redox', '--retry', 'often'), 'Cannot use --retry "often"');
});

test.run();
