// Digests of many trees by a second thread, which begins at the last of them while others are asked for from the first: hashing sources is the
// largest part of what a new checkout costs. What it finds is offered, never believed unseen: whoever asks compares the stamps.
import { MessageChannel, receiveMessageOnPort, Worker } from 'node:worker_threads';
import type { MessagePort } from 'node:worker_threads';
import type { Digest } from '../../core/digest.ts';

/** What the thread is given when it begins. */
export interface ReaderPort {
  readonly port: MessagePort;
}

/** What it is told through the port, any number of times. */
export interface ReaderOrder {
  readonly dirs: readonly string[];
  /** A number for each: not 0 when somebody has read it, or no one needs it any more. */
  readonly done: Int32Array;
}

/** The files of one tree: path, stamp and digest. */
export type ReadFiles = readonly (readonly [path: string, stamp: string, digest: Digest])[];

export interface TreeReader {
  /** Reads these after those that it was told before. */
  add(dirs: readonly string[]): void;
  /** Whatever has come since the last call. */
  take(): Iterable<ReadFiles>;
  /** The tree was read here. */
  skip(dir: string): void;
  stop(): void;
}

/** Far more than a tree's names and digests need: the heap of a thread counts in ours. */
const heapMiB = 48;

export function startTreeReader(): TreeReader {
  const { port1, port2 } = new MessageChannel();
  const worker = new Worker(new URL('./tree-reader-thread.ts', import.meta.url), {
    workerData: { port: port2 } satisfies ReaderPort,
    transferList: [port2],
    resourceLimits: { maxOldGenerationSizeMb: heapMiB, maxYoungGenerationSizeMb: 8 },
  });
  worker.on('error', () => undefined); // what it does not read is read here
  worker.unref();
  port1.unref();
  const places = new Map<string, { readonly done: Int32Array; readonly index: number }>();
  const skip = (dir: string): void => {
    const place = places.get(dir);
    if (place) Atomics.store(place.done, place.index, 1);
  };
  return {
    add(dirs) {
      const done = new Int32Array(new SharedArrayBuffer(dirs.length * Int32Array.BYTES_PER_ELEMENT));
      for (const [index, dir] of dirs.entries()) places.set(dir, { done, index });
      port1.postMessage({ dirs, done } satisfies ReaderOrder);
    },
    *take() {
      for (let message = receiveMessageOnPort(port1); message; message = receiveMessageOnPort(port1)) yield message.message as ReadFiles;
    },
    skip,
    stop() {
      for (const dir of places.keys()) skip(dir);
      port1.close(); // and the thread ends
    },
  };
}
