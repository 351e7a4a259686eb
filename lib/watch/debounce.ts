// Collects changed paths until none has come for a while. Editors write a file in several steps, and git changes many at once.

/** Does `work` after a time; the function that is returned cancels it. Tests have a clock of their own. */
export type After = (ms: number, work: () => void) => () => void;

export const after: After = (ms, work) => {
  const timer = setTimeout(work, ms);
  return () => clearTimeout(timer);
};

/** No change for so long ends a group of changes. */
export const quietMs = 50;

export class Debounce {
  readonly #paths = new Set<string>();
  readonly #onQuiet: (paths: readonly string[]) => void;
  readonly #after: After;
  #cancel: () => void = () => undefined;

  constructor(onQuiet: (paths: readonly string[]) => void, clock: After = after) {
    this.#onQuiet = onQuiet;
    this.#after = clock;
  }

  add(paths: readonly string[]): void {
    if (paths.length === 0) return;
    for (const path of paths) this.#paths.add(path);
    this.#cancel();
    this.#cancel = this.#after(quietMs, () => {
      const group = [...this.#paths];
      this.#paths.clear();
      this.#onQuiet(group);
    });
  }

  /** Forgets what has come and is not reported yet. */
  close(): void {
    this.#cancel();
    this.#paths.clear();
  }
}
