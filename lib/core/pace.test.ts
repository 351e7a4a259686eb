// Long synchronous work gives way now and then, and hears that it was called off.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { pace } from './pace.ts';

test('work goes on until it is called off, and stops at a turn', async () => {
  const abort = new AbortController();
  const turn = pace({ signal: abort.signal, report: () => undefined });
  await turn(9 << 20);
  abort.abort(new Error('called off'));
  await turn(1 << 20);
  const error: unknown = await turn(8 << 20).catch((reason: unknown) => reason);
  assert.match(String(error), 'called off');
});

test.run();
