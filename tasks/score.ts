#!/usr/bin/env zx
// Compares boot verdicts with texts that people have labelled, and prints the confusion table.
import { join } from 'node:path';
import '../lib/cli/compile-cache.ts';

const { score, scoreFlags } = await import('../lib/dev/stress/score-task.ts');
const { task } = await import('../lib/cli/task.ts');

await task(
  {
    command: 'npx zx tasks/score.ts',
    words: '[<folder>]',
    about:
      'Judges every labelled console text of a folder (index.tsv or index.toml; default fixtures/transcripts) and prints the confusion table.',
    count: [0, 1],
    flags: scoreFlags,
    examples: ['npx zx tasks/score.ts', 'npx zx tasks/score.ts ../bootlogs/public'],
  },
  (task) => score(task, join(import.meta.dirname, '..')),
);
