#!/usr/bin/env zx
// Compares the crate compiler with the real cargo on random projects and random edits.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import '../lib/cli/compile-cache.ts';
import type { History } from '../lib/dev/histories/history.ts';

const { historyOf } = await import('../lib/dev/histories/history.ts');
const { realBuilders, sentenceOf, stressHistories } = await import('../lib/dev/histories/history-stress.ts');
const { task } = await import('../lib/cli/task.ts');

await task(
  {
    command: 'npx zx tasks/stress-crates.ts',
    words: '[<kept history>...]',
    about:
      'Builds random Cargo projects with cargo and with tasks/crates.ts, before and after random edits, and compares what the programs print.',
    count: [0, Infinity],
    flags: {
      seed: { type: 'string', value: 'N', help: 'the seed of the first history; the next one has N + 1 (default 1)' },
      histories: { type: 'string', value: 'N', help: 'how many histories (default 20)' },
      edits: { type: 'string', value: 'N', help: 'how many edits a history has (default 5)' },
      jobs: { type: 'string', value: 'N', help: 'number of histories that are replayed at once (default 1)' },
      keep: { type: 'string', value: 'DIR', help: 'keep histories with a fault in DIR/seed-N, with history.json to replay them' },
      minimise: { type: 'boolean', help: 'drop edits and features of a history with a fault as long as the fault remains' },
      json: { type: 'boolean', help: 'print one JSON object as the last line' },
    },
    examples: [
      'npx zx tasks/stress-crates.ts --seed 1 --histories 20',
      'npx zx tasks/stress-crates.ts kept/seed-7/history.json --minimise',
    ],
  },
  async ({ args, host, path, print, report, signal }) => {
    const startMs = performance.now();
    const [seed, count, edits] = [args.count('seed', 0) ?? 1, args.count('histories', 1) ?? 20, args.count('edits', 0) ?? 5];
    const kept = await Promise.all(args.words.map(async (word): Promise<History> => JSON.parse(await readFile(path(word), 'utf8'))));
    const histories = kept.length > 0 ? kept : Array.from({ length: count }, (_, index) => historyOf(seed + index, edits));
    const keep = args.text('keep');
    const scratch = await mkdtemp(join(host.env['TMPDIR'] ?? '/tmp', 'bloomery-histories-'));
    try {
      const builders = await realBuilders(host.env, process.execPath, { report, signal });
      const where = { scratch, keep: keep === undefined ? undefined : path(keep) };
      const stress = { histories, jobs: args.count('jobs', 1) ?? 1, minimise: args.has('minimise'), builders, ...where };
      const { counts, faults } = await stressHistories(stress, { report, signal });
      const seconds = Math.round((performance.now() - startMs) / 1000);
      for (const fault of faults) print(`fault  ${sentenceOf(fault)}`);
      print(
        `seeds ${histories[0]?.seed} to ${histories.at(-1)?.seed}: ${counts.histories} histories (${counts.void} void), ${counts.edits} edits, ` +
          `${counts.compared} builds compared (${counts.fresh} with an empty folder, ${counts.refused} refused), ${faults.length} faults, ${seconds} s`,
      );
      return { exitCode: faults.length === 0 ? 0 : 1, json: { seed, ...counts, seconds, faults: faults.map((fault) => ({ ...fault })) } };
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
  },
);
