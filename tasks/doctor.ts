#!/usr/bin/env zx
// Looks whether this host can build and boot a system, and with --install gets what is missing: system packages and the standard library's source.
import '../lib/cli/compile-cache.ts';

const { complaint, examine } = await import('../lib/host/doctor.ts');
const { checkLine } = await import('../lib/host/host-checks.ts');
const { task } = await import('../lib/cli/task.ts');

await task(
  {
    command: 'npx zx tasks/doctor.ts',
    words: '',
    about:
      'Checks programs, firmware, Rust, its library source, the sandbox and KVM. What is not needed to build and boot is only a warning.',
    count: [0, 0],
    flags: {
      install: { type: 'boolean', help: 'get what is missing, by apt-get (as root or with sudo) and rustup; otherwise print the command' },
      cache: { type: 'string', value: 'DIR', help: 'the cache directory (default: BLOOMERY_CACHE, else ~/.cache/bloomery)' },
      'rust-src': { type: 'string', value: 'DIR|ARCHIVE', help: 'the source of the standard library (default: BLOOMERY_RUST_SRC)' },
      json: { type: 'boolean', help: 'print the checks as one JSON object' },
    },
    examples: ['npx zx tasks/doctor.ts', 'npx zx tasks/doctor.ts --install'],
  },
  async ({ args, host, path, print, report, signal }) => {
    const named = args.text('rust-src') ?? host.env['BLOOMERY_RUST_SRC'];
    const checks = await examine(
      {
        env: host.env,
        cacheDir: path(args.text('cache') ?? host.cacheDir),
        nodeVersion: process.versions.node,
        rustSrc: named ? path(named) : undefined,
        root: process.getuid?.() === 0,
      },
      args.has('install'),
      { report, signal },
    );
    const problem = complaint(checks);
    const quietly = args.has('install') && !problem;
    for (const check of checks.filter(({ found }) => !quietly || !found)) print(checkLine(check));
    if (problem) throw problem;
    print(`This host can build and boot (${checks.length} checks).`);
    return { json: { checks: checks.map(({ name, found, needed, detail }) => ({ name, found, needed, detail })) } };
  },
);
