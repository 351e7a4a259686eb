#!/usr/bin/env zx
// Boots a system's image with its serial console on this terminal (Ctrl-] ends the machine), or for one command. The image is not changed.
import { join } from 'node:path';
import '../lib/cli/compile-cache.ts';

const { runFlags, runMachine } = await import('../lib/cli/tasks/run-task.ts');
const { task } = await import('../lib/cli/task.ts');

await task(
  {
    command: 'npx zx tasks/run.ts',
    words: '<system>',
    about: [
      'Boots the image of a system with its serial console on this terminal. What the guest writes to its disk is forgotten afterwards.',
      'With -- COMMAND it boots, runs the command in the guest, prints its output and exits with its status. A missing image is built first.',
    ].join('\n'),
    count: [0, 1],
    flags: runFlags,
    after: 'COMMAND...',
    examples: [
      'npx zx tasks/run.ts redox',
      'npx zx tasks/run.ts redox -- ls /bin',
      'npx zx tasks/run.ts redox --profile graphical --graphical',
      'npx zx tasks/run.ts redox --share ../project=project --tap bloomery0',
      'npx zx tasks/run.ts redox --gdb --gdb-wait --symbols kernel.elf',
      'npx zx tasks/run.ts --image my.img --system redox --accel tcg --cast boot.cast',
      'npx zx tasks/run.ts --system linux --kernel vmlinuz --initrd initrd --append console=ttyS0',
    ],
  },
  (task) => runMachine(task, join(import.meta.dirname, '..'), process),
);
