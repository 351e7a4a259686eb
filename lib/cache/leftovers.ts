// Folders of finished actions, which are removed when nothing waits for this process. The units that depend on
// an action start first: removing its folder takes 2 to 10 ms. What is left when the process is killed is in
// its folder in the cache, which the next process removes.
import { removeTree } from '../core/paths.ts';

/** Time after which the folders are removed, in ms. By then, the units that have become ready were started. */
const delayMs = 50;

export class Leftovers {
  readonly #folders = new Set<string>();
  #timer: NodeJS.Timeout | undefined;

  add(dir: string): void {
    this.#folders.add(dir);
    this.#timer ??= setTimeout(() => this.remove(), delayMs).unref();
  }

  /** Removes the folders now. What cannot be removed is removed when the process has ended. */
  remove(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const dir of this.#folders) removeTree(dir);
    this.#folders.clear();
  }
}
