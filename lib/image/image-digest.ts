// The SHA-256 of an image while it is still being written: a thread reads the file behind the writer, as far
// as the writer says that it is final. SHA-256 is the slowest part of assembling and cannot be divided, so it
// must not wait for the rest.
import { Worker } from 'node:worker_threads';
import type { Digest } from '../core/digest.ts';
import { isDigest } from '../core/digest.ts';

/** What the thread is told once. */
export interface DigestOrder {
  readonly path: string;
  readonly sizeBytes: number;
}

/**
 * What it is told each time more is final: it goes on to `endBytes`; from `zerosFromBytes` on there are only
 * zeros, which it need not read.
 */
export interface FinalRange {
  readonly zerosFromBytes: number;
  readonly endBytes: number;
}

export interface RunningDigest {
  /** Nothing before `endBytes` will change any more, and from `zerosFromBytes` on all before it is zeros. */
  final(endBytes: number, zerosFromBytes?: number): void;
  /** The digest of the whole file, once all of it is final. */
  readonly digest: Promise<Digest>;
  /** Gives up if it has not ended. */
  stop(): Promise<void>;
}

/** Starts a thread for `path`, which has its full size already. */
export function startDigest(order: DigestOrder): RunningDigest {
  const worker = new Worker(new URL('./image-digest-thread.ts', import.meta.url), { workerData: order });
  const digest = new Promise<Digest>((resolve, reject) => {
    worker.once('message', (text: unknown) => {
      if (isDigest(text)) resolve(text);
    });
    worker.once('error', reject);
    worker.once('exit', () => reject(new Error('the digest thread was stopped')));
  });
  digest.catch(() => {}); // whoever waits for it hears of it; after stop() nobody does
  return {
    final: (endBytes, zerosFromBytes = endBytes) => worker.postMessage({ endBytes, zerosFromBytes } satisfies FinalRange),
    digest,
    stop: async () => {
      await worker.terminate();
    },
  };
}
