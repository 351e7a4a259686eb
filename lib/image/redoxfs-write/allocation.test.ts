// Tests allocation logs like those of a used file system, with blocks that are freed, allocated and freed
// again. Invalid logs are refused.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { replayed } from './allocation.ts';
import type { AllocationEntry } from '../redoxfs/blocks.ts';

const listOf = (...entries: readonly (readonly [index: number, count: number])[]): ReturnType<typeof replayed> =>
  replayed({ blocks: [], entries: entries.map(([index, count]): AllocationEntry => ({ index, count })) }, 1000);

test('entries are replayed in order, and neighbours are joined', () => {
  const list = listOf([300, 700], [300, -10], [500, -1], [305, 5], [500, 1], [260, 3], [263, 37], [300, 5]);
  assert.equal(list.list(), [{ index: 260, count: 740 }]);
});

test('allocations are aligned, use the lowest position, and are beyond the end if there is no space', () => {
  const list = listOf([261, 20], [300, 10]);
  assert.equal([list.allocate(3), list.allocate(0), list.allocate(2), list.allocate(3)], [264, 261, 272, 1000]);
  assert.is(list.missingBlocks, 8);
  assert.equal(list.list(), [
    { index: 262, count: 2 },
    { index: 276, count: 5 },
    { index: 300, count: 10 },
  ]);
});

test('blocks that are freed twice, taken twice or do not exist are damage', () => {
  assert.throws(() => listOf([300, 10], [309, 1]), /it frees blocks from 309 on that are not taken/);
  assert.throws(() => listOf([300, 10], [290, 11]), /it frees blocks from 290 on that are not taken/);
  assert.throws(() => listOf([300, 10], [305, -6]), /it takes blocks from 305 on that are not free/);
  assert.throws(() => listOf([990, 11]), /it frees blocks from 990 on/);
});

test.run();
