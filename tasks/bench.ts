#!/usr/bin/env zx
// Measures what the project promises about speed, on this machine, against the tool that the promise compares with.
import { cpus, release } from 'node:os';
import { cannot } from '../lib/core/errors.ts';
import { formatBytes, formatMs } from '../lib/core/sizes.ts';
import { task } from '../lib/face/task.ts';
import { benchmarkImage, imageWorkload } from '../lib/image/image-benchmark.ts';

await task(
  {
    command: 'npx zx tasks/bench.ts',
    words: 'image',
    about: [
      'Measures the speed of what the project does.',
      '',
      '  image   assembling a 512 MiB image with 300 MiB of content, SHA-256 included, against cp of the same content',
    ].join('\n'),
    count: [1, 1],
    flags: {
      repeat: { type: 'string', value: 'N', help: 'how often each thing is measured (default 5); the median counts' },
      json: { type: 'boolean', help: 'print one JSON object as the last line' },
    },
    examples: ['npx zx tasks/bench.ts image --repeat 9'],
  },
  async ({ args, host, print, report, signal }) => {
    const [name] = args.words;
    if (name !== 'image') throw cannot(`measure "${name}"`, 'the benchmarks are: image', { blame: 'usage' });
    const { PATH: path = '', TMPDIR: scratchDir = '/tmp' } = host.env;
    const result = await benchmarkImage(imageWorkload, args.count('repeat', 1) ?? 5, scratchDir, { path }, { report, signal });
    const { node, openssl } = process.versions;
    const machine = `${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}, Linux ${release()}, Node ${node}, OpenSSL ${openssl}`;
    const times = (values: readonly number[]): string => values.map((ms) => (ms / 1000).toFixed(2)).join(' ');
    print(`machine   ${machine}`);
    print(`content   ${formatBytes(result.contentBytes)} in ${result.files} files, image ${formatBytes(result.imageBytes)}`);
    print(`cp        median ${formatMs(result.medianCpMs)} of ${times(result.cpMs)}`);
    print(`assemble  median ${formatMs(result.medianAssembleMs)} of ${times(result.assembleMs)}, SHA-256 included`);
    const goal = result.medianAssembleMs <= result.goalMs ? 'met' : 'missed';
    print(`ratio     ${result.ratio.toFixed(2)}; goal 2 x cp + 1 s = ${formatMs(result.goalMs)}: ${goal}`);
    print(`memory    peak ${formatBytes(result.peakRssBytes)}`);
    return { json: { benchmark: 'image', machine, ...result, cpMs: [...result.cpMs], assembleMs: [...result.assembleMs] } };
  },
);
