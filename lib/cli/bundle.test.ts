// The bundle of a task: when the launcher runs it, and that it does the same as the sources. Tested in a small
// checkout with a task of its own.
import { copyFile, cp, mkdir, mkdtemp, readdir, readFile, realpath, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { optionalParts } from './optional-parts.ts';
import { run } from '../core/sh.ts';
import type { RunResult } from '../core/sh.ts';
import { repository } from './task.ts';

const env = { PATH: `${join(repository, 'node_modules/.bin')}:${process.env['PATH'] ?? ''}`, HOME: '/nonexistent' };

/** Prints where its modules are, and whether an optional part has the same classes as the task. */
const task = `
import { join } from 'node:path';
import { optionalPart } from '../lib/cli/optional-parts.ts';
import { Failure } from '../lib/core/errors.ts';
import { answer, folder, url } from '../lib/deep/answer.ts';
const { failure } = await optionalPart(join(folder, '../..'), 'tests', 'run tests', ['failure']);
const bundled = new Error().stack.includes('.cache/bundle');
console.log(JSON.stringify({ bundled, answer, folder, url, same: failure() instanceof Failure }));
if (process.argv.includes('fail')) process.exitCode = 3;
`;

const answer = `
export const answer: number = 42;
export const folder = import.meta.dirname;
export const url = import.meta.url;
`;

interface Checkout {
  readonly root: string;
  /** Runs the task. */
  readonly play: (...words: readonly string[]) => Promise<RunResult>;
  /** Makes the bundle. */
  readonly bundle: () => Promise<RunResult>;
}

async function withCheckout(use: (checkout: Checkout) => Promise<void>): Promise<void> {
  const home = await realpath(await mkdtemp(join(tmpdir(), 'bloomery-bundle-')));
  const root = join(home, 'a checkout');
  try {
    for (const folder of ['tasks', 'lib/cli', 'lib/deep', 'node_modules/.bin']) await mkdir(join(root, folder), { recursive: true });
    for (const name of ['zx.mjs', 'bundle.ts', 'optional-parts.ts'])
      await copyFile(join(repository, 'lib/cli', name), join(root, 'lib/cli', name));
    await cp(join(repository, 'lib/core'), join(root, 'lib/core'), { recursive: true, filter: (path) => !path.endsWith('.test.ts') });
    await copyFile(join(repository, 'package.json'), join(root, 'package.json'));
    await writeFile(join(root, 'tasks/crates.ts'), task);
    await writeFile(join(root, 'lib/deep/answer.ts'), answer);
    for (const path of Object.values(optionalParts)) {
      await mkdir(join(root, dirname(path)), { recursive: true });
      const up = '../'.repeat(path.split('/').length - 2);
      await writeFile(
        join(root, path),
        `import { cannot } from '${up}core/errors.ts';\nexport const failure = () => cannot('be', 'it is not');\n`,
      );
    }
    for (const name of ['zx', 'esbuild', '@esbuild'])
      await symlink(join(repository, 'node_modules', name), join(root, 'node_modules', name));
    await symlink('../../lib/cli/zx.mjs', join(root, 'node_modules/.bin/zx'));
    const node = (...argv: readonly string[]): Promise<RunResult> => run(['/usr/bin/env', 'node', ...argv], { cwd: root, env });
    await use({
      root,
      play: (...words) => node('node_modules/.bin/zx', 'tasks/crates.ts', ...words),
      bundle: () => node('lib/cli/bundle.ts'),
    });
  } finally {
    await rm(home, { recursive: true });
  }
}

test('a bundle does the same as the sources: paths of files, classes of optional parts', () =>
  withCheckout(async ({ root, play, bundle }) => {
    const expected = {
      answer: 42,
      folder: join(root, 'lib/deep'),
      url: `file://${encodeURI(join(root, 'lib/deep/answer.ts'))}`,
      same: true,
    };
    assert.equal(JSON.parse((await play()).stdout), { bundled: false, ...expected });
    assert.is((await bundle()).exitCode, 0);
    assert.equal(JSON.parse((await play()).stdout), { bundled: true, ...expected });
  }));

test('after a change the sources run, and the next run has a new bundle', () =>
  withCheckout(async ({ root, play, bundle }) => {
    await bundle();
    const source = join(root, 'lib/deep/answer.ts');
    for (const change of [
      () => writeFile(source, answer.replace('42', '43')),
      () => utimes(source, 1, 1),
      () => writeFile(join(root, 'lib/cli/bundle.ts'), '\n', { flag: 'a' }),
    ]) {
      await change();
      for (const bundled of [false, true]) {
        const said = JSON.parse((await play()).stdout);
        assert.equal([said.bundled, said.answer], [bundled, 43], String(change));
      }
    }
  }));

test('a task that fails makes no new bundle, and a broken source is reported by Node', () =>
  withCheckout(async ({ root, play, bundle }) => {
    await bundle();
    const bundles = (): Promise<string> => readFile(join(root, 'node_modules/.cache/bundle/tasks-crates.mjs'), 'utf8');
    const before = await bundles();
    await writeFile(join(root, 'lib/deep/answer.ts'), answer.replace('42', '43'));
    assert.is((await play('fail')).exitCode, 3);
    assert.equal(await bundles(), before);
    await writeFile(join(root, 'lib/deep/answer.ts'), 'export const answer = ;');
    const { exitCode, stderr } = await play();
    assert.is(exitCode, 1);
    assert.match(stderr, 'deep/answer.ts');
    assert.equal(await bundles(), before);
    assert.is.not((await bundle()).exitCode, 0);
    assert.equal(await bundles(), before);
  }));

test('a removed or damaged bundle, and one without its list, are not used', () =>
  withCheckout(async ({ root, play, bundle }) => {
    await bundle();
    const folder = join(root, 'node_modules/.cache/bundle');
    const [list = '', script = ''] = (await readdir(folder)).sort();
    for (const change of [
      () => rm(join(folder, script)),
      () => writeFile(join(folder, list), 'no list'),
      () => writeFile(join(folder, list), '{}'),
      () => rm(join(folder, list)),
      () => rm(folder, { recursive: true }),
    ]) {
      await bundle();
      await change();
      assert.is(JSON.parse((await play()).stdout).bundled, false, String(change));
    }
  }));

test('every optional part of a task with a bundle is in it', async () => {
  const text = await readFile(join(repository, 'lib/cli/bundle.ts'), 'utf8');
  const [, parts = ''] = /'tasks\/crates\.ts': \[(.*?)\]/.exec(text) ?? [];
  const used = await readFile(join(repository, 'lib/cli/tasks/crates-task.ts'), 'utf8');
  const named = [...used.matchAll(/optionalPart<\w+>\(repository, '([^']+)'/g)].map(([, name]) => name);
  assert.ok(named.length > 0);
  assert.equal([...parts.matchAll(/'([^']+)'/g)].map(([, name]) => name).sort(), [...new Set(named)].sort());
});

test.run();
