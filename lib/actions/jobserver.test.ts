// Tokens limit how many of the project's processes and their threads run at once. One process may always run.
import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs';
import { mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { outputOf } from '../core/sh.ts';
import { openJobserver } from './jobserver.ts';
import type { Jobserver } from './jobserver.ts';

const context = { signal: new AbortController().signal, report: () => {} };

async function withJobserver(jobs: number, use: (jobserver: Jobserver) => Promise<void>): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'bloomery-jobserver-'));
  const jobserver = await openJobserver(dir, jobs, context);
  try {
    await use(jobserver);
  } finally {
    jobserver.close();
    await rm(dir, { recursive: true });
  }
}

test('one can be opened in the same folder after another was closed', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'bloomery-jobserver-'));
  for (let times = 0; times < 2; times++) (await openJobserver(dir, 1, context)).close();
  await rm(dir, { recursive: true });
});

test('the pipe of an earlier build is used again, without its tokens, unless another build has it', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'bloomery-jobserver-'));
  const [first, second, spare] = [join(dir, '1'), join(dir, '2'), join(dir, 'spare')];
  await Promise.all([mkdir(first), mkdir(second)]);
  const inode = async (path: string): Promise<number> => (await stat(path)).ino;
  const tokens = ({ path }: Jobserver): number => {
    const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const count = readSync(fd, Buffer.alloc(10));
    closeSync(fd);
    return count;
  };
  const one = await openJobserver(first, 3, context, spare);
  const before = await inode(one.path);
  const other = await openJobserver(second, 1, context, spare);
  assert.is.not(await inode(other.path), before);
  other.close();
  one.close();
  assert.is(await inode(spare), before);
  const again = await openJobserver(first, 2, context, spare);
  assert.equal([await inode(again.path), tokens(again)], [before, 2]);
  again.close();
  for (const [what, make] of Object.entries({
    'a file': () => writeFile(spare, '', { mode: 0o600 }),
    'a folder': () => mkdir(spare),
    'a pipe for all': () => outputOf('make a pipe', ['mkfifo', '-m', '666', spare], { cwd: dir, env: {} }),
  })) {
    await rm(spare, { recursive: true, force: true });
    await make();
    const fresh = await openJobserver(first, 1, context, spare);
    assert.is((await stat(fresh.path)).mode & 0o170777, 0o010600, what);
    fresh.close();
  }
  await rm(dir, { recursive: true });
});

test('no more than the tokens allow run at once', async () => {
  await withJobserver(2, async (jobserver) => {
    const started: number[] = [];
    const ends: (() => void)[] = [];
    const work = [0, 1, 2].map((number) =>
      jobserver.hold(
        () =>
          new Promise<void>((resolve) => {
            started.push(number);
            ends[number] = resolve;
          }),
      ),
    );
    assert.equal(started, [0, 1]);
    ends[0]?.();
    await work[0];
    while (started.length < 3) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(started, [0, 1, 2]);
    ends[1]?.();
    ends[2]?.();
    await Promise.all(work);
  });
});

test('if an action filled the pipe, further tokens are dropped without an error', async () => {
  await withJobserver(1, async (jobserver) => {
    const { path } = jobserver;
    await jobserver.hold(async () => {
      const fd = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
      assert.throws(() => {
        for (;;) writeSync(fd, Buffer.alloc(4096, '+'));
      }, /EAGAIN/);
      closeSync(fd);
    });
    assert.is(await jobserver.hold(async () => 'next'), 'next');
  });
});

/** A thread of a program: takes tokens from the pipe and returns them. */
async function withThread(path: string, use: (thread: { take(): number; give(count: number): void }) => Promise<void>): Promise<void> {
  const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  const take = (): number => {
    try {
      return readSync(fd, Buffer.alloc(9));
    } catch {
      return 0; // EAGAIN: no token is available
    }
  };
  try {
    await use({ take, give: (count) => writeSync(fd, '+'.repeat(count)) });
  } finally {
    closeSync(fd);
  }
}

test('a program that took the tokens for its threads makes other processes wait, but never the only one', async () => {
  await withJobserver(2, async (jobserver) => {
    const { path } = jobserver;
    await withThread(path, async ({ take, give }) => {
      assert.is(take(), 2);
      let second = false;
      await jobserver.hold(async () => {
        const waiting = jobserver.hold(async () => {
          second = true;
        });
        await new Promise((resolve) => setImmediate(resolve));
        assert.not(second);
        give(2);
        await waiting;
      });
      assert.ok(second);
    });
  });
});

test('a waiting process receives the token of a process that ended, before threads can take it', async () => {
  await withJobserver(1, async (jobserver) => {
    const { path } = jobserver;
    await withThread(path, async ({ take }) => {
      const first = jobserver.hold(() => new Promise<void>((resolve) => setImmediate(resolve)));
      const ending = Promise.withResolvers<void>();
      const second = jobserver.hold(() => ending.promise);
      await first;
      assert.is(take(), 0);
      ending.resolve();
      await second;
      assert.is(take(), 1, 'returned when no process waits');
    });
  });
});

test('a process that ran without a token leaves the next one free to get a token', async () => {
  await withJobserver(1, async (jobserver) => {
    const { path } = jobserver;
    await withThread(path, async ({ take, give }) => {
      assert.is(take(), 1);
      const first = jobserver.hold(async () => {
        await new Promise((resolve) => setImmediate(resolve));
        give(1);
      });
      await jobserver.hold(async () => assert.is(take(), 0));
      await first;
    });
  });
});

test('the variables for programs name the pipe by its sandbox path', async () => {
  await withJobserver(1, async ({ env, place }) => {
    assert.is(env['CARGO_MAKEFLAGS'], `-j --jobserver-auth=fifo:${place}`);
  });
});

test.run();
