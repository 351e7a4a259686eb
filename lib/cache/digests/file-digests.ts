// Digests of source files and trees. They are computed together with observations of files and folders, so
// that a later run can check whether these are unchanged. The digests of contents are stored for the next run
// (content-digests.ts).
import { statSync } from 'node:fs';
import type { Digest } from '../../core/digest.ts';
import { ContentDigests, openDigestMemory } from './content-digests.ts';
import type { DigestMemory } from './content-digests.ts';
import { nameWithKind, statOrAbsent } from '../../core/paths.ts';
import { Observations, TreeDigests } from './observations.ts';
import { Prefetcher } from './prefetcher.ts';
import type { TreeOptions } from './observations.ts';
import { looksNow, writtenLooks } from './written-looks.ts';
import type { WrittenLooks } from './written-looks.ts';

export interface Looks {
  /**
   * Returns the digest of a file's bytes. The digest of a link covers its target and its text. Undefined if
   * nothing exists at `path`. For an executable file the result is `programDigest` of the bytes' digest,
   * because a build script can start such a file and no other.
   */
  file(path: string): Promise<Digest | undefined>;
  /**
   * Returns the names in a folder. Names of folders end in one slash, and names of links in two. Undefined if
   * there is no folder.
   */
  names(dir: string): readonly string[] | undefined;
  /** Returns the digest of all files in `dir` with their relative names. */
  tree(dir: string, options?: TreeOptions): Promise<Digest>;
  /**
   * Returns the time of the newest change of an observed file or folder, in ms by the clock of the file
   * system. For an absent path, the change of its folder counts.
   */
  newestChangeMs(): number;
}

/**
 * Observations that can be stored, so that a later run can check at the cost of one stat each whether they
 * still hold.
 */
export interface RecordedLooks extends Looks {
  /** Like `file`, but does not record the observation. For an output that may already exist. */
  present(path: string): Digest | undefined;
  /** Notes a file that was just written with these bytes, so that the next run does not read it. */
  learn(path: string, digest: Digest): void;
  /** Does a part of the work of `record` before, while the process waits for a command. */
  prepareRecord(): void;
  /** Returns all observations so far. */
  record(): WrittenLooks;
  /**
   * Returns the observations with current stamps if each of them still holds, else undefined. Only files with
   * another stamp are read. If some do not hold, later calls of `tree` use the digests of trees of which
   * nothing has changed, without walking them again.
   */
  holds(written: WrittenLooks): Promise<WrittenLooks | undefined>;
}

/** Digests of a run. Each path is read once, so that a run sees one state of it. */
export interface FileDigests extends RecordedLooks {
  /** Returns a new set of observations, which reads every path again, because a command may have run since. */
  again(): RecordedLooks;
  /**
   * Notes that a command of this run may have written the file. It is read again when its digest is next
   * needed. A tree whose digest was already computed keeps it.
   */
  forget(path: string): void;
  /**
   * Announces trees that will be needed in this order, after those of earlier calls. If many of them are new,
   * a second thread reads them, starting with the last.
   */
  expect(dirs: readonly string[]): void;
  /** Writes the memory for the next run. */
  save(): Promise<void>;
}

/** Opens the memory in the folder `dir`. `tmpDir` is on the same file system. */
export function openFileDigests(dir: string, tmpDir: string): FileDigests {
  return new CachedDigests(openDigestMemory(dir, tmpDir), tmpDir);
}

class ObservedDigests implements RecordedLooks {
  readonly #contents: ContentDigests;
  readonly #observations: Observations;
  readonly #trees: TreeDigests;
  /** Files that were just written, with their values in the memory. */
  readonly #learned = new Map<string, string>();

  constructor(contents: ContentDigests, prefetcher: Prefetcher) {
    this.#contents = contents;
    this.#observations = new Observations(contents);
    this.#trees = new TreeDigests(this.#observations, prefetcher);
  }

  async file(path: string): Promise<Digest | undefined> {
    return this.#observations.file(path);
  }

  names(dir: string): readonly string[] | undefined {
    return this.#observations.entries(dir)?.map(nameWithKind);
  }

  tree(dir: string, options: TreeOptions = {}): Promise<Digest> {
    return this.#trees.digest(dir, options);
  }

  forget(path: string): void {
    this.#observations.forget(path);
    this.#trees.forget(path);
  }

  /** Whether an earlier run walked a tree of this folder, and nothing in it has changed. */
  protected isKept(dir: string): boolean {
    return this.#trees.isKept(dir);
  }

  newestChangeMs(): number {
    return this.#observations.newestChangeMs;
  }

  present(path: string): Digest | undefined {
    return this.#observations.present(path);
  }

  learn(path: string, digest: Digest): void {
    const stats = statOrAbsent(statSync, path);
    const value = stats && this.#contents.learn(path, stats, digest);
    if (value !== undefined) this.#learned.set(path, value);
  }

  prepareRecord(): void {
    this.#trees.prepare();
  }

  record(): WrittenLooks {
    const { trees, ignoring, kept } = this.#trees.looks();
    return writtenLooks({ ...this.#observations.rows(), ignoring, trees, learned: [...this.#learned] }, kept);
  }

  async holds(written: WrittenLooks): Promise<WrittenLooks | undefined> {
    const observations = this.#observations;
    const checked = await looksNow(written, {
      file(path) {
        observations.file(path);
        return observations.fileRow(path);
      },
      folder: (path) => observations.folderRow(path),
      tree: (question) => this.#trees.look(question),
    });
    if (checked.changed.length > 0) {
      this.#trees.keep(checked);
      return undefined;
    }
    for (const [path, value] of checked.looks.learned) {
      this.#contents.take(path, value);
      this.#learned.set(path, value);
    }
    return checked.looks;
  }
}

/** The observations of a run, with the memory and the second thread that all its observations use. */
class CachedDigests extends ObservedDigests implements FileDigests {
  readonly #memory: DigestMemory;
  readonly #contents: ContentDigests;
  readonly #prefetcher: Prefetcher;

  constructor(memory: DigestMemory, tmpDir: string) {
    const prefetcher = new Prefetcher();
    const contents = new ContentDigests(memory, prefetcher, tmpDir);
    super(contents, prefetcher);
    this.#memory = memory;
    this.#contents = contents;
    this.#prefetcher = prefetcher;
  }

  again(): RecordedLooks {
    return new ObservedDigests(this.#contents, this.#prefetcher);
  }

  expect(dirs: readonly string[]): void {
    this.#prefetcher.expect(
      dirs.filter((dir) => !this.isKept(dir)),
      (dir) => this.#memory.wasKnown(`${dir}/Cargo.toml`),
    );
  }

  async save(): Promise<void> {
    this.#prefetcher.stop();
    await this.#memory.save();
  }
}
