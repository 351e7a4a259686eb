// What the tests of a kernel refuse before anything is built. That they run is shown by lib/system/kernel-tests.test.ts.
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { bootFlags } from './boot-task.ts';
import { parseCommandLine } from './command-line.ts';
import { testKernel } from './kernel-test-task.ts';
import type { Task } from './task.ts';

const root = join(import.meta.dirname, '../..');

async function refusal(...argv: readonly string[]): Promise<string> {
  const usage = { command: 'test-boot', words: '', about: '', count: [0, 20] as const, flags: bootFlags, examples: [] };
  const task: Task = {
    args: parseCommandLine(usage, argv),
    host: { cwd: root, env: {}, cacheDir: '/nowhere' },
    path: (text) => text,
    print: () => {},
    write: async () => true,
    report: () => {},
    signal: new AbortController().signal,
  };
  return await testKernel(task, root).then(
    () => 'tested',
    (error: Error) => error.message,
  );
}

test('a system without checkouts, no checkout, and a profile with a boot loader are refused', async () => {
  assert.is(await refusal('redox', '--ktest'), 'Cannot run the tests of the kernel of redox: its page says nothing of a checkout');
  assert.is(await refusal('asterinas', '--ktest'), 'Cannot run the tests of the kernel of asterinas: no checkout is named');
});

test.run();
