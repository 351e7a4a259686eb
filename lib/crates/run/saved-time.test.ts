// The time that units took once: added up, and remembered as a sum for the same units only.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { withScratch } from '../../dev/testing/scratch.ts';
import type { Json } from '../../core/digest.ts';
import { digestBytes } from '../../core/digest.ts';
import { recordedMs } from './build-answer.ts';

test('durations add up; what was never timed counts nothing; the sum outlives the single records', async () => {
  await withScratch(async ({ cache }) => {
    const durations = await cache.records<number>('durations', (value): value is number & Json => typeof value === 'number');
    await durations.put(digestBytes('a'), 100);
    await durations.put(digestBytes('b'), 20);
    assert.equal(
      [await recordedMs(['a', 'b', 'never'], cache), await recordedMs(['a'], cache), await recordedMs([], cache)],
      [120, 100, 0],
    );
    const key = digestBytes('a');
    await rm(join(cache.dir, 'durations', key.slice(0, 2), key));
    assert.equal([await recordedMs(['a', 'b', 'never'], cache), await recordedMs(['a', 'b'], cache)], [120, 20]);
  });
});

test.run();
