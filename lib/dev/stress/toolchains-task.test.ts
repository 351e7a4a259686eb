// The table of tested toolchains, and which ones count as untested. Also checks that docs/install.md names
// the lowest supported release of such a table.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { exitCodes } from '../../core/errors.ts';
import { leastRelease } from '../../crates/toolchain/choice.ts';
import { compareReleases } from '../../crates/toolchain/toolchain.ts';
import { withFakeHost } from '../testing/fake-toolchain.ts';
import { puppetTask } from '../testing/puppet-task.ts';
import { oldestOf, stressToolchains, tableOf, toolchainsFlags } from './toolchains-task.ts';
import type { ToolchainRow } from './toolchains-task.ts';

const root = join(import.meta.dirname, '../../..');
const trial = {
  cargo: '1.95.0 (f2d3ce0bd 2026-03-21)',
  tests: { good: 200, bad: 0 },
  histories: { good: 62, bad: 0 },
  calls: { good: 90, bad: 0 },
  faults: [],
  untried: [],
};
const rows: readonly ToolchainRow[] = [
  { name: 'stable', release: '1.95.0', trial },
  { name: 'a', release: leastRelease, trial: { ...trial, histories: { good: 61, bad: 1 }, faults: ['history x: y'], untried: ['z'] } },
  { name: 'debian:sid', why: 'Cannot read it' },
];

test('the table has a row for each toolchain, with faults and reasons below it', () => {
  assert.equal(tableOf(rows), [
    'toolchain   cargo    rustc   tests       histories          calls',
    'stable      1.95.0   1.95.0  200 passed  62 same            90 same',
    `a           1.95.0   ${leastRelease}  200 passed  61 same, 1 differ  90 same`,
    '  history x: y',
    '  untried: z',
    'debian:sid  untried',
    '  Cannot read it',
  ]);
  assert.is(oldestOf(rows), `the lowest supported release is ${leastRelease}, and was tried`);
  assert.is(oldestOf(rows.slice(0, 1)), `the lowest supported release is ${leastRelease}, and the oldest that was tried is 1.95.0`);
  assert.is(oldestOf([]), 'no toolchain was tried');
});

test('a missing or too old toolchain is untried, which is not a success', async () => {
  await withFakeHost(async (fake) => {
    await fake.onPath('1.63.0');
    const { task, lines } = puppetTask(toolchainsFlags, ['./usr', './none'], fake.folder, { ...fake.env, TMPDIR: fake.folder });
    const { exitCode, json } = await stressToolchains(task, root);
    assert.is(exitCode, exitCodes.host);
    const why = `Cannot use the toolchain "${join(fake.folder, 'usr')}": its release is 1.63.0, and the lowest supported release is ${leastRelease}`;
    assert.equal(lines.slice(1, 4), ['./usr      untried', `  ${why}`, './none     untried']);
    assert.is(lines.at(-1), 'no toolchain was tried');
    assert.match(JSON.stringify(json), `"toolchain":"./none","untried":"Cannot use the toolchain`);
  });
});

test('the lowest supported release in docs/install.md is the oldest of the printed table, in which all succeeded', async () => {
  const text = await readFile(join(root, 'docs/install.md'), 'utf8');
  const printed = /^ *toolchain +cargo +rustc.*\n((?: *\S.*\n)+)/m.exec(text)?.[1] ?? '';
  const releases = [...printed.matchAll(/^ *\S+ +\d[\d.]*\S* +(\d+\.\d+\.\d+)\S* .*$/gm)].map(([, release = '']) => release);
  assert.ok(releases.length >= 4, `the table of docs/install.md is not complete:\n${printed}`);
  assert.is(releases.sort(compareReleases)[0], leastRelease);
  assert.not.match(printed, /failed|differ/);
  assert.match(text, `Its release is at least ${leastRelease}.`);
});

test.run();
