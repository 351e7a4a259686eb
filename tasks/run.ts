#!/usr/bin/env zx
// Boots a system's image with its serial console on this terminal. Ctrl-] ends the machine; the image is not changed.
import { acceleratorChoice, machineFlags } from '../lib/face/boot-flags.ts';
import { task } from '../lib/face/task.ts';
import { joinTerminal } from '../lib/face/terminal.ts';
import { bootTarget, namedSystem } from '../lib/system/boot-target.ts';
import { startMachine } from '../lib/system/start-machine.ts';

await task({
  command: 'npx zx tasks/run.ts',
  words: '<system>',
  about: 'Boots the image of a system with its serial console on this terminal. What the guest writes to its disk is forgotten afterwards.',
  count: [0, 1],
  flags: machineFlags,
  examples: ['npx zx tasks/run.ts redox', 'npx zx tasks/run.ts --image my.img --system redox --accel tcg'],
}, async ({ args, host, path, report, signal }) => {
  const system = namedSystem(args.words[0], args.text('system'));
  const image = args.text('image');
  const target = await bootTarget({ root: host.cwd, system, profile: args.text('profile') ?? 'default', image: image && path(image) });
  const machine = await startMachine({
    machine: target.system.machine,
    image: target.image,
    accelerator: acceleratorChoice(args),
    cacheDir: path(args.text('cache') ?? host.cacheDir),
    env: host.env,
  }, { report, signal });
  try {
    report({ kind: 'note', text: `${target.system.title} on ${machine.accelerator}; Ctrl-] ends the machine.` });
    await joinTerminal(machine.serial, signal);
    signal.throwIfAborted();
  } finally {
    const { hostLines } = await machine.stop();
    for (const line of hostLines.filter((line) => !line.includes('terminating on signal'))) report({ kind: 'note', text: line });
  }
});
