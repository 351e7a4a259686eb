#!/usr/bin/env zx
// Shows that the crate compiler calls rustc and build scripts as cargo does, word for word.
import '../lib/cli/compile-cache.ts';

const { compareProjects, fidelityFlags } = await import('../lib/dev/stress/fidelity-task.ts');
const { task } = await import('../lib/cli/task.ts');

await task(
  {
    command: 'npx zx tasks/fidelity.ts',
    words: '[<cargo project>]',
    about:
      'Compares every call of rustc and every run of a build script with those that the real cargo makes (dev and release). ' +
      'Cargo runs build scripts and macros without a sandbox.',
    count: [0, 1],
    flags: fidelityFlags,
    examples: [
      'npx zx tasks/fidelity.ts ../hexyl',
      'npx zx tasks/fidelity.ts --set projects.toml --profile system   # several projects, one profile',
    ],
  },
  compareProjects,
);
