// The thread of prefetcher.ts: reads the files of trees from the last tree of an order to the first, and tells each tree's digests.
import { lstatSync, readdirSync } from 'node:fs';
import { workerData } from 'node:worker_threads';
import { digestFileSync } from '../../core/digest.ts';
import { itemOf } from '../../core/errors.ts';
import { stampOf } from './written-looks.ts';
import type { ReaderOrder, ReaderPort } from './prefetcher.ts';

const { port }: ReaderPort = workerData;

port.on('message', ({ dirs, done }: ReaderOrder) => {
  for (let index = dirs.length - 1; index >= 0; index--) {
    const dir = itemOf(dirs, index);
    if (Atomics.load(done, index) !== 0) continue;
    try {
      port.postMessage(filesOf(dir).map((path) => [path, stampOf(lstatSync(path)), digestFileSync(path)]));
    } catch {
      // whoever asks for it will see what is wrong with it
    }
  }
});

/** Regular files; what links lead to is looked at by whoever asks. */
function filesOf(dir: string): string[] {
  return readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
    const path = `${dir}/${entry.name}`;
    return entry.isDirectory() ? filesOf(path) : entry.isFile() ? [path] : [];
  });
}
