// Work that other work need not wait for: results of finished units are stored after the units that depend on
// them have started. What is left when the process is killed is in its folder
// in the cache, which the next process removes.

/** Time after which postponed work is done, in ms. By then, the units that have become ready were started. */
const delayMs = 30;

export class Postponed {
  readonly #work: (() => void)[] = [];
  #timer: NodeJS.Timeout | undefined;

  /** Returns the result of the work when it was done. */
  add<T>(work: () => Promise<T> | T): Promise<T> {
    this.#timer ??= setTimeout(() => this.do(), delayMs);
    return new Promise<T>((resolve, reject) => {
      this.#work.push(() => {
        try {
          resolve(work());
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  /** Starts everything now. */
  do(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const work of this.#work.splice(0)) work();
  }
}
