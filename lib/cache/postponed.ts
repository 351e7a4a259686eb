// Work that other work need not wait for: results of finished units are stored after the units that depend on
// them have started. What is left when the process is killed is in its folder
// in the cache, which the next process removes.
// Folders of finished work are removed while this process waits for something else. A folder of an action may
// have a thousand files. To remove them at once would delay other work by 30 ms, so they are removed in turns.
import { lstatSync, readdirSync, renameSync, rmdirSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { removeTree, unlinkLater } from '../core/paths.ts';
import { MiB } from '../core/sizes.ts';

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

/** Time between two turns, in ms. The first one is after `delayMs`. */
const restMs = 4;
/** Length of a turn, in ms. */
const turnMs = 1;

export class Leftovers {
  readonly #folders: string[] = [];
  #removal: Iterator<void> | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** Removes a folder a little later. */
  add(folder: string): void {
    this.#folders.push(folder);
    this.#timer ??= setTimeout(() => this.#turn(), delayMs).unref();
  }

  /** Removes all folders now. What cannot be removed is removed when this process has ended. */
  removeAll(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#removal = undefined;
    for (const folder of this.#folders.splice(0)) removeTree(folder);
  }

  #turn(): void {
    const endMs = performance.now() + turnMs;
    this.#timer = undefined;
    while (performance.now() < endMs) {
      const [folder] = this.#folders;
      if (folder === undefined) return;
      if (this.#isRemoved(folder)) this.#folders.shift();
    }
    if (this.#folders.length > 0) this.#timer = setTimeout(() => this.#turn(), restMs).unref();
  }

  /** Removes one entry. Returns whether the folder is gone. */
  #isRemoved(folder: string): boolean {
    this.#removal ??= removed(folder);
    try {
      if (this.#removal.next().done !== true) return false;
    } catch {
      removeTree(folder); // it has unusual names or permissions
    }
    this.#removal = undefined;
    return true;
  }
}

/** Removes a folder, and stops after each of its entries. `top` is the outermost folder. */
function* removed(folder: string, top = folder): Generator<void> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* removed(path, top);
    else if (lstatSync(path).size < largeBytes) unlinkSync(path);
    else {
      const aside = `${top}-${serial++}`;
      renameSync(path, aside);
      unlinkLater(aside);
    }
    yield;
  }
  rmdirSync(folder);
}

/** Another thread frees files from this size on, which takes 1 ms per 3 MB. */
const largeBytes = MiB;

/** Distinguishes large files on their way out, which are next to their folder. */
let serial = 0;
