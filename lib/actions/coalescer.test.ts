// Equal keys are held one after another, and every caller ends. The work of a caller is fake: it ends when
// the test frees its key.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { randomNumbers } from '../core/random-numbers.ts';
import { Coalescer } from './walk.ts';
import type { Free } from './walk.ts';

const never = new AbortController().signal;

/** Lets everything happen that can happen without the test. */
const quiet = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Callers of one coalescer, with the state of each. */
class Callers {
  readonly coalescer = new Coalescer<string>();
  /** Callers that got their key, in the order in which they got it. */
  readonly turns: string[] = [];
  readonly held = new Map<string, { readonly key: string; readonly free: Free }>();
  readonly rejected = new Map<string, unknown>();

  ask(caller: string, key: string, signal = never): void {
    this.coalescer.hold(key, signal).then(
      (free) => {
        this.turns.push(caller);
        this.held.set(caller, { key, free });
      },
      (error: unknown) => this.rejected.set(caller, error),
    );
  }

  async free(caller: string): Promise<void> {
    this.held.get(caller)?.free();
    this.held.delete(caller);
    await quiet();
  }
}

test('of callers that ask in the same turn of the event loop, one gets the key', async () => {
  const callers = new Callers();
  for (const caller of ['a', 'b', 'c']) callers.ask(caller, 'key');
  await quiet();
  assert.equal(callers.turns, ['a']);
});

test('different keys are held at the same time', async () => {
  const callers = new Callers();
  for (const caller of ['a', 'b', 'c']) callers.ask(caller, caller);
  await quiet();
  assert.equal([...callers.held.keys()], ['a', 'b', 'c']);
});

test('the key is passed on in the order in which it was asked for, and is free after the last caller', async () => {
  const callers = new Callers();
  for (const caller of ['a', 'b', 'c']) callers.ask(caller, 'key');
  await quiet();
  await callers.free('a');
  assert.equal(callers.turns, ['a', 'b']);
  callers.ask('d', 'key');
  for (const caller of ['b', 'c', 'd']) await callers.free(caller);
  assert.equal(callers.turns, ['a', 'b', 'c', 'd']);
  callers.ask('e', 'key');
  await quiet();
  assert.equal([...callers.held.keys()], ['e']);
});

test('freeing a key twice does not take it from the next caller', async () => {
  const callers = new Callers();
  for (const caller of ['a', 'b', 'c']) callers.ask(caller, 'key');
  await quiet();
  const held = callers.held.get('a');
  held?.free();
  held?.free();
  await quiet();
  assert.equal(callers.turns, ['a', 'b']);
});

test('equal work is done once, and each caller gets its result, whichever caller is the first', async () => {
  for (const order of ['abc', 'acb', 'bac', 'bca', 'cab', 'cba']) {
    const coalescer = new Coalescer<string>();
    const results = new Map<string, string>();
    const work = async (caller: string): Promise<string> => {
      const free = await coalescer.hold('key', never);
      await quiet();
      if (!results.has('key')) results.set('key', `the result of ${caller}`);
      free();
      return results.get('key') ?? '';
    };
    const [first] = order;
    assert.equal(new Set(await Promise.all([...order].map(work))), new Set([`the result of ${first}`]), order);
  }
});

test('after a caller that leaves no result, the next one tries', async () => {
  const coalescer = new Coalescer<string>();
  const tried: string[] = [];
  const work = async (caller: string): Promise<void> => {
    const free = await coalescer.hold('key', never);
    try {
      tried.push(caller);
      if (caller === 'a') throw new Error('no');
    } finally {
      free();
    }
  };
  const [a, b] = await Promise.allSettled(['a', 'b'].map(work));
  assert.equal([a?.status, b?.status, tried], ['rejected', 'fulfilled', ['a', 'b']]);
});

test('an abort frees a caller that waits, and the callers after it keep their order', async () => {
  const callers = new Callers();
  const abort = new AbortController();
  callers.ask('a', 'key');
  callers.ask('b', 'key', abort.signal);
  callers.ask('c', 'key');
  await quiet();
  abort.abort(new Error('enough'));
  await quiet();
  assert.is((callers.rejected.get('b') as Error).message, 'enough');
  await callers.free('a');
  assert.equal(callers.turns, ['a', 'c']);
});

test('an abort does not take the key from a caller that holds it', async () => {
  const callers = new Callers();
  const abort = new AbortController();
  callers.ask('a', 'key', abort.signal);
  await quiet();
  callers.ask('b', 'key');
  abort.abort();
  await quiet();
  assert.equal(callers.turns, ['a']);
  await callers.free('a');
  assert.equal(callers.turns, ['a', 'b']);
});

test('a caller whose turn comes together with its abort holds the key or leaves it to the next one', async () => {
  for (const abortsFirst of [true, false]) {
    const callers = new Callers();
    const abort = new AbortController();
    callers.ask('a', 'key');
    callers.ask('b', 'key', abort.signal);
    callers.ask('c', 'key');
    await quiet();
    if (abortsFirst) abort.abort();
    callers.held.get('a')?.free();
    if (!abortsFirst) abort.abort();
    await quiet();
    assert.equal(callers.turns, abortsFirst ? ['a', 'c'] : ['a', 'b']);
  }
});

test('a caller whose signal has aborted already gets no key', async () => {
  const callers = new Callers();
  callers.ask('a', 'key', AbortSignal.abort(new Error('enough')));
  callers.ask('b', 'key');
  await quiet();
  assert.is((callers.rejected.get('a') as Error).message, 'enough');
  assert.equal(callers.turns, ['b']);
});

test('in 300 random interleavings every caller ends, and no key is held twice', async () => {
  for (let seed = 0; seed < 300; seed++) {
    const random = randomNumbers(seed);
    const below = (count: number): number => Math.floor(random() * count);
    const callers = new Callers();
    const asked: { readonly caller: string; readonly key: string; readonly abort: AbortController }[] = [];
    const step = async (): Promise<void> => {
      const kind = random();
      const [caller] = [...callers.held.keys()].slice(below(callers.held.size));
      if (kind < 0.5) {
        const one = { caller: `${asked.length}`, key: `key ${below(3)}`, abort: new AbortController() };
        asked.push(one);
        callers.ask(one.caller, one.key, one.abort.signal);
      } else if (kind < 0.8 && caller !== undefined) {
        callers.held.get(caller)?.free();
        callers.held.delete(caller);
      } else if (kind < 0.9) asked[below(asked.length)]?.abort.abort(new Error('enough'));
      if (random() < 0.5) await quiet();
      const keys = [...callers.held.values()].map(({ key }) => key);
      assert.is(new Set(keys).size, keys.length, `seed ${seed}: a key is held twice`);
    };
    for (let steps = 0; steps < 40; steps++) await step();
    await quiet();
    while (callers.held.size > 0) await callers.free([...callers.held.keys()][0] ?? '');
    const ended = [...callers.turns, ...callers.rejected.keys()].sort();
    assert.equal(ended, asked.map(({ caller }) => caller).sort(), `seed ${seed}: a caller never ended`);
    for (const key of ['key 0', 'key 1', 'key 2']) {
      const inOrder = asked.filter((one) => one.key === key && callers.turns.includes(one.caller)).map(({ caller }) => caller);
      assert.equal(
        callers.turns.filter((caller) => inOrder.includes(caller)),
        inOrder,
        `seed ${seed}: not in the order of arrival`,
      );
    }
  }
});

test.run();
