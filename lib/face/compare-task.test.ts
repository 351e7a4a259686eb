// What the comparison of kernels refuses before it boots anything. That it compares is shown by the boots of lib/system/asterinas-boot.test.ts.
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseCommandLine } from './command-line.ts';
import { compare, compareFlags } from './compare-task.ts';
import type { Task } from './task.ts';

const root = join(import.meta.dirname, '../..');

async function refusal(...argv: readonly string[]): Promise<string> {
  const usage = { command: 'compare', words: '', about: '', count: [2, 2] as const, flags: compareFlags, examples: [] };
  const task: Task = {
    args: parseCommandLine(usage, argv),
    host: { cwd: root, env: {}, cacheDir: '/nowhere' },
    path: (text) => text,
    print: () => {},
    write: async () => true,
    report: () => {},
    signal: new AbortController().signal,
  };
  return await compare(task, root).then(
    () => 'compared',
    (error: Error) => error.message,
  );
}

test('what cannot be compared is refused', async () => {
  assert.is(await refusal('image', 'asterinas'), 'Cannot compare "image": the only verb is boot');
  assert.is(await refusal('boot', 'redox'), 'Cannot compare kernels of redox: its page has no other kernels');
  const kernels = async (text: string): Promise<string> => await refusal('boot', 'asterinas', '--kernels', text);
  assert.is(await kernels('linux,linus'), 'Cannot use the kernel "linus": the kernels of asterinas are asterinas, linux');
  assert.is(await kernels('linux'), 'Cannot use --kernels "linux": it must be two names with a comma between');
});

test.run();
