// A second thread that computes digests of new source trees before they are needed. It starts with the last
// tree, while the first ones are read in order. Hashing sources takes the largest part of the time that a new
// checkout costs. A digest of the thread is used only if its stamp is the current one.
import { MessageChannel, receiveMessageOnPort, Worker } from 'node:worker_threads';
import type { MessagePort } from 'node:worker_threads';
import type { Digest } from '../../core/digest.ts';

/** Fewer new trees than this are read without a second thread, because starting it takes time. */
const worthAThread = 32;

export class Prefetcher {
  #reader: TreeReader | undefined;
  /** Trees that the thread reads, and trees that are still too few for a thread. */
  readonly #expected = new Set<string>();
  readonly #pending = new Set<string>();
  /** Planning reads only manifests. So an observed file of a tree does not mean that the tree was read. */
  readonly #treesRead = new Set<string>();
  /** Results of the thread: the stamp and digest of each path. */
  readonly #offered = new Map<string, { readonly stamp: string; readonly digest: Digest }>();

  /**
   * Announces trees that will be needed in this order, after those of earlier calls. `isKnown`: whether an
   * earlier run has read the tree.
   */
  expect(dirs: readonly string[], isKnown: (dir: string) => boolean): void {
    for (const dir of dirs) if (!isKnown(dir) && !this.#treesRead.has(dir) && !this.#expected.has(dir)) this.#pending.add(dir);
    if (this.#pending.size === 0 || (!this.#reader && this.#pending.size < worthAThread)) return;
    this.#reader ??= startTreeReader();
    this.#reader.add([...this.#pending]);
    for (const dir of this.#pending) this.#expected.add(dir);
    this.#pending.clear();
  }

  /** Takes over all results so far, and makes the thread skip the tree, which the caller reads now. */
  begin(dir: string): void {
    for (const files of this.#reader?.take() ?? []) for (const [path, stamp, digest] of files) this.#offered.set(path, { stamp, digest });
    this.#reader?.skip(dir);
    this.#treesRead.add(dir);
  }

  /** Returns the digest of a file that had this stamp when the thread read it. */
  digest(path: string, stamp: string): Digest | undefined {
    const offer = this.#offered.get(path);
    return offer?.stamp === stamp ? offer.digest : undefined;
  }

  stop(): void {
    this.#reader?.stop();
  }
}

/** The data that the thread gets at its start. */
export interface ReaderPort {
  readonly port: MessagePort;
}

/** A message to the thread. Any number of them may be sent. */
export interface ReaderOrder {
  readonly dirs: readonly string[];
  /** A number for each tree. It is not 0 if the tree was read or is no longer needed. */
  readonly done: Int32Array;
}

/** The files of one tree: path, stamp and digest. */
export type ReadFiles = readonly (readonly [path: string, stamp: string, digest: Digest])[];

export interface TreeReader {
  /** Makes the thread read these trees after those of earlier calls. */
  add(dirs: readonly string[]): void;
  /** Returns the results since the last call. */
  take(): Iterable<ReadFiles>;
  /** Makes the thread skip the tree, which was read here. */
  skip(dir: string): void;
  stop(): void;
}

/**
 * Far more than the names and digests of a tree need. The heap of the thread counts towards the memory of
 * this process.
 */
const heapMiB = 48;

export function startTreeReader(): TreeReader {
  const { port1, port2 } = new MessageChannel();
  const worker = new Worker(new URL('./prefetcher-thread.ts', import.meta.url), {
    workerData: { port: port2 } satisfies ReaderPort,
    transferList: [port2],
    resourceLimits: { maxOldGenerationSizeMb: heapMiB, maxYoungGenerationSizeMb: 8 },
  });
  worker.on('error', () => undefined); // trees that it does not read are read here
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
      port1.close(); // this also ends the thread
    },
  };
}
