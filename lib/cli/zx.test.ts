// The launcher of tasks: it must do what zx's own command line does. Tested in a small checkout, whose path
// has a space, with the link that the script of package.json creates.
import { copyFile, mkdir, mkdtemp, readFile, readlink, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { run } from '../core/sh.ts';
import type { RunResult } from '../core/sh.ts';
import { repository } from './task.ts';

const zxPackage = join(repository, 'node_modules/zx');
const env = { PATH: `${join(repository, 'node_modules/.bin')}:${process.env['PATH'] ?? ''}`, HOME: '/nonexistent' };

/** Does what its first argument selects, and prints whether the command line of zx is loaded. */
const puppet = `
import module from 'node:module';
const [kind] = argv._;
console.log(kind, Object.keys(require.cache).some((path) => path.endsWith('zx/build/cli.cjs')) ? 'by zx' : 'directly');
if (kind === 'words') console.log(JSON.stringify([argv, process.argv.slice(2), __filename, __dirname, typeof require('fs').statSync]));
if (kind === 'shell') {
  process.chdir('/');
  glob = 'mine';
  const { argv: same, $: shell } = await import('zx');
  console.log((await $\`pwd\`).stdout, glob, chalk.bold('x'), same === argv, shell === $, await (await fetch('data:,text')).text());
}
if (kind === 'status') process.exitCode = 7;
if (kind === 'error') throw new TypeError('oops');
if (kind === 'command') await $\`echo no; exit 3\`;
if (kind === 'import') console.log((await import('../lib/a b.ts')).answer, (await import('./absent.ts').catch(String)));
if (kind === 'stuck') await new Promise(() => {});
`;

interface Checkout {
  readonly root: string;
  /** Runs a command in the checkout. */
  readonly play: (argv: readonly string[], more?: Record<string, string>) => Promise<RunResult>;
}

/** A checkout with the launcher and zx, as after \`npm ci\`. */
async function withCheckout(use: (checkout: Checkout) => Promise<void>): Promise<void> {
  const home = await mkdtemp(join(tmpdir(), 'bloomery-zx-'));
  const root = join(home, 'a checkout');
  const play: Checkout['play'] = (argv, more = {}) => run(['/usr/bin/env', ...argv], { cwd: root, env: { ...env, ...more } });
  try {
    for (const folder of ['tasks/below', 'lib/cli', 'node_modules/.bin', 'elsewhere']) await mkdir(join(root, folder), { recursive: true });
    for (const file of ['lib/cli/zx.mjs', 'lib/cli/compile-cache.ts', 'package.json']) {
      await copyFile(join(repository, file), join(root, file));
    }
    await symlink(zxPackage, join(root, 'node_modules/zx'));
    await writeFile(join(root, 'lib/a b.ts'), `export { answer } from './cli/c d.ts';\n`);
    await writeFile(join(root, 'lib/cli/c d.ts'), 'export const answer: number = 42;\n');
    for (const name of ['tasks/a task.ts', 'test-it.ts', 'tasks/below/x.ts', 'elsewhere/x.ts']) await writeFile(join(root, name), puppet);
    await symlink('../zx/build/cli.js', join(root, 'node_modules/.bin/zx'));
    assert.is((await linked(root)).stderr, '');
    await use({ root, play });
  } finally {
    await rm(home, { recursive: true });
  }
}

/** Runs the script of package.json as npm does. */
async function linked(root: string): Promise<RunResult> {
  const script: string = JSON.parse(await readFile(join(repository, 'package.json'), 'utf8')).scripts.dependencies;
  return run(['/bin/sh', '-c', script], { cwd: root, env });
}

const launcher = 'node_modules/.bin/zx';
const zx = ['node', join(zxPackage, 'build/cli.js')];

/** Runs both. Returns the result of the launcher, after a check that zx's is the same except for the way. */
async function both({ play }: Checkout, words: readonly string[], more: Record<string, string> = {}): Promise<RunResult> {
  // One after the other: zx copies a script without an extension, and chooses another name if that is taken.
  const ours = await play([launcher, ...words], more);
  const theirs = await play([...zx, ...words], more);
  const facts = ({ exitCode, stdout, stderr }: RunResult): unknown => [exitCode, stdout.replace(/ directly\n/, ' by zx\n'), stderr];
  assert.equal(facts(ours), facts(theirs), words.join(' '));
  return ours;
}

test("npm's link to zx becomes a link to the launcher; any other file is not changed", async () => {
  await withCheckout(async ({ root }) => {
    const path = join(root, launcher);
    assert.is(await readlink(path), '../../lib/cli/zx.mjs');
    await rm(path);
    assert.is((await linked(root)).exitCode, 0);
    await writeFile(path, '#!/bin/sh\n');
    assert.is((await linked(root)).exitCode, 0);
    assert.is(await readFile(path, 'utf8'), '#!/bin/sh\n');
  });
});

test('a task has the globals of zx', async () => {
  await withCheckout(async ({ root, play }) => {
    const names = `console.log(JSON.stringify(Object.getOwnPropertyNames(globalThis).sort().map((name) => [name, typeof globalThis[name]])));`;
    await writeFile(join(root, 'tasks/names.ts'), names);
    const [ours, theirs] = await Promise.all([play([launcher, 'tasks/names.ts']), play([...zx, 'tasks/names.ts'])]);
    // zx is a CommonJS package, so that it also defines "default", which a script cannot name
    const named = ({ stdout }: RunResult): unknown => JSON.parse(stdout).filter(([name]: [string]) => name !== 'default');
    assert.equal(named(ours), named(theirs));
  });
});

test('a task ends as under zx, with the same output', async () => {
  await withCheckout(async (checkout) => {
    const task = 'tasks/a task.ts';
    const ends = [
      [0, 'words', 'x', '--flag', '--n=1', '-v', '--', '--last', '--'],
      [0, 'shell'],
      [0, 'import'],
      [7, 'status'],
      [1, 'error'],
      [1, 'command'],
      [0, 'stuck'],
    ] as const;
    for (const [code, kind, ...words] of ends) {
      const { exitCode, stdout } = await both(checkout, [task, kind, ...words]);
      assert.equal([exitCode, stdout.split('\n')[0]], [code, `${kind} directly`]);
    }
  });
});

test('a task of the checkout is found by its real path', async () => {
  await withCheckout(async (checkout) => {
    const { root, play } = checkout;
    await symlink('../tasks/a task.ts', join(root, 'elsewhere/link.ts'));
    await symlink(root, join(dirname(root), 'link'));
    await symlink(join(root, launcher), join(dirname(root), 'bin'));
    for (const script of ['test-it.ts', join(root, 'tasks/a task.ts'), '../link/tasks/a task.ts', 'elsewhere/link.ts']) {
      assert.match((await both(checkout, [script, 'words'])).stdout, 'words directly');
    }
    for (const other of ['../bin', '../link/node_modules/.bin/zx', 'lib/cli/zx.mjs']) {
      assert.match((await play([other, 'test-it.ts', 'words'])).stdout, 'words directly', other);
    }
  });
});

test('everything else is left to zx', async () => {
  await withCheckout(async (checkout) => {
    const { root } = checkout;
    await writeFile(join(root, 'tasks/x.mjs'), puppet);
    await writeFile(join(root, 'tasks/text'), puppet);
    await symlink('tasks/x.mjs', join(root, 'link.ts'));
    await symlink('test-it.ts', join(root, 'link.mjs'));
    for (const script of ['elsewhere/x.ts', 'tasks/below/x.ts', 'tasks/text', 'link.ts', 'link.mjs']) {
      assert.match((await both(checkout, [script, 'words'])).stdout, 'words by zx\n', script);
    }
    assert.match((await both(checkout, ['--quiet', 'test-it.ts', 'status'])).stdout, 'status by zx');
    assert.match((await both(checkout, ['test-it.ts', 'status'], { ZX_VERBOSE: 'true' })).stdout, 'status by zx');
    assert.is((await both(checkout, ['--version'])).exitCode, 0);
    for (const words of [['--help'], ['-e', 'echo`a`'], ['-'], [], ['tasks'], ['missing.ts'], ['tasks/missing.ts']])
      await both(checkout, words);
  });
});

test('a Node that does not read TypeScript gets the message of zx', async () => {
  await withCheckout(async (checkout) => {
    const { exitCode, stderr } = await both(checkout, ['test-it.ts'], { NODE_OPTIONS: '--no-experimental-strip-types' });
    assert.is(exitCode, 1);
    assert.match(stderr, 'ERR_UNKNOWN_FILE_EXTENSION');
  });
});

test('the compile cache is in the folder that the tasks use, or in that of NODE_COMPILE_CACHE', async () => {
  await withCheckout(async ({ root, play }) => {
    const text = `import { getCompileCacheDir } from 'node:module';
      const before = getCompileCacheDir();
      await import('../lib/cli/compile-cache.ts');
      console.log(JSON.stringify([before, getCompileCacheDir(), process.env.NODE_COMPILE_CACHE]));`;
    await writeFile(join(root, 'tasks/cache.ts'), text);
    for (const [folder, more] of [
      [join(root, 'node_modules/.cache/node')],
      [join(root, 'mine'), { NODE_COMPILE_CACHE: join(root, 'mine') }],
    ] as const) {
      const [before, after, threads] = JSON.parse((await play([launcher, 'tasks/cache.ts'], more)).stdout);
      assert.equal([dirname(before), after, threads], [folder, before, folder]);
    }
    const plain = JSON.parse((await play([...zx, 'tasks/cache.ts'])).stdout);
    assert.is(plain[2], join(root, 'node_modules/.cache/node'), 'under zx alone too');
  });
});

test('without a folder for the compile cache a task runs all the same', async () => {
  await withCheckout(async ({ root, play }) => {
    await writeFile(join(root, 'node_modules/.cache'), 'no folder');
    const { exitCode, stdout, stderr } = await play([launcher, 'test-it.ts', 'words']);
    assert.equal([exitCode, stdout.split('\n')[0], stderr], [0, 'words directly', '']);
  });
});

test.run();
