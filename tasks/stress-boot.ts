#!/usr/bin/env zx
// Tests the boot tester itself: many boots in a row, SIGKILL at random times, and twenty faulty boots.
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import '../lib/cli/compile-cache.ts';
import type { BootSubject } from '../lib/dev/stress/stress-boot.ts';
import type { Stressed } from '../lib/dev/stress/stress.ts';
import { pathOf } from '../lib/core/paths.ts';

const { guestFaults, imageFaults } = await import('../systems/redox/faults.ts');
const { cannot } = await import('../lib/core/errors.ts');
const { faultyImages } = await import('../lib/dev/stress/faulty-images.ts');
const { prepare, stressBootKills, stressBoots, stressFaults } = await import('../lib/dev/stress/stress-boot.ts');
const { task } = await import('../lib/cli/task.ts');
const { system } = await import('../systems/redox.ts');

await task(
  {
    command: 'npx zx tasks/stress-boot.ts',
    words: 'boots|kills|faults',
    about: [
      'Tries the boot tester on the bundled Redox (build it first: npx zx tasks/build.ts redox).',
      '',
      '  boots   boots in a row, all to be judged booted, none to leave anything (--rounds, default 200)',
      '  kills   SIGKILL of the test at random instants: no machine survives (--rounds, default 20)',
      '  faults  ten faults of the image and ten of the guest, each with its own verdict',
    ].join('\n'),
    count: [1, 1],
    flags: {
      rounds: { type: 'string', value: 'N', help: 'how often it is done' },
      seed: { type: 'string', value: 'N', help: 'kills: the same seed, the same instants (default 1)' },
      json: { type: 'boolean', help: 'print one JSON object as the last line' },
    },
    examples: ['npx zx tasks/stress-boot.ts boots --rounds 200', 'npx zx tasks/stress-boot.ts faults'],
  },
  async ({ args, host, print, report, signal }) => {
    const [how = ''] = args.words;
    const made = join(import.meta.dirname, '../out/redox-default');
    const scratch = await mkdtemp(join(host.env['TMPDIR'] ?? '/tmp', 'bloomery-boots-'));
    const subject: BootSubject = { system: 'redox', image: `${made}.img`, scratch, node: process.execPath, env: host.env };
    const [rounds, context] = [args.count('rounds', 1), { report, signal }];
    const images = faultyImages(system, made, pathOf(host.env), context);
    const ways: Readonly<Record<string, () => Promise<Stressed>>> = {
      boots: () => stressBoots(subject, rounds ?? 200, context),
      kills: () => stressBootKills(subject, rounds ?? 20, args.count('seed', 0) ?? 1, context),
      faults: () => stressFaults(subject, [...imageFaults, ...guestFaults], images, context),
    };
    try {
      const way = ways[how];
      if (!way) throw cannot(`stress by "${how}"`, `the ways are: ${Object.keys(ways).join(', ')}`, { blame: 'usage' });
      await prepare(subject);
      const { sentence, faults } = await way();
      for (const fault of faults) print(`fault  ${fault}`);
      print(`${how}: ${sentence}`);
      return { exitCode: faults.length === 0 ? 0 : 1, json: { how, sentence, faults: [...faults] } };
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
  },
);
