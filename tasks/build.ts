#!/usr/bin/env zx
// Builds a system: its components from Rust source through the cache, and of them a bootable image, without root.
import '../lib/cli/compile-cache.ts';

const { build, buildFlags } = await import('../lib/cli/tasks/build-task.ts');
const { task } = await import('../lib/cli/task.ts');

await task(
  {
    command: 'npx zx tasks/build.ts',
    words: '<system>',
    about: 'Compiles the components of a system and assembles its bootable image (out/<system>-<profile>.img) with a manifest beside it.',
    count: [1, 1],
    flags: buildFlags,
    examples: [
      'npx zx tasks/build.ts redox',
      'npx zx tasks/build.ts redox --source kernel=../kernel   # your own checkout of one component',
      'npx zx tasks/build.ts rust-nixos --base nix              # a closure of NixOS instead of packages of Debian',
      'npx zx tasks/build.ts redox --dry-run',
    ],
  },
  build,
);
