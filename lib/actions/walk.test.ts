// The walk over a graph: how many nodes run at once, in which order, and how it ends. The nodes are promises
// that the test resolves.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { schedule, walk } from './walk.ts';
import type { Edge, Schedule } from './walk.ts';

const late = (lists: readonly (readonly number[])[]): readonly (readonly Edge[])[] =>
  lists.map((list) => list.map((on) => ({ on, early: false })));

/** A walk whose work waits until the test lets it end. */
class Puppets {
  readonly running = new Map<number, PromiseWithResolvers<void>>();
  readonly started: number[] = [];
  readonly lookedUp: number[] = [];
  readonly abort = new AbortController();
  readonly ended: Promise<unknown>;
  over = false;

  constructor(
    dependencies: readonly (readonly number[])[],
    options: { jobs?: number; hits?: readonly number[]; weights?: readonly number[] } = {},
  ) {
    const { jobs = 2, hits = [], weights = dependencies.map(() => 1) } = options;
    const lookUp = async (node: number): Promise<boolean> => {
      this.lookedUp.push(node);
      return hits.includes(node);
    };
    const run = (node: number): Promise<void> => {
      const puppet = Promise.withResolvers<void>();
      this.started.push(node);
      this.running.set(node, puppet);
      return puppet.promise.finally(() => this.running.delete(node));
    };
    const walked = walk({ dependencies: late(dependencies), weights }, jobs, this.abort.signal, { lookUp, run });
    this.ended = walked
      .then(
        () => 'done',
        (error: unknown) => error,
      )
      .finally(() => {
        this.over = true;
      });
  }

  /** Lets all pending callbacks run. Returns the nodes that are running then. */
  async quiet(): Promise<readonly number[]> {
    for (let turns = 0; turns < 3; turns++) await new Promise((resolve) => setImmediate(resolve));
    return [...this.running.keys()].sort((a, b) => a - b);
  }

  async end(...nodes: readonly number[]): Promise<readonly number[]> {
    for (const node of nodes) this.running.get(node)?.resolve();
    return this.quiet();
  }

  async fail(node: number, error: Error): Promise<readonly number[]> {
    this.running.get(node)?.reject(error);
    return this.quiet();
  }
}

test('a diamond: both sides run together, the end waits for both', async () => {
  const puppets = new Puppets([[], [0], [0], [1, 2]]);
  assert.equal(await puppets.quiet(), [0]);
  assert.equal(await puppets.end(0), [1, 2]);
  assert.equal(await puppets.end(1), [2]);
  assert.equal(await puppets.end(2), [3]);
  await puppets.end(3);
  assert.is(await puppets.ended, 'done');
});

test('a graph without nodes, and one of hits alone, is done at once', async () => {
  assert.is(await new Puppets([]).ended, 'done');
  const hits = new Puppets([[], [0], [1]], { hits: [0, 1, 2] });
  assert.is(await hits.ended, 'done');
  assert.equal([hits.lookedUp, hits.started], [[0, 1, 2], []]);
});

test('at most so many run at once, and a place that gets free is taken', async () => {
  const puppets = new Puppets(
    Array.from({ length: 7 }, () => []),
    { jobs: 3 },
  );
  assert.is((await puppets.quiet()).length, 3);
  for (let left = 6; left >= 0; left--) {
    const [first = -1] = await puppets.quiet();
    assert.is((await puppets.end(first)).length, Math.min(3, left));
  }
  assert.is(await puppets.ended, 'done');
});

test('a node is looked up once, when all its dependencies are done', async () => {
  const puppets = new Puppets([[], [0]], { jobs: 1 });
  await puppets.quiet();
  assert.equal(puppets.lookedUp, [0]);
  await puppets.end(0);
  assert.equal(puppets.lookedUp, [0, 1]);
  await puppets.end(1);
  assert.equal(
    [puppets.lookedUp, puppets.started],
    [
      [0, 1],
      [0, 1],
    ],
  );
});

test('of the misses that are known the one with the longest path of dependents runs first', async () => {
  // 0 and 1 are short; 2 carries the chain 3 -> 4; 5 is heavy.
  const puppets = new Puppets([[], [], [], [2], [3], []], { jobs: 1, weights: [1, 1, 1, 1, 1, 9] });
  for (let left = 6; left > 0; left--) await puppets.end(...(await puppets.quiet()));
  // What 2 makes ready is looked up while the free place goes to a miss that is known; after that 3 is before 1.
  assert.equal(puppets.started.slice(0, 4), [5, 2, 0, 3]);
  assert.is(await puppets.ended, 'done');
});

