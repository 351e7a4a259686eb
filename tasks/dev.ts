#!/usr/bin/env zx
// Watches the sources of a system or a Cargo project. After each change it compiles, assembles, boots and
// judges, and prints the result in one line.
import '../lib/cli/compile-cache.ts';

const { dev } = await import('../lib/cli/dev/dev-task.ts');
const { devFlags } = await import('../lib/cli/dev/dev-flags.ts');
const { task } = await import('../lib/cli/task.ts');

await task(
  {
    command: 'npx zx tasks/dev.ts',
    words: '<system>|<cargo project>',
    about: [
      'Watches sources. After each change it compiles what changed, assembles the image, restarts the machine and judges its console.',
      'A Cargo project is only compiled. On a terminal: r rebuild, b reboot, c console (^] returns), q quit.',
    ].join('\n'),
    count: [1, 1],
    flags: devFlags,
    examples: [
      'npx zx tasks/dev.ts redox --source kernel=../kernel',
      'npx zx tasks/dev.ts redox --run "ls /bin"',
      'npx zx tasks/dev.ts ./my-kernel.ts --only image --on-busy wait',
      'npx zx tasks/dev.ts ../some-project --release',
    ],
  },
  (task) => dev(task, process),
);
