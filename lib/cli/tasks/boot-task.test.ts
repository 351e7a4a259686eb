// The reports of test-boot.ts for a record, in every requested form. Other tests boot real machines.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { run } from '../../core/sh.ts';
import type { RunResult } from '../../core/sh.ts';
import { system as asterinas } from '../../../systems/asterinas.ts';
import { system as redox } from '../../../systems/redox.ts';
import { matrixOf } from './boot-task.ts';

const root = resolve(import.meta.dirname, '../../..');
const dir = await mkdtemp(join(tmpdir(), 'bloomery-boot-task-'));
test.after(() => rm(dir, { recursive: true }));
const good = join(dir, 'good.log');
const bad = join(dir, 'bad.log');
await writeFile(good, '[    1.000000] WARNING: CPU: 1 PID: 7 at x\nhost login: ');
await writeFile(bad, '[    1.000000] Kernel panic - not syncing: <x>\n');

async function judged(words: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<RunResult> {
  const own = { PATH: process.env['PATH'] ?? '', HOME: dir, ...env };
  return await run([process.execPath, join(root, 'test-boot.ts'), ...words], { cwd: dir, env: own });
}

test('a record that booted is exit 0, one that did not is exit 1, with a JUnit report of either', async () => {
  const first = await judged(['--replay', good, '--system', 'linux', '--junit', 'good.xml']);
  assert.is(first.exitCode, 0);
  assert.match(await readFile(join(dir, 'good.xml'), 'utf8'), 'failures="0"');
  const second = await judged(['--replay', bad, '--system', 'linux', '--junit', 'bad.xml']);
  assert.is(second.exitCode, 1);
  assert.match(await readFile(join(dir, 'bad.xml'), 'utf8'), '<failure type="kernel-panic"');
});

test('the matrix has other kernels for the profiles that they can start: kernels that the machine starts, and disks with a command line', () => {
  const rows = (system: typeof asterinas): readonly string[] =>
    matrixOf(system).map(({ profile, kernel }) => `${profile} ${kernel ?? 'own'}`);
  const found = rows(asterinas);
  for (const row of ['direct own', 'direct linux', 'iso own', 'disk own', 'disk linux', 'debian linux'])
    assert.ok(found.includes(row), row);
  for (const row of ['iso linux', 'installer linux', 'nixos own']) assert.not.ok(found.includes(row), row);
  assert.ok(rows(redox).every((row) => row.endsWith(' own')));
});

test('flags of builds are refused if nothing is built', async () => {
  for (const words of [['--features', 'x'], ['--release'], ['--kcmd-args', 'x'], ['--source', 'asterinas=.'], ['--sources', 'bundled']]) {
    const { exitCode, stderr } = await judged(['asterinas', ...words]);
    assert.is(exitCode, 2);
    assert.match(stderr, `Cannot read the command line: ${words[0]} is for --ktest`);
  }
});

test('only on GitHub a failure is printed as an annotation', async () => {
  const words = ['--replay', bad, '--system', 'linux'];
  assert.match((await judged(words, { GITHUB_ACTIONS: 'true' })).stdout, /^::error title=boot of linux::bad\.log/m);
  assert.not.match((await judged(words)).stdout, /^::/m);
});

test('findings are compared with an earlier output of --json', async () => {
  const words = ['--replay', good, '--system', 'linux'];
  const { stdout } = await judged([...words, '--json']);
  await writeFile(join(dir, 'old.json'), `a line of the console\n${stdout}`);
  assert.match((await judged([...words, '--findings', 'old.json'])).stdout, /^Findings are as in the earlier run$/m);
  await writeFile(join(dir, 'old.json'), '{"findings":[]}');
  assert.match((await judged([...words, '--findings', 'old.json'])).stdout, /^new +1 x kernel-warning: /m);
});

test('impossible combinations are refused before a boot', async () => {
  const refused = async (...words: readonly string[]): Promise<string> => (await judged(words)).stderr;
  assert.match(await refused('--replay', good, '--system', 'linux', '--findings', good), 'it is not what --json prints');
  await writeFile(join(dir, 'other.json'), '{"findings":[{"kind":"x","line":3,"count":1}]}');
  assert.match(await refused('--replay', good, '--system', 'linux', '--findings', 'other.json'), 'it is not what --json prints');
  assert.match(await refused('redox', 'other', '--keep'), '--keep is for one system');
  assert.match(await refused('redox', 'other', '--image', 'x.img'), '--image is for one system');
  assert.match(await refused('redox', '--retry', 'often'), 'Cannot use --retry "often"');
});

test.run();
