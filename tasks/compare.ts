#!/usr/bin/env zx
// Boots one image with two kernels, and shows where the output of its programs first differs.
import { join } from 'node:path';
import '../lib/cli/compile-cache.ts';

const { compare, compareFlags } = await import('../lib/cli/tasks/compare-task.ts');
const { task } = await import('../lib/cli/task.ts');

await task(
  {
    command: 'npx zx tasks/compare.ts',
    words: 'boot <system>',
    about: 'Boots an image with two kernels and compares the output of its programs. Exit code: 0 both booted, 1 one did not.',
    count: [2, 2],
    flags: compareFlags,
    examples: ['npx zx tasks/compare.ts boot asterinas --kernels linux,asterinas'],
  },
  (task) => compare(task, join(import.meta.dirname, '..')),
);
