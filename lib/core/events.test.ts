// A phase reports its beginning and its end, and returns the result of its work.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { pace, phase } from './events.ts';
import type { Event } from './events.ts';

test('a phase reports its start and its end, and gives the value of its work', async () => {
  const events: Event[] = [];
  assert.is(
    await phase(
      'plan',
      (event) => events.push(event),
      async () => 7,
    ),
    7,
  );
  assert.equal(
    events.map(({ kind }) => kind),
    ['phase-started', 'phase-finished'],
  );
  const [, end] = events;
  assert.ok(end?.kind === 'phase-finished' && end.durationMs >= 0);
});

test('a phase whose work fails does not report an end', async () => {
  const kinds: string[] = [];
  const failing = phase(
    'plan',
    ({ kind }) => kinds.push(kind),
    async () => {
      throw new Error('no');
    },
  );
  assert.is(await failing.catch((error: unknown) => (error as Error).message), 'no');
  assert.equal(kinds, ['phase-started']);
});

test('work continues until it is cancelled, and stops at a turn', async () => {
  const abort = new AbortController();
  const turn = pace({ signal: abort.signal, report: () => undefined });
  await turn(9 << 20);
  abort.abort(new Error('called off'));
  await turn(1 << 20);
  const error: unknown = await turn(8 << 20).catch((reason: unknown) => reason);
  assert.match(String(error), 'called off');
});

test.run();
