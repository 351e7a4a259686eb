// Digests of new source trees ahead of their use, by a second thread (tree-reader.ts), and which trees are worth one.
import type { Digest } from '../../core/digest.ts';
import { startTreeReader } from './tree-reader.ts';
import type { TreeReader } from './tree-reader.ts';

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
