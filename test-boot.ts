#!/usr/bin/env zx
// Boots a system's image and judges its serial console: booted, failed, stalled or exited-early. Exit code 0 means booted.
import { basename } from 'node:path';
import { replay } from './lib/console/replay.ts';
import type { Judgement } from './lib/console/verdict.ts';
import { acceleratorChoice, bootLimits, dialogueSteps, machineFlags, verdictFlags } from './lib/face/boot-flags.ts';
import { attachLines, bootOutcome, milestoneLine } from './lib/face/boot-report.ts';
import { task } from './lib/face/task.ts';
import type { Outcome } from './lib/face/task.ts';
import { bootTarget, consoleRules, namedSystem } from './lib/system/boot-target.ts';
import { bootTest } from './lib/system/boot-test.ts';
import type { BootTest } from './lib/system/boot-test.ts';

await task({
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
  examples: ['npx zx test-boot.ts redox', 'npx zx test-boot.ts --image my.img --system redox --timeout 60 --json', "npx zx test-boot.ts redox --expect 'login:' --send root"],
}, async ({ args, host, path, print, report, signal }) => {
  const name = namedSystem(args.words[0], args.text('system'));
  const record = args.text('replay');
  if (record !== undefined) {
    const rules = await consoleRules(host.cwd, name);
    const judgement = await replay(path(record), rules, bootLimits(args, rules.limits));
    return bootOutcome({ system: name, subject: basename(record), judgement, transcript: path(record) }, print);
  }

  const image = args.text('image');
  const target = await bootTarget({ root: host.cwd, system: name, profile: args.text('profile') ?? 'default', image: image && path(image) });
  const { console: rules, machine } = target.system;
  const log = path(args.text('log') ?? target.log);
  const outcomeOf = (judgement: Judgement): Outcome => bootOutcome({ system: name, subject: basename(target.image), judgement, transcript: log }, print);
  let outcome: Outcome | undefined;
  const onKept: BootTest['onKept'] = (judgement, running) => {
    outcome = outcomeOf(judgement);
    for (const line of attachLines(running)) print(line);
  };
  const judgement = await bootTest({
    machine,
    image: target.image,
    accelerator: acceleratorChoice(args),
    cacheDir: path(args.text('cache') ?? host.cacheDir),
    env: host.env,
    rules,
    limits: bootLimits(args, rules.limits),
    steps: dialogueSteps(args),
    log,
    onMilestone: (milestone) => report({ kind: 'note', text: milestoneLine(milestone) }),
    ...(args.has('keep') ? { onKept } : {}),
  }, { signal, report });
  return outcome ?? outcomeOf(judgement);
});
