#!/usr/bin/env zx
// Lists the components and recipes of a system with versions, pins, sizes and cache state. --check finds mistakes in recipes.
import '../lib/cli/compile-cache.ts';

const { checkListing, listFlags, printRows, rowsOf, withListing } = await import('../lib/cli/tasks/list-task.ts');
const { task } = await import('../lib/cli/task.ts');

await task(
  {
    command: 'npx zx tasks/list.ts',
    words: '<system>',
    about: 'Lists the components of a system and the recipes of a cookbook. Builds and downloads nothing.',
    count: [1, 1],
    flags: listFlags,
    examples: [
      'npx zx tasks/list.ts redox',
      'npx zx tasks/list.ts redox --cookbook ../redox --tree    # recipes below what needs them',
      'npx zx tasks/list.ts redox --cookbook ../redox --check   # unknown keys, missing dependencies, cycles, patches',
    ],
  },
  (task) =>
    withListing(task, async (listing) => {
      if (task.args.has('check')) return await checkListing(listing);
      return printRows(task, await rowsOf(listing));
    }),
);
