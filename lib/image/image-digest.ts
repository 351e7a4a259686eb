// Computes the SHA-256 of an image while it is still being written. A thread reads the part of the file that
// the writer has declared final. SHA-256 is the slowest part of assembling and cannot be parallelized, so it
// must not wait for the rest.
import { Worker } from 'node:worker_threads';
import type { Digest } from '../core/digest.ts';
import { isDigest } from '../core/digest.ts';

/** The first message to the thread. */
export interface DigestOrder {
  readonly path: string;
  readonly sizeBytes: number;
}

/**
 * The message when more is final: the thread continues to `endBytes`. From `zerosFromBytes` on there are only
 * zeros, which it need not read.
 */
export interface FinalRange {
  readonly zerosFromBytes: number;
  readonly endBytes: number;
}

export interface RunningDigest {
  /**
   * Declares that nothing before `endBytes` will change any more, and that all bytes from `zerosFromBytes` to
   * there are zeros.
   */
  final(endBytes: number, zerosFromBytes?: number): void;
  /** The digest of the whole file, when all of it is final. */
  readonly digest: Promise<Digest>;
  /** Stops the thread if it has not ended. */
  stop(): Promise<void>;
}

/** Starts a thread for `path`, which must have its full size already. */
export function startDigest(order: DigestOrder): RunningDigest {
  const worker = new Worker(new URL('./image-digest-thread.ts', import.meta.url), { workerData: order });
  const digest = new Promise<Digest>((resolve, reject) => {
    worker.once('message', (text: unknown) => {
      if (isDigest(text)) resolve(text);
    });
    worker.once('error', reject);
    worker.once('exit', () => reject(new Error('the digest thread was stopped')));
  });
  digest.catch(() => {}); // a caller that waits gets the error; after stop() it is ignored
  return {
    final: (endBytes, zerosFromBytes = endBytes) => worker.postMessage({ endBytes, zerosFromBytes } satisfies FinalRange),
    digest,
    stop: async () => {
      await worker.terminate();
    },
  };
}
