#!/usr/bin/env zx
// Disturbs builds of real projects and checks the results: kill -9, concurrent builds, damaged blobs.
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import '../lib/cli/compile-cache.ts';
import type { Calm } from '../lib/dev/stress/stress-build.ts';

const { cannot } = await import('../lib/core/errors.ts');
const { stressConcurrent, stressFlip, stressKill } = await import('../lib/dev/stress/stress.ts');
const { undisturbed } = await import('../lib/dev/stress/stress-build.ts');
const { task } = await import('../lib/cli/task.ts');

await task(
  {
    command: 'npx zx tasks/stress.ts',
    words: 'kill|concurrent|flip <cargo project>...',
    about: [
      'Disturbs builds in separate caches, and compares their output with that of an undisturbed build.',
      '',
      '  kill        SIGKILL at random instants, each followed by a run to the end (--rounds, default 50)',
      '  concurrent  several builds of the same thing at once in one empty cache (--rounds, default 1; --builds)',
      '  flip        a flipped byte in random blobs of the store (--blobs, default 100)',
    ].join('\n'),
    count: [2, 20],
    flags: {
      rounds: { type: 'string', value: 'N', help: 'how often it is done' },
      builds: { type: 'string', value: 'N', help: 'concurrent: number of builds at once (default 2)' },
      blobs: { type: 'string', value: 'N', help: 'flip: how many blobs are damaged' },
      seed: { type: 'string', value: 'N', help: 'the same seed, the same instants and blobs (default 1)' },
      profile: { type: 'string', value: 'P', help: 'the profile of the builds (default release; dev has other bytes each time)' },
      json: { type: 'boolean', help: 'print one JSON object as the last line' },
    },
    examples: ['npx zx tasks/stress.ts kill ../hexyl ../dotenv-linter --rounds 50', 'npx zx tasks/stress.ts flip fixtures/crates'],
  },
  async ({ args, host, path, print, report, signal }) => {
    const [how, ...projects] = args.words;
    const scratch = await mkdtemp(join(host.env['TMPDIR'] ?? '/tmp', 'bloomery-stress-'));
    const flags = ['--profile', args.text('profile') ?? 'release'];
    const subject = { projects: projects.map(path), flags, scratch, node: process.execPath, env: host.env };
    const [rounds, seed, context] = [args.count('rounds', 1), args.count('seed', 0) ?? 1, { report, signal }];
    const stresses = new Map([
      ['kill', (calm: Calm) => stressKill(subject, calm, rounds ?? 50, seed, context)],
      ['concurrent', (calm: Calm) => stressConcurrent(subject, calm, args.count('builds', 2) ?? 2, rounds ?? 1, context)],
      ['flip', (calm: Calm) => stressFlip(subject, calm, args.count('blobs', 1) ?? 100, seed, process.pid, context)],
    ]);
    try {
      const stress = stresses.get(how ?? '');
      if (!stress) throw cannot(`stress by "${how}"`, 'the ways are: kill, concurrent, flip', { blame: 'usage' });
      const { sentence, faults } = await stress(await undisturbed(subject, context));
      for (const fault of faults) print(`fault  ${fault}`);
      print(`${how}: ${sentence}`);
      return { exitCode: faults.length === 0 ? 0 : 1, json: { how: how ?? '', sentence, faults: [...faults] } };
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
  },
);
