// Command lines that tests of a kernel refuse before a build. lib/boot/kernel-tests.test.ts runs real tests.
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { run } from '../../core/sh.ts';

const root = join(import.meta.dirname, '../../..');

async function refusal(...words: readonly string[]): Promise<string> {
  const env = { PATH: process.env['PATH'] ?? '', HOME: '/nowhere' };
  const { exitCode, stderr } = await run([process.execPath, join(root, 'test-boot.ts'), ...words], { cwd: root, env });
  assert.is(exitCode, 2);
  return stderr.split('\n')[0] ?? '';
}

test('a system without checkouts, no checkout, and a profile with a boot loader are refused', async () => {
  assert.is(await refusal('redox', '--ktest'), 'error: Cannot run the tests of the kernel of redox: its page names no checkout');
  assert.is(await refusal('asterinas', '--ktest'), 'error: Cannot run the tests of the kernel of asterinas: no checkout is named');
});

test.run();
