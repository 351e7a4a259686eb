// What the tests of a kernel refuse before anything is built. That they run is shown by lib/boot/kernel-tests.test.ts.
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { bootFlags } from './boot-task.ts';
import { testKernel } from './kernel-test-task.ts';
import { refusalOf } from '../refusal-of.ts';

const root = join(import.meta.dirname, '../../..');

async function refusal(...argv: readonly string[]): Promise<string> {
  return await refusalOf(testKernel, root, { command: 'test-boot', count: [0, 20], flags: bootFlags }, argv);
}

test('a system without checkouts, no checkout, and a profile with a boot loader are refused', async () => {
  assert.is(await refusal('redox', '--ktest'), 'Cannot run the tests of the kernel of redox: its page says nothing of a checkout');
  assert.is(await refusal('asterinas', '--ktest'), 'Cannot run the tests of the kernel of asterinas: no checkout is named');
});

test.run();
