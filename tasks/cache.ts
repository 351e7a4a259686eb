#!/usr/bin/env zx
// Manages the cache: lists its content, verifies it, and removes what is no longer needed.
import '../lib/cli/compile-cache.ts';

const { cacheFlags, manageCache } = await import('../lib/cli/tasks/cache-task.ts');
const { task } = await import('../lib/cli/task.ts');

await task(
  {
    command: 'npx zx tasks/cache.ts',
    words: 'stats|verify|gc',
    about: [
      'Looks after the cache directory that all checkouts of a user share.',
      '',
      '  stats    bytes by what they are: programs, libraries, metadata, records',
      '  verify   reads every blob and record; exit 1 and a line for each that is damaged',
      '  gc       removes what nothing refers to, and with a limit the least recently used; builds may run meanwhile',
    ].join('\n'),
    count: [1, 1],
    flags: cacheFlags,
    examples: [
      'npx zx tasks/cache.ts stats',
      'npx zx tasks/cache.ts verify --repair',
      'npx zx tasks/cache.ts verify --rebuild 20',
      'npx zx tasks/cache.ts gc --max-size 20GiB --older-than 30d --dry-run',
    ],
  },
  manageCache,
);
