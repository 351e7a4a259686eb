#!/usr/bin/env zx
// Creates or removes a network for machines: a TAP device with NAT. It needs root. Machines that use the
// network do not.
import '../lib/cli/compile-cache.ts';

const { changeNetwork, netFlags } = await import('../lib/cli/tasks/net-task.ts');
const { task } = await import('../lib/cli/task.ts');

await task(
  {
    command: 'npx zx tasks/net.ts',
    words: 'up|down',
    about:
      'Makes a TAP device with NAT for machines (test-boot.ts --tap NAME, run.ts --tap NAME), or removes it. Done twice, it is as done once.',
    count: [1, 1],
    flags: netFlags,
    examples: ['npx zx tasks/net.ts up --dry-run', 'sudo npx zx tasks/net.ts up --user "$USER"', 'sudo npx zx tasks/net.ts down'],
  },
  changeNetwork,
);
