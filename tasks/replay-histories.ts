#!/usr/bin/env zx
// Compares the crate compiler with the real cargo on projects and edits that were written by hand, each after
// a fault in a user's project.
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import '../lib/cli/compile-cache.ts';

const { realBuilders } = await import('../lib/dev/histories/history-stress.ts');
const { replayAllWritten, writtenHistory } = await import('../lib/dev/histories/written-history.ts');
const { task } = await import('../lib/cli/task.ts');

await task(
  {
    command: 'npx zx tasks/replay-histories.ts',
    words: '<history>...',
    about:
      'Builds the project of each history with cargo and with tasks/crates.ts after each of its edits, and compares what the programs print.',
    count: [1, Infinity],
    flags: { json: { type: 'boolean', help: 'print one JSON object as the last line' } },
    examples: ['npx zx tasks/replay-histories.ts fixtures/histories/*.toml'],
  },
  async ({ args, host, path, print, report, signal }) => {
    const startMs = performance.now();
    const scratch = await mkdtemp(join(host.env['TMPDIR'] ?? '/tmp', 'bloomery-histories-'));
    try {
      const histories = await Promise.all(args.words.map((word) => writtenHistory(path(word))));
      const builders = await realBuilders(host.env, process.execPath, { report, signal });
      const faults: string[] = [];
      for (const [name, replayed] of replayAllWritten(histories, scratch, builders, { report, signal })) {
        const fault = await replayed;
        if (fault !== undefined) faults.push(`${name}: ${fault}`);
        print(fault === undefined ? `same   ${name}` : `fault  ${name}: ${fault}`);
      }
      const seconds = Math.round((performance.now() - startMs) / 1000);
      print(`${histories.length} histories: ${faults.length} faults, ${seconds} s`);
      return { exitCode: faults.length === 0 ? 0 : 1, json: { histories: histories.length, faults, seconds } };
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
  },
);
