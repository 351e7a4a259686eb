// tasks/fidelity.ts as users and scripts call it.
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { run } from '../../core/sh.ts';
import type { RunResult } from '../../core/sh.ts';
import { fidelityFlags } from './fidelity-task.ts';

const project = join(import.meta.dirname, '../../..');
const env = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));
const dir = await mkdtemp(join(tmpdir(), 'bloomery-fidelity-task-'));
await cp(join(project, 'fixtures/crates'), join(dir, 'checkout'), { recursive: true });
test.after(() => rm(dir, { recursive: true, force: true }));

function fidelity(...words: readonly string[]): Promise<RunResult> {
  return run([process.execPath, join(project, 'tasks/fidelity.ts'), ...words], { cwd: dir, env: { ...env, TMPDIR: dir } });
}

test('both profiles of a project are compared, and no file is left', async () => {
  const { exitCode, stdout, stderr } = await fidelity('checkout', '--json');
  assert.is(exitCode, 0, stdout + stderr);
  const rows = ['dev', 'release'].map((profile) => ({ project: 'checkout', profile, units: profile === 'dev' ? 8 : 9, differences: 0 }));
  assert.equal(JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? ''), { projects: rows });
  assert.equal((await run(['ls', dir], { cwd: dir, env })).stdout.trim(), 'checkout');
});

test('a chosen profile is the only one that is compared', async () => {
  const { exitCode, stdout } = await fidelity('checkout', '--release', '--package', 'shout');
  assert.is(exitCode, 0);
  assert.match(stdout, /^checkout +release +1 units?, 0 differences\n$/);
});

test('a folder without a project is an error', async () => {
  const { exitCode, stderr } = await fidelity('nowhere');
  assert.is(exitCode, 1);
  assert.match(stderr, 'there is no Cargo.toml');
});

test('every flag has a description', () => {
  for (const [name, { help }] of Object.entries(fidelityFlags)) assert.ok(help.length > 10, name);
});

test.run();
