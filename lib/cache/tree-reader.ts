// Digests of many trees by a second thread, which begins at the last of them while others are asked for from the first: hashing sources is the
// largest part of what a new checkout costs. What it finds is offered, never believed unseen: whoever asks compares the stamps.
import { MessageChannel, receiveMessageOnPort, Worker } from 'node:worker_threads';
import type { MessagePort } from 'node:worker_threads';
import type { Digest } from '../core/digest.ts';

/** What the thread is told once. */
export interface ReaderOrder {
  readonly dirs: readonly string[];
  /** A number for each: not 0 when somebody has read it, or no one needs it any more. */
  readonly done: Int32Array;
  readonly port: MessagePort;
}

/** The files of one tree: path, stamp and digest. */
export type ReadFiles = readonly (readonly [path: string, stamp: string, digest: Digest])[];

export interface TreeReader {
  /** Whatever has come since the last call. */
  take(): Iterable<ReadFiles>;
  /** The tree was read here. */
  skip(dir: string): void;
  stop(): void;
}

/** Far more than a tree's names and digests need: the heap of a thread counts in ours. */
const heapMiB = 48;

export function startTreeReader(dirs: readonly string[]): TreeReader {
  const done = new Int32Array(new SharedArrayBuffer(dirs.length * Int32Array.BYTES_PER_ELEMENT));
  const { port1, port2 } = new MessageChannel();
  const worker = new Worker(new URL('./tree-reader-thread.ts', import.meta.url), {
    workerData: { dirs, done, port: port2 } satisfies ReaderOrder,
    transferList: [port2],
    resourceLimits: { maxOldGenerationSizeMb: heapMiB, maxYoungGenerationSizeMb: 8 },
  });
  worker.on('error', () => undefined); // what it does not read is read here
  worker.unref();
  port1.unref();
  const places = new Map(dirs.map((dir, index) => [dir, index]));
  return {
    *take() {
      for (let message = receiveMessageOnPort(port1); message; message = receiveMessageOnPort(port1)) yield message.message as ReadFiles;
    },
    skip(dir) {
      const index = places.get(dir);
      if (index !== undefined) Atomics.store(done, index, 1);
    },
    stop() {
      for (const index of done.keys()) Atomics.store(done, index, 1);
    },
  };
}
