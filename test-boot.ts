#!/usr/bin/env zx
// Boots a system's image and judges its serial console: booted, failed, stalled or exited-early. Exit code 0 means booted.
import './lib/cli/compile-cache.ts';

const { machineFlags, verdictFlags } = await import('./lib/cli/flags/boot-flags.ts');
const { checkoutFlags, sourceFlags } = await import('./lib/cli/flags/source-flags.ts');
const { task } = await import('./lib/cli/task.ts');
const root = import.meta.dirname;

await task(
  {
    command: 'npx zx test-boot.ts',
    words: '<system>...',
    about: 'Boots the image of a system and judges its serial console. Exit code: 0 booted, 1 not booted, 2 usage, 69 the host cannot.',
    count: [0, 20],
    flags: {
      ...machineFlags,
      ...verdictFlags,
      replay: { type: 'string', value: 'FILE', help: 'judge a recorded console (--system S) instead of booting' },
      log: { type: 'string', value: 'FILE', help: 'the transcript (default: in out/logs); FILE.times has their arrival times' },
      retry: {
        type: 'string',
        value: 'N',
        help: 'boot up to N times more after a failure; a boot that then succeeds is reported as flaky',
      },
      junit: { type: 'string', value: 'FILE', help: 'write the verdicts as a JUnit report' },
      findings: { type: 'string', value: 'OLD.json', help: 'compare findings with those of an earlier run (its --json)' },
      symbols: { type: 'string', value: 'ELF', help: 'the kernel with its symbols: addresses of a failed boot get names' },
      quiet: { type: 'boolean', help: 'do not show the console' },
      ktest: {
        ...{ type: 'string', value: 'CRATE[::NAME]', implied: { value: '', follows: (word) => !word.startsWith('-') } },
        help: 'build the kernel of a checkout with its tests (--source), and run them all, or those of one crate',
      },
      ...sourceFlags,
      ...checkoutFlags,
      matrix: {
        type: 'boolean',
        help: 'boot every profile of one system, and with each other kernel of its page where a profile can have one',
      },
      'no-checks': { type: 'boolean', help: "boot and judge only; do not log in for the profile's checks" },
      keep: { type: 'boolean', help: 'leave the machine running after the verdict, until ^C' },
      json: { type: 'boolean', help: 'print the verdict as one JSON object, as the last line' },
    },
    examples: [
      'npx zx test-boot.ts redox',
      'npx zx test-boot.ts --image my.img --system redox --timeout 60 --json',
      'npx zx test-boot.ts redox --retry 2 --junit boot.xml',
      'npx zx test-boot.ts --replay boot.log --system linux',
      "npx zx test-boot.ts redox --expect 'login:' --send user",
    ],
  },
  async (task) => {
    const { bootCases, earlierFindings, kernelTests, reportCases } = await import('./lib/cli/tasks/boot-task.ts');
    if (task.args.text('ktest') !== undefined) return await (await kernelTests(root)).testKernel(task, root);
    const before = await earlierFindings(task);
    return await reportCases(task, await bootCases(task, root), before);
  },
);
