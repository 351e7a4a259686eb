#!/usr/bin/env zx
// Measures what the project promises about speed, on this machine, against the tool that the promise compares with.
import '../lib/cli/compile-cache.ts';

const { benchFlags, measure } = await import('../lib/dev/bench/bench-task.ts');
const { task } = await import('../lib/cli/task.ts');

await task(
  {
    command: 'npx zx tasks/bench.ts',
    words: 'image|crates|workspace|redox|inner-loop',
    about: [
      'Measures the speed of what the project does.',
      '',
      '  image    assembling a 512 MiB image with 300 MiB of content, SHA-256 included, against cp of the same content',
      '  crates   compiling, against cargo (and sccache where it is installed): each program cold, all of them at once, nothing changed,',
      '           files touched, a second checkout, an edit. Works on copies; ratios are ours over cargo',
      "  workspace, redox   compilations and times of edits in a workspace of 45 members like Redox's base, against cargo;",
      '           30 components with 200 crates in which nothing changed',
      '  inner-loop   the parts from an edit of a kernel to its verdict (tasks/dev.ts): the bundled Redox kernel, and fixtures/hello.',
      '           With --corpus: nothing changed and one edited line in hexyl, sudo-rs, tokei and a workspace of 45 members, or in what --programs',
      '           names (workspace: the latter), in the dev and release profile, by turns with cargo',
    ].join('\n'),
    count: [1, 1],
    flags: benchFlags,
    examples: ['npx zx tasks/bench.ts image --repeat 9', 'npx zx tasks/bench.ts crates --corpus ../corpus --set ../corpus/set.toml'],
  },
  (task) => measure(task, { redox: 'workspace' }),
);
