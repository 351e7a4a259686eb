#!/usr/bin/env zx
// Checks whether this host can do the given work. With --install it installs what is missing: packages, and a
// Rust toolchain with the source of its standard library.
import '../lib/cli/compile-cache.ts';

const { doctor, doctorFlags } = await import('../lib/cli/tasks/doctor-task.ts');
const { task } = await import('../lib/cli/task.ts');

await task(
  {
    command: 'npx zx tasks/doctor.ts',
    words: '',
    about:
      'Checks programs, firmware, Rust, its library source, the sandbox and KVM. What is not needed to build and boot is only a warning.',
    count: [0, 0],
    flags: doctorFlags,
    examples: [
      'npx zx tasks/doctor.ts',
      'npx zx tasks/doctor.ts --install',
      'npx zx tasks/doctor.ts --install --for redox    # no more than its image and its boot need',
    ],
  },
  doctor,
);
