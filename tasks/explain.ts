#!/usr/bin/env zx
// Prints the inputs of a unit's last result: every argument, variable, tool, source and artifact of its key.
import '../lib/cli/compile-cache.ts';

const { task } = await import('../lib/cli/task.ts');

await task(
  {
    command: 'npx zx tasks/explain.ts',
    words: 'UNIT',
    about: [
      "Prints the record of a unit's last result, and what changed since the result before it.",
      '',
      'UNIT is what the build calls it ("serde 1.0.2", "serde 1.0.2 (build script)"), or a package: then all its units are listed.',
    ].join('\n'),
    count: [1, 1],
    flags: {
      cache: { type: 'string', value: 'DIR', help: 'the cache directory (default BLOOMERY_CACHE, or ~/.cache/bloomery)' },
      json: { type: 'boolean', help: 'print one JSON object as the last line, with the whole record' },
    },
    examples: ['npx zx tasks/explain.ts kernel', 'npx zx tasks/explain.ts "kernel 0.1.0 (bin kernel)" --json'],
  },
  async (task) => {
    const { findUnits, printUnits, withResults } = await import('../lib/cli/tasks/explain-task.ts');
    const [unit = ''] = task.args.words;
    return await withResults(task, async (results) => printUnits(task, await findUnits(unit, results)));
  },
);
