// Steps of a task that are commands of zx.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ProcessOutput } from 'zx/core';
import { puppetTask } from '../dev/testing/puppet-task.ts';
import { shell } from './shell.ts';

const env = { PATH: process.env['PATH'] ?? '/usr/bin:/bin', WORD: 'of the user' };

test('a command runs in the folder and with the environment of the user, and its words need no quoting', async () => {
  const { task } = puppetTask({}, [], '/usr', env);
  const $ = await shell(task);
  const name = "two words; it's one";
  assert.is((await $`pwd; echo "$WORD" ${name}`).stdout, `/usr\nof the user ${name}\n`);
});

test('a command that fails is thrown', async () => {
  const $ = await shell(puppetTask({}, [], '/', env).task);
  const error: unknown = await $`exit 3`.catch((reason: unknown) => reason);
  assert.is(error instanceof ProcessOutput && error.exitCode, 3);
});

test('an interrupted task ends its command', async () => {
  const abort = new AbortController();
  const { task } = puppetTask({}, [], '/', env);
  const $ = await shell({ ...task, signal: abort.signal });
  const running = $`sleep 1000`.catch(() => 'ended');
  abort.abort();
  assert.is(await running, 'ended');
});

test.run();
