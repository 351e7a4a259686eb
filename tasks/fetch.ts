#!/usr/bin/env zx
// Fetches the sources of a system, verified: what its lock names, or with --update what archives and branches have now.
import '../lib/cli/compile-cache.ts';

const { fetchFlags, fetchTask } = await import('../lib/cli/fetch/fetch-task.ts');
const { repository, task } = await import('../lib/cli/task.ts');

await task(
  {
    command: 'npx zx tasks/fetch.ts',
    words: '<system> [NAME...]',
    about: [
      'Fetches the sources that systems/<system>/sources.lock names, each by its digest or revision, and the crates of their Cargo.lock files.',
      'What is there is not fetched again. A source that the lock lacks is resolved and added to it.',
      'NAME fetches only these sources; with --update only these move.',
    ].join('\n'),
    count: [1, Infinity],
    flags: fetchFlags,
    examples: [
      'npx zx tasks/fetch.ts redox',
      'npx zx tasks/fetch.ts redox kernel base --update',
      'npx zx tasks/fetch.ts redox --mirror https://gitlab.redox-os.org/=https://git.example.org/',
      'npx zx tasks/fetch.ts redox --cookbook ../redox',
      'npx zx tasks/fetch.ts rust-nixos --update --json',
    ],
  },
  (task) => fetchTask(task, repository),
);
