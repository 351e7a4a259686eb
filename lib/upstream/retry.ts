// Repeats downloads that failed for a reason that may pass.
import { setTimeout as wait } from 'node:timers/promises';
import type { Context } from '../core/events.ts';

/** Pauses between the tries, in milliseconds. */
export const pausesMs: readonly number[] = [1000, 4000];

/** Returns the result of `work`, which is tried once more after each pause as long as `mayPass` holds for its error. */
export async function retried<T>(
  name: string,
  work: () => Promise<T>,
  { mayPass, pauses = pausesMs }: { readonly mayPass: (error: unknown) => boolean; readonly pauses?: readonly number[] },
  { signal, report }: Context,
): Promise<T> {
  for (const pauseMs of pauses) {
    try {
      return await work();
    } catch (error) {
      signal.throwIfAborted();
      if (!mayPass(error)) throw error;
      report({ kind: 'note', text: `${name}: the server could not be reached; trying again in ${pauseMs / 1000} s` });
      await wait(pauseMs, undefined, { signal });
    }
  }
  return await work();
}
