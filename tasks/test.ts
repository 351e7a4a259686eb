#!/usr/bin/env zx
// Runs the tests: every lib/**/x.test.ts, or those whose path contains one of the given words. Each runs in
// its own process, some at a time.
import '../lib/cli/compile-cache.ts';

const { runTests } = await import('../lib/dev/testing/test-run.ts');
const { task } = await import('../lib/cli/task.ts');

await task(
  {
    command: 'npx zx tasks/test.ts',
    words: '[WORD...]',
    about: 'Runs the tests next to the sources of lib/; with words, only the files whose path contains one of them.',
    count: [0, Infinity],
    flags: {
      fast: { type: 'boolean', help: 'only files that take seconds, and need neither QEMU nor Nix nor packages of Debian' },
      jobs: { type: 'string', value: 'N', help: 'how many test files run at once (default 2)' },
    },
    examples: ['npm test', 'npm run test:fast', 'npx zx tasks/test.ts redoxfs'],
  },
  async ({ args, host, print, report, signal }) => {
    const { passed, failed } = await runTests(
      { root: host.cwd, words: args.words, fast: args.has('fast'), jobs: args.count('jobs', 1) ?? 2, env: host.env, print },
      { report, signal },
    );
    print(`${passed} passed, ${failed} failed`);
    return { exitCode: failed > 0 || passed === 0 ? 1 : 0 };
  },
);
