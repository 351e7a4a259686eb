// Long work on blocks is done synchronously, which is fastest; now and then it pauses, so that ^C is heard and others get a turn.
import { setImmediate } from 'node:timers/promises';
import type { Context } from './events.ts';

const bytesPerTurn = 8 * 1024 * 1024;

/** Call after each stretch of work with its bytes: gives way every 8 MiB and throws the reason when the work was called off. */
export function pace({ signal }: Context): (bytes: number) => Promise<void> {
  let since = 0;
  return async (bytes) => {
    since += bytes;
    if (since < bytesPerTurn) return;
    since = 0;
    await setImmediate();
    signal.throwIfAborted();
  };
}
