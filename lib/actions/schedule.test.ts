// What is ready when, and which node has the longest way behind it.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { schedule } from './schedule.ts';
import type { Edge } from './schedule.ts';

const late = (lists: readonly (readonly number[])[]): readonly (readonly Edge[])[] =>
  lists.map((list) => list.map((on) => ({ on, early: false })));
import type { Schedule } from './schedule.ts';

/** Everything that is ready now. */
function takeAll(visits: Schedule): readonly number[] {
  const taken: number[] = [];
  for (let node = visits.take(); node !== undefined; node = visits.take()) taken.push(node);
  return taken.sort((a, b) => a - b);
}

test('a diamond opens and closes', () => {
  const visits = schedule({ dependencies: late([[], [0], [0], [1, 2]]), weights: [1, 1, 1, 1] });
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
  const visits = schedule({ dependencies: late([[2, 2, 1], [2], []]), weights: [1, 1, 1] });
  assert.equal(takeAll(visits), [2]);
  visits.finish(2);
  assert.equal(takeAll(visits), [1]);
  visits.finish(1);
  assert.equal(takeAll(visits), [0]);
});

test('urgency is the weight of the heaviest path to the end, the node itself included', () => {
  //  0 -> 1 -> 3,  0 -> 2 -> 3,  4 alone
  const visits = schedule({ dependencies: late([[], [0], [0], [1, 2], []]), weights: [1, 10, 2, 5, 7] });
  assert.equal([0, 1, 2, 3, 4].map(visits.urgency), [16, 15, 7, 5, 7]);
});

test('a chain of a hundred thousand nodes and a hub that all need are no trouble', () => {
  const count = 100_000;
  const chain = schedule({ dependencies: late(Array.from({ length: count }, (_, node) => (node === 0 ? [] : [node - 1]))), weights: [] });
  assert.equal([chain.urgency(0), chain.urgency(count - 1)], [count, 1]);
  const hub = schedule({ dependencies: late(Array.from({ length: count }, (_, node) => (node === 0 ? [] : [0]))), weights: [] });
  assert.is(hub.urgency(0), 2);
});

test('of a cycle nothing is ever ready, and it is no endless loop', () => {
  const visits = schedule({ dependencies: late([[1], [0], []]), weights: [1, 1, 1] });
  assert.equal(takeAll(visits), [2]);
  visits.finish(2);
  assert.equal([takeAll(visits), visits.remaining], [[], 2]);
});

test('an announced node lets go on those that wait for it early, once; the others wait for its end', () => {
  const visits = schedule({
    dependencies: [
      [],
      [{ on: 0, early: true }],
      [{ on: 0, early: false }],
      [
        { on: 0, early: true },
        { on: 0, early: false },
      ],
    ],
    weights: [1, 1, 1, 1],
  });
  assert.is(visits.take(), 0);
  assert.is(visits.take(), undefined);
  visits.announce(0);
  visits.announce(0);
  assert.is(visits.take(), 1);
  assert.is(visits.take(), undefined);
  visits.finish(0);
  assert.equal([visits.take(), visits.take(), visits.take()], [2, 3, undefined]);
  for (const node of [1, 2, 3]) visits.finish(node);
  assert.is(visits.remaining, 0);
});

test.run();
