// Command lines that the comparison of kernels refuses before a boot. lib/boot/asterinas-boot.test.ts
// compares real boots.
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { compare, compareFlags } from './compare-task.ts';
import { refusalOf } from '../../dev/testing/puppet-task.ts';

const root = join(import.meta.dirname, '../../..');

async function refusal(...argv: readonly string[]): Promise<string> {
  return await refusalOf(compare, root, compareFlags, argv);
}

test('kernels that cannot be compared are refused', async () => {
  assert.is(await refusal('image', 'asterinas'), 'Cannot compare "image": the only verb is boot');
  assert.is(await refusal('boot', 'redox'), 'Cannot compare kernels of redox: its page has no other kernels');
  const kernels = async (text: string): Promise<string> => await refusal('boot', 'asterinas', '--kernels', text);
  assert.is(await kernels('linux,linus'), 'Cannot use the kernel "linus": the kernels of asterinas are asterinas, linux');
  assert.is(await kernels('linux'), 'Cannot use --kernels "linux": it must be two names with a comma between');
});

test.run();
