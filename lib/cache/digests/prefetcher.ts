// Digests of new source trees ahead of their use, by a second thread, which begins at the last of them while
// others are asked for from the first: hashing sources is the largest part of what a new checkout costs. What
// the thread finds is offered, never believed unseen: whoever asks compares the stamps.
import { MessageChannel, receiveMessageOnPort, Worker } from 'node:worker_threads';
import type { MessagePort } from 'node:worker_threads';
import type { Digest } from '../../core/digest.ts';

/** Fewer new trees than this are read without a second thread, which has to begin first. */
const worthAThread = 32;

export class Prefetcher {
  #reader: TreeReader | undefined;
  /** Trees that the thread reads, and trees that are too few for a thread so far. */
  readonly #expected = new Set<string>();
  readonly #pending = new Set<string>();
  /** Planning looks at manifests alone, so a file of a tree that was looked at says nothing of the rest. */
  readonly #treesRead = new Set<string>();
  /** What the thread found: path -> stamp and digest. */
  readonly #offered = new Map<string, { readonly stamp: string; readonly digest: Digest }>();

  /** These trees will be asked for, in this order, after those of earlier calls. `isKnown`: whether an earlier run has read the tree. */
  expect(dirs: readonly string[], isKnown: (dir: string) => boolean): void {
    for (const dir of dirs) if (!isKnown(dir) && !this.#treesRead.has(dir) && !this.#expected.has(dir)) this.#pending.add(dir);
    if (this.#pending.size === 0 || (!this.#reader && this.#pending.size < worthAThread)) return;
    this.#reader ??= startTreeReader();
    this.#reader.add([...this.#pending]);
    for (const dir of this.#pending) this.#expected.add(dir);
    this.#pending.clear();
  }

  /** The tree is read now: the thread skips it, and what it has found so far is taken over. */
  begin(dir: string): void {
    for (const files of this.#reader?.take() ?? []) for (const [path, stamp, digest] of files) this.#offered.set(path, { stamp, digest });
    this.#reader?.skip(dir);
    this.#treesRead.add(dir);
  }

  /** The digest of a file that had this stamp when the thread read it. */
  digest(path: string, stamp: string): Digest | undefined {
    const offer = this.#offered.get(path);
    return offer?.stamp === stamp ? offer.digest : undefined;
  }

  stop(): void {
    this.#reader?.stop();
  }
}

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
  const worker = new Worker(new URL('./prefetcher-thread.ts', import.meta.url), {
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
