// The image benchmark with a small workload. Checks that its figures are consistent and that it removes its
// files. No test checks the speed.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { pathOf } from '../../core/paths.ts';
import { KiB, MiB } from '../../core/sizes.ts';
import { benchmarkImage } from './image-benchmark.ts';

test('measures both alternately, returns medians, ratio and goal, and leaves no file', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'bench-test-'));
  try {
    const workload = { imageBytes: 32 * MiB, espBytes: 4 * MiB, files: [{ folder: 'small', count: 20, sizeBytes: 100 * KiB }] };
    const host = { path: pathOf(process.env) };
    const result = await benchmarkImage(workload, 2, dir, host, { signal: new AbortController().signal, report: () => {} });
    assert.equal([result.files, result.contentBytes, result.imageBytes], [20, 2000 * KiB, 32 * MiB]);
    assert.equal([result.cpMs.length, result.assembleMs.length], [2, 2]);
    const [one = 0, two = 0] = result.cpMs;
    assert.is(result.medianCpMs, (Math.min(one, two) + Math.max(one, two)) / 2);
    assert.is(result.ratio, result.medianAssembleMs / result.medianCpMs);
    assert.is(result.goalMs, 2 * result.medianCpMs + 1000);
    assert.ok(result.peakRssBytes > 10 * MiB);
    assert.equal(readdirSync(dir), []);
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test.run();
