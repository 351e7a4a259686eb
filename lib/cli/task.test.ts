// The end of a task: its text, its exit code, and where the arguments begin. Tested with a small task in a
// separate process.
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { cannot } from '../core/errors.ts';
import { run, start } from '../core/sh.ts';
import type { RunResult } from '../core/sh.ts';
import { coloursFor, plainText } from '../report/progress.ts';
import { scriptArguments } from './compile-cache.ts';
import { errorText } from './task.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const env = { PATH: `${join(root, 'node_modules/.bin')}:${process.env['PATH'] ?? ''}`, HOME: process.env['HOME'] ?? '/' };

/** A task that ends in the way that its argument selects. */
const puppet = `
import { cannot } from 'LIB/core/errors.ts';
import { task } from 'LIB/cli/task.ts';
await task({
  command: 'puppet', words: '[WORD]', about: 'A puppet.', count: [0, 1], examples: [],
  flags: { json: { type: 'boolean', help: 'JSON' }, cache: { type: 'string', help: 'x' } },
}, async ({ args, host, path, print, signal }) => {
  switch (args.words[0]) {
    case 'usage': throw cannot('do it', 'no', { blame: 'usage', hint: 'try again' });
    case 'host': throw cannot('do it', 'no', { blame: 'host', detail: 'last words' });
    case 'bug': throw new TypeError('oops');
    case 'seven': return { exitCode: 7 };
    case 'stuck': return await new Promise(() => {});
    case 'wait':
      process.stderr.write('ready');
      const timer = setInterval(() => {}, 1000);
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      clearInterval(timer);
      throw new Error('a consequence of the abort');
    default: print('result'); return { json: { cwd: host.cwd, cache: host.cacheDir, x: path('x') } };
  }
});
`;

type Play = (words: readonly string[], more?: { runner?: string; env?: Record<string, string> }) => Promise<RunResult>;

async function withPuppet(use: (play: Play, script: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'bloomery-task-'));
  try {
    await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
    const script = join(folder, 'puppet.ts');
    await writeFile(script, puppet.replaceAll('LIB', join(root, 'lib')));
    await use((words, more = {}) => run([more.runner ?? 'node', script, ...words], { cwd: folder, env: { ...env, ...more.env } }), script);
  } finally {
    await rm(folder, { recursive: true });
  }
}

test('an error is its detail, its sentence and its hint; a stack is printed only for a bug', () => {
  assert.is(
    errorText(cannot('read "x"', 'it is a folder', { hint: 'give a file', detail: 'cat: x' }), plainText),
    'cat: x\nerror: Cannot read "x": it is a folder\nhint: give a file\n',
  );
  const bug = errorText(new TypeError('oops'), plainText);
  assert.match(bug, /^bug: .*report this/);
  assert.match(bug, /TypeError: oops\n +at /);
  assert.match(errorText('a string', plainText), /a string/);
});

