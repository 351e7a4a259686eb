#!/usr/bin/env zx
// Controls running machines (tasks/run.ts, or test-boot.ts --keep): pauses them, takes snapshots, changes
// their size.
import '../lib/cli/compile-cache.ts';

const { controlMachine, vmFlags } = await import('../lib/cli/tasks/vm-task.ts');
const { task } = await import('../lib/cli/task.ts');

await task(
  {
    command: 'npx zx tasks/vm.ts',
    words: 'list|info|pause|resume|resize|shutdown | snapshot FOLDER | screenshot FILE',
    about: [
      'Controls a machine that runs: the only one, or the one of --machine PID.',
      '',
      '  list        the machines that run (--json: also the socket that controls each)',
      '  info        its state, processors and memory',
      '  pause       stops its processors; resume starts them again',
      '  snapshot    writes its state and the changes of its disks to a new folder (run.ts --restore FOLDER continues from there)',
      '  screenshot  writes a picture of its screen to FILE.png or FILE.ppm',
      '  resize      asks for other amounts of processors or memory (--cpus, --memory)',
      '  shutdown    presses its power button',
    ].join('\n'),
    count: [1, 2],
    flags: vmFlags,
    examples: [
      'npx zx tasks/vm.ts info',
      'npx zx tasks/vm.ts pause --machine 4711',
      'npx zx tasks/vm.ts snapshot before-the-crash',
      'npx zx tasks/vm.ts screenshot screen.png',
    ],
  },
  controlMachine,
);
