#!/usr/bin/env zx
// Boots a system's image with its serial console on this terminal. Ctrl-] ends the machine; the image is not changed.
import { join } from 'node:path';
import '../lib/face/compile-cache.ts';

const { machineFlags, orderedOrRestored } = await import('../lib/face/boot-flags.ts');
const { task } = await import('../lib/face/task.ts');
const { joinTerminal } = await import('../lib/face/terminal.ts');
const { startMachine } = await import('../lib/system/start-machine.ts');

const root = join(import.meta.dirname, '..');

await task(
  {
    command: 'npx zx tasks/run.ts',
    words: '<system>',
    about:
      'Boots the image of a system with its serial console on this terminal. What the guest writes to its disk is forgotten afterwards.',
    count: [0, 1],
    flags: { ...machineFlags, restore: { type: 'string', value: 'FOLDER', help: 'go on from a snapshot (tasks/vm.ts snapshot FOLDER)' } },
    examples: [
      'npx zx tasks/run.ts redox',
      'npx zx tasks/run.ts --image my.img --system redox --accel tcg',
      'npx zx tasks/run.ts --system linux --kernel vmlinuz --initrd initrd --append console=ttyS0',
    ],
  },
  async (task) => {
    const { report, signal } = task;
    const { title, order } = await orderedOrRestored(task, root);
    const machine = await startMachine(order, task);
    try {
      report({ kind: 'note', text: `${title} on ${machine.accelerator}; Ctrl-] ends the machine.` });
      await joinTerminal(machine.serial, process, signal);
      signal.throwIfAborted();
    } finally {
      const { hostLines } = await machine.stop();
      for (const line of hostLines.filter((line) => !line.includes('terminating on signal'))) report({ kind: 'note', text: line });
    }
  },
);
