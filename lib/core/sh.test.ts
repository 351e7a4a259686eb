// Processes of ours: what they get, what they give back, and that none of them outlives what it was started for.
import { closeSync, openSync } from 'node:fs';
import { readFile, rm, mkdtemp, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Failure } from './errors.ts';
import { findProgram, outputOf, run, start } from './sh.ts';
import type { Child } from './sh.ts';

const plain = { cwd: '/', env: {} };

/** Starts a shell script that says a process id on standard error when it is ready; gives both. */
async function puppet(script: string, signal?: AbortSignal): Promise<{ child: Child; saidPid: number }> {
  const { promise, resolve } = Promise.withResolvers<number>();
  const child = start(['sh', '-c', script], { ...plain, signal, onStderr: (chunk) => resolve(Number(chunk)) });
  const tooEarly = child.ended.then(({ stderr }) => assert.unreachable(`the puppet ended first: ${stderr}`));
  return { child, saidPid: (await Promise.race([promise, tooEarly])) ?? 0 };
}

/** Waits until a process is gone (or a zombie that its parent has not asked about); fails after ten seconds. */
async function gone(pid: number): Promise<void> {
  for (let tries = 0; tries < 1000; tries++) {
    const state = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
    if (state === '' || /^\d+ \(.*\) Z/s.test(state)) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.unreachable(`process ${pid} is still running`);
}

test('the exit code, standard output and standard error come back as they were', async () => {
  const result = await run(['sh', '-c', 'echo out; echo err >&2; exit 3'], plain);
  assert.equal([result.exitCode, result.stdout, result.stderr, result.killedBy, result.timedOut], [3, 'out\n', 'err\n', null, false]);
});

test('letters of several bytes are whole, wherever a pipe cuts them', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sh-letters-'));
  try {
    const text = '─'.repeat(300_000);
    await writeFile(join(folder, 'text'), text);
    const { stdout, stderr } = await run(['sh', '-c', 'cat text; cat text >&2'], { cwd: folder, env: {} });
    assert.ok(stdout === text);
    assert.ok(stderr === text);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('arguments reach the program letter by letter', async () => {
  const hard = ['', ' ', 'a b', '$HOME', '`id`', '$(id)', "it's", '"', '\\', '*', '-n', 'x;y', 'a\nb', 'ä€', '--'];
  const { stdout } = await run(['printf', '%s\\0', ...hard], plain);
  assert.equal(stdout.split('\0').slice(0, -1), hard);
});

test('a command line may be longer than a shell would take', async () => {
  const words = Array.from({ length: 30_000 }, (_, index) => `--word=${index}`);
  const { stdout } = await run(['printf', '%s\\n', ...words], plain);
  assert.is(stdout, words.map((word) => `${word}\n`).join(''));
});

test('the child has the declared environment and nothing of ours', async () => {
  const { stdout } = await run(['env', '-0'], { cwd: '/', env: { ONE: '1', TWO: 'a\nb' } });
  const names = stdout
    .split('\0')
    .filter(Boolean)
    .map((entry) => entry.split('=')[0])
    .map(String);
  assert.equal(names.sort(), ['ONE', 'PATH', 'TWO']);
  assert.ok(stdout.includes('TWO=a\nb\0'));
});

test('the child runs in the folder it is told', async () => {
  assert.is((await run(['pwd'], { cwd: '/usr', env: {} })).stdout, '/usr\n');
});

test('standard input is the text or the bytes given, else empty', async () => {
  assert.is((await run(['cat'], { ...plain, stdin: 'one\ntwo' })).stdout, 'one\ntwo');
  assert.is((await run(['wc', '-c'], { ...plain, stdin: new Uint8Array([0, 255, 10, 0]) })).stdout.trim(), '4');
  assert.is((await run(['cat'], plain)).stdout, '');
  assert.is((await run(['cat'], { ...plain, stdin: '' })).stdout, '');
});

test('a child that does not read its input is no error', async () => {
  const result = await run(['true'], { ...plain, stdin: 'x'.repeat(2 ** 20) });
  assert.is(result.exitCode, 0);
});

test('standard error is seen while the child still runs', async () => {
  const { child, saidPid } = await puppet('echo $$ >&2; read line');
  assert.is(saidPid, child.pid);
  child.stop();
  await child.ended;
});

test('a program that does not exist is a failure of the host, named', async () => {
  try {
    await run(['no-such-program-of-ours'], plain);
    assert.unreachable('it ran');
  } catch (error) {
    assert.instance(error, Failure);
    assert.is((error as Failure).blame, 'host');
    assert.match((error as Failure).message, /"no-such-program-of-ours"/);
  }
});

test('a folder that does not exist is named, and not mistaken for the program', async () => {
  try {
    await run(['true'], { cwd: '/no-such-folder', env: {} });
    assert.unreachable('it ran');
  } catch (error) {
    assert.is((error as Error).message, 'Cannot start "true": its working folder "/no-such-folder" does not exist');
  }
});

test('a child that takes too long is stopped and the result says so', async () => {
  const result = await run(['sleep', '1000'], { ...plain, timeoutMs: 50 });
  assert.equal([result.timedOut, result.exitCode, result.killedBy], [true, null, 'SIGTERM']);
});

test('a child that prints more than it may is killed, and what it printed before is kept', async () => {
  const endless = await run(['sh', '-c', 'trap "" TERM; echo first; exec yes'], { cwd: '/', env: {}, mostOutputBytes: 1 << 20 });
  assert.equal([endless.printedTooMuch, endless.killedBy, endless.stdout.startsWith('first\n')], [true, 'SIGKILL', true]);
  assert.ok(endless.stdout.length <= 1 << 20);
  const both = await run(['sh', '-c', 'echo 12345; echo 12345 >&2'], { cwd: '/', env: {}, mostOutputBytes: 12 });
  assert.equal([both.printedTooMuch, both.exitCode], [false, 0]);
});

test('a child that ignores SIGTERM is killed', async () => {
  const { child } = await puppet('trap "" TERM; echo $$ >&2; while :; do sleep 1000; done');
  child.stop();
  assert.is((await child.ended).killedBy, 'SIGKILL');
});

test('an abort ends the child and what it has started, and is thrown as its reason', async () => {
  const abort = new AbortController();
  const { child, saidPid } = await puppet('sleep 1000 & echo $! >&2; wait', abort.signal);
  abort.abort(new Error('enough'));
  await child.ended;
  await gone(saidPid);
  try {
    await run(['true'], { ...plain, signal: abort.signal });
    assert.unreachable('it ran');
  } catch (error) {
    assert.is((error as Error).message, 'enough');
  }
});

test('what a child leaves running in its group ends with it', async () => {
  const { child, saidPid } = await puppet('sleep 1000 >/dev/null 2>&1 & echo $! >&2');
  assert.is((await child.ended).exitCode, 0);
  await gone(saidPid);
});

test('a child ends when it has ended, even if something it started still holds its output open', async () => {
  const { child, saidPid } = await puppet('sleep 1000 & echo $! >&2');
  assert.is((await child.ended).exitCode, 0);
  await gone(saidPid);
});

/** Runs with the path of a named pipe. A process that opens it waits until `release` is called. */
async function withLeaver(use: (fifo: string, release: () => void) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'sh-leaver-'));
  const fifo = join(folder, 'fifo');
  let opened: number | undefined;
  try {
    await run(['mkfifo', fifo, `${fifo}-ready`], plain);
    await use(fifo, () => (opened ??= openSync(fifo, 'r+'))); // does not wait for a reader
  } finally {
    opened ??= openSync(fifo, 'r+');
    closeSync(opened);
    await rm(folder, { recursive: true });
  }
}

/** Prints when a process is in a group of its own that holds the output open. It ends and leaves that process. */
const leaving = (fifo: string): readonly string[] => [
  'sh',
  '-c',
  `setsid sh -c 'echo left; : > ${fifo}-ready; : < ${fifo}' & : < ${fifo}-ready; echo out; echo ready >&2; exit 3`,
];

test('a process that left its group is waited for, since its output may be wanted', async () => {
  await withLeaver(async (fifo, release) => {
    const child = start(leaving(fifo), plain);
    let isEnded = false;
    void child.ended.then(() => (isEnded = true));
    for (let state = 'S'; state !== '' && !/^\d+ \(.*\) Z/s.test(state);) {
      await new Promise((resolve) => setTimeout(resolve, 10));
      state = await readFile(`/proc/${child.pid}/stat`, 'utf8').catch(() => '');
    }
    assert.is(isEnded, false);
    release();
    const { exitCode, heldOpen, stdout } = await child.ended;
    assert.equal([exitCode, heldOpen, stdout.split('\n').toSorted()], [3, false, ['', 'left', 'out']]);
  });
});

test('with a limit, the result has what was read until then, and says that the output was held open', async () => {
  await withLeaver(async (fifo) => {
    const { exitCode, heldOpen, stdout } = await run(leaving(fifo), { ...plain, outputGraceMs: 1 });
    assert.equal([exitCode, heldOpen], [3, true]);
    assert.match(stdout, 'out\n');
  });
  const { heldOpen, stdout } = await run(['sh', '-c', 'echo all'], { ...plain, outputGraceMs: 600_000 });
  assert.equal([heldOpen, stdout], [false, 'all\n']);
});

test('an abort does not wait for a process that left its group', async () => {
  await withLeaver(async (fifo) => {
    const abort = new AbortController();
    const child = start(leaving(fifo), { ...plain, signal: abort.signal, onStderr: () => abort.abort() });
    assert.is((await child.ended).heldOpen, true);
  });
});

test('kill -9 of the process that started a child ends the child, also a sandbox', async () => {
  const bwrap = ['bwrap', '--dev-bind', '/', '/', '--die-with-parent', '--'];
  for (const before of [[], bwrap]) {
    const folder = await mkdtemp(join(tmpdir(), 'bloomery-sh-'));
    try {
      const script = join(folder, 'parent.ts');
      const argv = JSON.stringify([...before, 'sh', '-c', 'echo $$ >&2; exec sleep 1000']);
      await writeFile(
        script,
        `
        import { start } from ${JSON.stringify(new URL('sh.ts', import.meta.url).href)};
        const child = start(${argv}, { cwd: '/', env: {}, onStderr: (chunk) => process.stderr.write(chunk) });
        await child.ended;`,
      );
      const { child, saidPid } = await puppet(`exec '${process.execPath}' '${script}'`);
      assert.is.not(saidPid, child.pid, 'the id is that of the grandchild');
      process.kill(child.pid, 'SIGKILL');
      assert.is((await child.ended).killedBy, 'SIGKILL');
      await gone(saidPid);
    } finally {
      await rm(folder, { recursive: true });
    }
  }
});

test("outputOf gives standard output, or a failure with the program's last words", async () => {
  assert.is(await outputOf('greet', ['echo', 'hello'], plain), 'hello\n');
  try {
    await outputOf('greet', ['sh', '-c', 'echo nobody is here >&2; exit 4'], plain);
    assert.unreachable('it succeeded');
  } catch (error) {
    assert.is((error as Failure).message, 'Cannot greet: sh ended with status 4');
    assert.is((error as Failure).detail, 'nobody is here');
  }
});

test('a folder of the path that cannot be looked at has no programs, and the next one is looked at', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'bloomery-path-'));
  try {
    await symlink('loop', join(folder, 'loop')); // a loop cannot be looked at by root either
    await writeFile(join(folder, 'file'), '');
    assert.is(await findProgram('sh', `${folder}/loop:${folder}/file:${folder}/absent::/bin`), '/bin/sh');
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('programs are found on the path given and nowhere else', async () => {
  assert.match((await findProgram('sh', '/usr/bin:/bin')) ?? '', /^\/(usr\/)?bin\/sh$/);
  assert.is(await findProgram('sh', '/nowhere'), undefined);
});

test.run();