test('colour is only written when asked for', async () => {
  assert.not.match(errorText(cannot('a', 'b', { hint: 'c' }), plainText), /\x1b/);
  assert.match(errorText(cannot('a', 'b', { hint: 'c' }), await coloursFor(true)), /\x1b\[31merror/);
});

test('the arguments begin after the script, under zx and under node', () => {
  assert.equal(scriptArguments(['/bin/node', '/x/zx/build/cli.js', 'tasks/build.ts', 'redox', '--json']), ['redox', '--json']);
  assert.equal(scriptArguments(['/bin/node', '/x/tasks/build.ts', 'redox']), ['redox']);
  assert.equal(scriptArguments(['/bin/node', '/x/tasks/build.ts']), []);
  assert.equal(
    scriptArguments(['/bin/node', '/x/tasks/test.ts', 'lib/core/sh.test.ts']),
    ['lib/core/sh.test.ts'],
    'only the first is the script',
  );
});

test('a task that waits for something that can never happen ends with a sentence', async () => {
  await withPuppet(async (play) => {
    for (const runner of ['node', 'zx']) {
      const { exitCode, stderr } = await play(['stuck'], { runner });
      assert.equal(
        [exitCode, stderr.split('\n').slice(0, 1), stderr.split('\n').length],
        [1, ['error: Cannot finish: the task waits for something that can never happen'], 3],
        runner,
      );
    }
  });
});

test('with zx and with node the same task prints the same', async () => {
  await withPuppet(async (play) => {
    const [zx, node] = [await play(['--json'], { runner: 'zx' }), await play(['--json'])];
    assert.is(zx.stdout, node.stdout);
    assert.is(zx.exitCode, 0, zx.stderr);
    const lines = node.stdout.trim().split('\n');
    assert.is(lines[0], 'result');
    assert.match(JSON.parse(lines[1] ?? '').x, /\/bloomery-task-.*\/x$/);
  });
});

test('the cache directory is BLOOMERY_CACHE, else below XDG_CACHE_HOME, else below the home', async () => {
  await withPuppet(async (play) => {
    const cacheOf = async (more: Record<string, string>): Promise<string> =>
      JSON.parse((await play(['--json'], { env: more })).stdout.trim().split('\n').at(-1) ?? '').cache;
    assert.is(await cacheOf({ BLOOMERY_CACHE: '/c', XDG_CACHE_HOME: '/x', HOME: '/h' }), '/c');
    assert.is(await cacheOf({ XDG_CACHE_HOME: '/x', HOME: '/h' }), '/x/bloomery');
    assert.is(await cacheOf({ HOME: '/h' }), '/h/.cache/bloomery');
  });
});

test('the exit code carries the blame, and only a bug shows a stack', async () => {
  await withPuppet(async (play) => {
    for (const [word, code] of [
      ['usage', 2],
      ['host', 69],
      ['bug', 70],
      ['seven', 7],
    ] as const) {
      const result = await play([word]);
      assert.is(result.exitCode, code, word);
      assert.is(/^ +at /m.test(result.stderr), word === 'bug', word);
    }
    assert.is((await play(['--jsn'])).exitCode, 2);
    assert.match((await play(['--jsn'])).stderr, /did you mean --json\?/);
  });
});

test('SIGINT, SIGTERM and SIGHUP end a task with 130 and one sentence, whatever error the work throws then', async () => {
  await withPuppet(async (_play, script) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      const { promise: ready, resolve } = Promise.withResolvers<void>();
      const child = start(['node', script, 'wait'], { cwd: root, env, onStderr: () => resolve() });
      await ready;
      process.kill(child.pid, signal);
      const result = await child.ended;
      assert.is(result.exitCode, 130, signal);
      assert.match(result.stderr, /error: Cannot finish: interrupted\nhint: /);
      assert.not.match(result.stderr, /consequence|bug:/);
    }
  });
});

test('standard output that cannot be written is a failure of the host, without a stack', async () => {
  await withPuppet(async (_, script) => {
    const ended = await run(['sh', '-c', `node ${script} >/dev/full`], { cwd: root, env });
    assert.equal(
      [ended.exitCode, ended.stderr.split('\n')[0]],
      [69, 'error: Cannot write to standard output: no space left on the device'],
    );
  });
});

test('standard error that cannot be written changes neither the result nor the exit code', async () => {
  await withPuppet(async (_, script) => {
    for (const [word, exitCode] of [
      ['seven', 7],
      ['usage', 2],
    ] as const) {
      const ended = await run(['sh', '-c', `node ${script} ${word} 2>/dev/full`], { cwd: root, env });
      assert.equal([word, ended.exitCode, ended.stderr], [word, exitCode, '']);
    }
  });
});

test('a reader that ends early is not an error', async () => {
  await withPuppet(async (_play, script) => {
    const result = await run(['sh', '-c', `node '${script}' --json | true; echo done`], { cwd: root, env });
    assert.is(result.stdout, 'done\n');
    assert.is(result.stderr, '');
  });
});

test.run();
