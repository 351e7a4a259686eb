// What is ready when, and which node has the longest way behind it.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { schedule } from './schedule.ts';
import type { Schedule } from './schedule.ts';

/** Everything that is ready now. */
function takeAll(visits: Schedule): readonly number[] {
  const taken: number[] = [];
  for (let node = visits.take(); node !== undefined; node = visits.take()) taken.push(node);
  return taken.sort((a, b) => a - b);
}

test('a diamond opens and closes', () => {
  const visits = schedule({ dependencies: [[], [0], [0], [1, 2]], weights: [1, 1, 1, 1] });
  assert.equal(takeAll(visits), [0]);
  visits.finish(0);
  assert.equal(takeAll(visits), [1, 2]);
  visits.finish(2);
  assert.equal(takeAll(visits), [], 'a node waits for all that it needs');
  visits.finish(1);
  assert.equal([takeAll(visits), visits.remaining], [[3], 1]);
  visits.finish(3);
  assert.is(visits.remaining, 0);
});

test('nodes may be in any order, and an edge given twice counts once', () => {
  const visits = schedule({ dependencies: [[2, 2, 1], [2], []], weights: [1, 1, 1] });
  assert.equal(takeAll(visits), [2]);
  visits.finish(2);
  assert.equal(takeAll(visits), [1]);
  visits.finish(1);
  assert.equal(takeAll(visits), [0]);
});

test('urgency is the weight of the heaviest path to the end, the node itself included', () => {
  //  0 -> 1 -> 3,  0 -> 2 -> 3,  4 alone
  const visits = schedule({ dependencies: [[], [0], [0], [1, 2], []], weights: [1, 10, 2, 5, 7] });
  assert.equal([0, 1, 2, 3, 4].map(visits.urgency), [16, 15, 7, 5, 7]);
});

test('a chain of a hundred thousand nodes and a hub that all need are no trouble', () => {
  const count = 100_000;
  const chain = schedule({ dependencies: Array.from({ length: count }, (_, node) => (node === 0 ? [] : [node - 1])), weights: [] });
  assert.equal([chain.urgency(0), chain.urgency(count - 1)], [count, 1]);
  const hub = schedule({ dependencies: Array.from({ length: count }, (_, node) => (node === 0 ? [] : [0])), weights: [] });
  assert.is(hub.urgency(0), 2);
});

test('of a cycle nothing is ever ready, and it is no endless loop', () => {
  const visits = schedule({ dependencies: [[1], [0], []], weights: [1, 1, 1] });
  assert.equal(takeAll(visits), [2]);
  visits.finish(2);
  assert.equal([takeAll(visits), visits.remaining], [[], 2]);
});

test.run();
