// The thread of prefetcher.ts. It reads the files of trees, from the last tree of an order to the first, and
// sends the digests of each tree.
import { lstatSync, readdirSync } from 'node:fs';
import { workerData } from 'node:worker_threads';
import { digestFileSync } from '../../core/digest.ts';
import { itemOf } from '../../core/errors.ts';
import { stampOf } from './look-table.ts';
import type { ReaderOrder, ReaderPort } from './prefetcher.ts';

const { port }: ReaderPort = workerData;

port.on('message', ({ dirs, done }: ReaderOrder) => {
  for (let index = dirs.length - 1; index >= 0; index--) {
    const dir = itemOf(dirs, index);
    if (Atomics.load(done, index) !== 0) continue;
    try {
      port.postMessage(filesOf(dir).map((path) => [path, stampOf(lstatSync(path)), digestFileSync(path)]));
    } catch {
      // the thread that needs the tree will report the error
    }
  }
});

/** Returns the regular files in a folder. Targets of links are read by the thread that needs them. */
function filesOf(dir: string): string[] {
  return readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
    const path = `${dir}/${entry.name}`;
    return entry.isDirectory() ? filesOf(path) : entry.isFile() ? [path] : [];
  });
}
