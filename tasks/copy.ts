#!/usr/bin/env zx
// Copies tasks into another repository with everything that they import, and updates such a copy.
import '../lib/cli/compile-cache.ts';

const { copy, copyFlags } = await import('../lib/cli/tasks/copy-task.ts');
const { task } = await import('../lib/cli/task.ts');

await task(
  {
    command: 'npx zx tasks/copy.ts',
    words: '<task>... <folder>',
    about: [
      'Copies tasks with everything that they import to FOLDER/bloomery and adds the packages that they need to FOLDER/package.json.',
      'Files that were changed there are never overwritten.',
    ].join(' '),
    count: [1, Infinity],
    flags: copyFlags,
    examples: [
      'npx zx tasks/copy.ts test-boot.ts ../my-kernel',
      'npx zx tasks/copy.ts build test-boot run --example hello ../my-system',
      'npx zx tasks/copy.ts --check ../my-kernel',
      'npx zx tasks/copy.ts --update ../my-kernel',
    ],
  },
  copy,
);
