#!/usr/bin/env zx
// Tries the crate compiler with every version of cargo and rustc that is promised, and prints a table by version.
import { join } from 'node:path';
import '../lib/cli/compile-cache.ts';

const { stressToolchains, toolchainsFlags } = await import('../lib/dev/stress/toolchains-task.ts');
const { task } = await import('../lib/cli/task.ts');

await task(
  {
    command: 'npx zx tasks/stress-toolchains.ts',
    words: '[<toolchain>...]',
    about: [
      'Tries the crate compiler with each toolchain: the tests that compile projects, the histories of fixtures/histories, and',
      'the calls of rustc and build scripts for fixtures, in dev and release, compared with those of its cargo.',
      '',
      'A toolchain is a name of rustup, a channel, a folder (./a), or debian:SUITE: the packages of a release of Debian, unpacked in the cache.',
      'Default: stable nightly debian:trixie debian:sid. Exit code 69: one could not be obtained, and is untried.',
    ].join('\n'),
    count: [0, 20],
    flags: toolchainsFlags,
    examples: ['npx zx tasks/stress-toolchains.ts', 'npx zx tasks/stress-toolchains.ts debian:trixie /opt/rust-1.90'],
  },
  (task) => stressToolchains(task, join(import.meta.dirname, '..')),
);
