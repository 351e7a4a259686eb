// The cache of a process with many rounds: blobs that were verified in one round are not read again in the
// next.
import { openCache } from '../../cache/cache.ts';
import type { Cache } from '../../cache/cache.ts';
import type { Report } from '../../core/events.ts';

export class WarmCache {
  readonly #dir: string;
  #first: Promise<Cache> | undefined;

  constructor(dir: string) {
    this.#dir = dir;
  }

  /** Opens the cache for one round, in which each file is read at most once. */
  async use<T>(report: Report, work: (cache: Cache) => Promise<T>): Promise<T> {
    this.#first ??= openCache(this.#dir, process.pid, report);
    const cache = (await this.#first).again();
    try {
      return await work(cache);
    } finally {
      await cache.close();
    }
  }

  async close(): Promise<void> {
    await (await this.#first)?.close();
  }
}