test('hits need no free place: the rest of the graph is walked while all places are in use', async () => {
  const puppets = new Puppets([[], [], [1], [2], [3]], { jobs: 1, hits: [1, 2, 3] });
  assert.equal(await puppets.quiet(), [0]);
  assert.equal(puppets.lookedUp.toSorted(), [0, 1, 2, 3, 4]);
  await puppets.end(0);
  await puppets.end(4);
  assert.is(await puppets.ended, 'done');
});

test('after a failure no node starts, and running nodes are awaited', async () => {
  const puppets = new Puppets([[], [], [], [1]], { jobs: 2 });
  const [first = -1, second = -1] = await puppets.quiet();
  assert.equal(await puppets.fail(first, new Error('no')), [second]);
  assert.not(puppets.over, 'it waits');
  assert.equal(await puppets.end(second), []);
  assert.is(((await puppets.ended) as Error).message, 'no');
  assert.is(puppets.started.length, 2);
});

test('of several failures the first is reported', async () => {
  const puppets = new Puppets([[], []]);
  await puppets.quiet();
  await puppets.fail(1, new Error('first'));
  await puppets.fail(0, new Error('second'));
  assert.is(((await puppets.ended) as Error).message, 'first');
});

test('a look-up that fails ends the walk like a run that fails', async () => {
  const walked = walk({ dependencies: late([[], [0]]), weights: [1, 1] }, 2, new AbortController().signal, {
    lookUp: async () => {
      throw new Error('unreadable');
    },
    run: async () => undefined,
  });
  assert.is(await walked.catch((error: unknown) => (error as Error).message), 'unreadable');
});

test('a look-up that waits for another node ends when nothing new starts: after a failure, and after an abort', async () => {
  for (const reason of ['failure', 'abort']) {
    const abort = new AbortController();
    const running = Promise.withResolvers<void>();
    const started = Promise.withResolvers<void>();
    const walked = walk({ dependencies: late([[], []]), weights: [1, 1] }, 2, abort.signal, {
      lookUp: (node, ending) =>
        node === 0 ? Promise.resolve(false) : new Promise((_, reject) => ending.addEventListener('abort', () => reject(ending.reason))),
      run: () => {
        started.resolve();
        return running.promise;
      },
    });
    await started.promise;
    if (reason === 'failure') running.reject(new Error(reason));
    else abort.abort(new Error(reason));
    running.resolve();
    assert.is(await walked.catch((error: unknown) => (error as Error).message), reason);
  }
});

test('after an abort no node starts, and the reason is thrown', async () => {
  const puppets = new Puppets([[], [], []], { jobs: 1 });
  const [first = -1] = await puppets.quiet();
  puppets.abort.abort(new Error('enough'));
  assert.equal(await puppets.quiet(), [first]);
  assert.equal(await puppets.fail(first, new Error('it was killed')), []);
  assert.is(((await puppets.ended) as Error).message, 'enough');
});

test('a cycle is reported as an error after everything else is done', async () => {
  for (const dependencies of [[[0]], [[1], [0]], [[], [0, 2], [1]]]) {
    const puppets = new Puppets(dependencies, { hits: [0, 1, 2] });
    assert.match(((await puppets.ended) as Error).message, /can never become ready: the graph has a cycle$/, JSON.stringify(dependencies));
  }
});

test('a wide graph is walked to its end', async () => {
  const count = 5000;
  const done = new Set<number>();
  const everyOther = Array.from({ length: count - 1 }, (_, node) => node);
  const dependencies = [[], ...everyOther.slice(1).map(() => [0]), everyOther];
  await walk({ dependencies: late(dependencies), weights: [] }, 4, new AbortController().signal, {
    lookUp: async (node) => node % 2 === 0 && Boolean(done.add(node)),
    run: async (node) => {
      done.add(node);
    },
  });
  assert.is(done.size, count);
});

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

test('a chain of a hundred thousand nodes and a hub that all depend on work', () => {
  const count = 100_000;
  const chain = schedule({ dependencies: late(Array.from({ length: count }, (_, node) => (node === 0 ? [] : [node - 1]))), weights: [] });
  assert.equal([chain.urgency(0), chain.urgency(count - 1)], [count, 1]);
  const hub = schedule({ dependencies: late(Array.from({ length: count }, (_, node) => (node === 0 ? [] : [0]))), weights: [] });
  assert.is(hub.urgency(0), 2);
});

test('nodes of a cycle are never ready, and the walk ends', () => {
  const visits = schedule({ dependencies: late([[1], [0], []]), weights: [1, 1, 1] });
  assert.equal(takeAll(visits), [2]);
  visits.finish(2);
  assert.equal([takeAll(visits), visits.remaining], [[], 2]);
});

test('an announced node releases its early dependents once; the others wait for its end', () => {
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
