// Collects changes until there is no further one for a while. Editors write a file in several steps, and git
// changes many at once.
import type { Change } from './news.ts';

/** Calls `work` after a time. The returned function cancels it. Tests pass their own clock. */
export type After = (ms: number, work: () => void) => () => void;

export const after: After = (ms, work) => {
  const timer = setTimeout(work, ms);
  return () => clearTimeout(timer);
};

/** This time without a change ends a group of changes. */
export const quietMs = 50;

export class Debounce {
  readonly #changes = new Map<string, Change>();
  readonly #onQuiet: (changes: readonly Change[]) => void;
  readonly #after: After;
  #cancel: () => void = () => undefined;

  /** `onQuiet` gets each path once, with the first report about it. */
  constructor(onQuiet: (changes: readonly Change[]) => void, clock: After = after) {
    this.#onQuiet = onQuiet;
    this.#after = clock;
  }

  add(changes: readonly Change[]): void {
    if (changes.length === 0) return;
    for (const change of changes) if (!this.#changes.has(change.path)) this.#changes.set(change.path, change);
    this.#cancel();
    this.#cancel = this.#after(quietMs, () => {
      const group = [...this.#changes.values()];
      this.#changes.clear();
      this.#onQuiet(group);
    });
  }

  /** Drops collected changes that are not reported yet. */
  close(): void {
    this.#cancel();
    this.#changes.clear();
  }
}
