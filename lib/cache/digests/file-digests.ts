// Digests of source files and trees, each with what was observed on the way, so that a later run can tell whether it would find the same. The digests
// of contents are remembered for the next run (content-digests.ts).
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
   * The digest of a file's bytes (of a link: of what it leads to, and of its words); undefined when there is nothing at `path`. That of a file
   * that may be executed is `programDigest` of the bytes' digest: a build script can start a file of its package, or cannot.
   */
  file(path: string): Promise<Digest | undefined>;
  /** The names in a folder, that of a folder with a slash behind it and that of a link with two; undefined where there is none. */
  names(dir: string): readonly string[] | undefined;
  /** The digest of all files below `dir` with their relative names. */
  tree(dir: string, options?: TreeOptions): Promise<Digest>;
  /** The newest change (ms by the file system's own clock) of anything that was looked at; of what is absent, that of the folder it would be in. */
  newestChangeMs(): number;
}

/** Looks that can be written down, so that a later run can tell at the cost of a stat for each whether they would find the same again. */
export interface RecordedLooks extends Looks {
  /** As `file`, but the look is not recorded: of an output that may be there already. */
  present(path: string): Digest | undefined;
  /** Takes note of a file that was just written with these bytes, so that the next run need not read it. */
  learn(path: string, digest: Digest): void;
  /** Everything that was looked at so far, and what was found. */
  record(): WrittenLooks;
  /** The looks with the stamps of now, if each of them finds what it found; else undefined. Only what has another stamp is read. */
  holds(written: WrittenLooks): Promise<WrittenLooks | undefined>;
}

/** Each path is looked at once, so that a run sees one state of it. */
export interface FileDigests extends RecordedLooks {
  /** Looks of their own: what was asked before is looked at again, because a command may have run since. */
  again(): RecordedLooks;
  /** A command of this run may have written the file, which is looked at again when it is asked for. A tree that was asked for keeps its digest. */
  forget(path: string): void;
  /** These trees will be asked for, in this order, after those that were told before: where many are new, a second thread reads them from the last. */
  expect(dirs: readonly string[]): void;
  /** Writes the memory down for the next run. */
  save(): Promise<void>;
}

/** Opens the memory kept in the folder `dir`; `tmpDir` is on the same file system. */
export function openFileDigests(dir: string, tmpDir: string): FileDigests {
  return new CachedDigests(openDigestMemory(dir, tmpDir), tmpDir);
}

class ObservedDigests implements RecordedLooks {
  readonly #contents: ContentDigests;
  readonly #observations: Observations;
  readonly #trees: TreeDigests;
  /** Files that were just written, with their value in the memory. */
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

  record(): WrittenLooks {
    return writtenLooks({ ...this.#observations.rows(), trees: this.#trees.looks(), learned: [...this.#learned] });
  }

  async holds(written: WrittenLooks): Promise<WrittenLooks | undefined> {
    const observations = this.#observations;
    const now = await looksNow(written, {
      file(path) {
        observations.file(path);
        return observations.fileRow(path);
      },
      folder: (path) => observations.folderRow(path),
      tree: (question) => this.#trees.look(question),
    });
    for (const [path, value] of now?.learned ?? []) {
      this.#contents.take(path, value);
      this.#learned.set(path, value);
    }
    return now;
  }
}

/** The observations of a run, with the memory and the second thread that all observations of the run use. */
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
    this.#prefetcher.expect(dirs, (dir) => this.#memory.wasKnown(`${dir}/Cargo.toml`));
  }

  async save(): Promise<void> {
    this.#prefetcher.stop();
    await this.#memory.save();
  }
}
