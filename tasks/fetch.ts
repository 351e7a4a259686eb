#!/usr/bin/env zx
// Fetches the sources of a system, verified: what its lock names, or with --update what the archive has now.
import '../lib/face/compile-cache.ts';

const { fetchFlags, fetchTask } = await import('../lib/face/fetch-task.ts');
const { repository } = await import('../lib/face/build-task.ts');
const { task } = await import('../lib/face/task.ts');

await task(
  {
    command: 'npx zx tasks/fetch.ts',
    words: '<system>',
    about: 'Fetches the sources that systems/<system>/sources.lock names, each by its digest. What is there is not fetched again.',
    count: [1, 1],
    flags: fetchFlags,
    examples: ['npx zx tasks/fetch.ts rust-nixos', 'npx zx tasks/fetch.ts rust-nixos --update --json'],
  },
  (task) => fetchTask(task, repository),
);
