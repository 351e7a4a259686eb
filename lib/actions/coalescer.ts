// Coalesces equal work. Callers with equal keys hold the key one after another, in the order in which they asked for it: the first one does the work,
// and a later one looks for its result when its turn comes. An equal key need not mean an equal result (some inputs are known only after a run), so
// a caller that finds no result does the work itself, and the others still wait. Knows neither the work nor its results.

/** Frees a key for the next caller. A second call does nothing. */
export type Free = () => void;

export class Coalescer<Key> {
  /** For each key that is held, the callers that wait for it, in their order. */
  readonly #waiting = new Map<Key, Set<() => void>>();

  /**
   * Resolves when all earlier callers have freed the key; the caller holds it until it calls the returned function. Rejects with the reason of
   * `signal` when that aborts first. The key is taken synchronously: of two callers in the same turn of the event loop, one waits.
   */
  async hold(key: Key, signal: AbortSignal): Promise<Free> {
    signal.throwIfAborted();
    const waiting = this.#waiting.get(key);
    if (waiting) await turn(waiting, signal);
    else this.#waiting.set(key, new Set());
    let held = true;
    return () => {
      if (held) this.#pass(key);
      held = false;
    };
  }

  /** Gives a held key to the first caller that waits for it. */
  #pass(key: Key): void {
    const waiting = this.#waiting.get(key);
    const [next] = waiting ?? [];
    if (next) next();
    else this.#waiting.delete(key);
  }
}

/** Waits for a turn among `waiting`; whoever calls the entry gives the turn. */
function turn(waiting: Set<() => void>, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const start = (): void => {
    leave();
    resolve();
  };
  const abort = (): void => {
    leave();
    reject(signal.reason);
  };
  const leave = (): void => {
    waiting.delete(start);
    signal.removeEventListener('abort', abort);
  };
  waiting.add(start);
  signal.addEventListener('abort', abort);
  return promise;
}
