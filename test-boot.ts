#!/usr/bin/env zx
// Boots a system's image and judges its serial console: booted, failed, stalled or exited-early. Exit code 0 means booted.
import { basename } from 'node:path';
import './lib/face/compile-cache.ts';

const { replay } = await import('./lib/console/replay.ts');
const { bootLimits, dialogueSteps, machineFlags, orderedMachine, verdictFlags } = await import('./lib/face/boot-flags.ts');
const { attachLines, bootOutcome, milestoneLine, reportLines } = await import('./lib/face/boot-report.ts');
const { task } = await import('./lib/face/task.ts');
const { consoleRules, namedSystem } = await import('./lib/system/boot-target.ts');
const { bootTest } = await import('./lib/system/boot-test.ts');

const root = import.meta.dirname;

await task(
  {
    command: 'npx zx test-boot.ts',
    words: '<system>',
    about: 'Boots the image of a system and judges its serial console. Exit code: 0 booted, 1 not booted, 2 usage, 69 the host cannot.',
    count: [0, 1],
    flags: {
      ...machineFlags,
      ...verdictFlags,
      replay: { type: 'string', value: 'FILE', help: 'judge a recorded console (--system S) instead of booting' },
      log: { type: 'string', value: 'FILE', help: 'the transcript (default: in out/logs); FILE.times says when its bytes came' },
      quiet: { type: 'boolean', help: 'do not show the console' },
      keep: { type: 'boolean', help: 'leave the machine running after the verdict, until ^C' },
      json: { type: 'boolean', help: 'print the verdict as one JSON object, as the last line' },
    },
    examples: [
      'npx zx test-boot.ts redox',
      'npx zx test-boot.ts --image my.img --system redox --timeout 60 --json',
      "npx zx test-boot.ts redox --expect 'login:' --send user",
    ],
  },
  async (task) => {
    const { args, path, print, report } = task;
    const record = args.text('replay');
    if (record !== undefined) {
      const system = namedSystem(args.words[0], args.text('system'));
      const rules = await consoleRules(root, system);
      const judgement = await replay(path(record), rules, bootLimits(args, rules.limits));
      const reported = { system, subject: basename(record), judgement, transcript: path(record) };
      for (const line of reportLines(reported)) print(line);
      return bootOutcome(reported);
    }

    const {
      target: { system, image, log },
      order,
    } = await orderedMachine(task, root);
    const reported = { system: system.name, subject: basename(image), transcript: path(args.text('log') ?? log) };
    const judgement = await bootTest(
      {
        ...order,
        rules: system.console,
        limits: bootLimits(args, system.console.limits),
        steps: dialogueSteps(args),
        log: reported.transcript,
        keep: args.has('keep'),
        onMilestone: (milestone) => report({ kind: 'note', text: milestoneLine(milestone) }),
        onVerdict: (judgement, machine) => {
          for (const line of reportLines({ ...reported, judgement })) print(line);
          if (args.has('keep')) for (const line of attachLines(machine)) print(line);
        },
      },
      task,
    );
    return bootOutcome({ ...reported, judgement });
  },
);
