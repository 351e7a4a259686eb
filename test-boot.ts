#!/usr/bin/env zx
// Boots a system's image and judges its serial console: booted, failed, stalled or exited-early. Exit code 0 means booted.
import './lib/cli/compile-cache.ts';

const { bootFlags, judgeBoots } = await import('./lib/cli/tasks/boot-task.ts');
const { task } = await import('./lib/cli/task.ts');

await task(
  {
    command: 'npx zx test-boot.ts',
    words: '<system>...',
    about: 'Boots the image of a system and judges its serial console. Exit code: 0 booted, 1 not booted, 2 usage, 69 the host cannot.',
    count: [0, 20],
    flags: bootFlags,
    examples: [
      'npx zx test-boot.ts redox',
      'npx zx test-boot.ts --image my.img --system redox --timeout 60 --json',
      'npx zx test-boot.ts redox --retry 2 --junit boot.xml',
      'npx zx test-boot.ts --replay boot.log --system linux',
      "npx zx test-boot.ts redox --expect 'login:' --send user",
    ],
  },
  (task) => judgeBoots(task, import.meta.dirname),
);
