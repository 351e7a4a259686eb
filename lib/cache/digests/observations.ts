// What one run has observed of files and folders. Each path is looked at once, so that a run sees one state of it. Looks are synchronous: for tens of
// thousands of small files a promise for each costs ten times what the look costs.
import { lstatSync, statSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { dirname } from 'node:path';
import { byCodeUnit, digestBytes, digestRecord } from '../../core/digest.ts';
import type { Digest } from '../../core/digest.ts';
import type { ContentDigests, Found } from './content-digests.ts';
import { entriesOf, linkTarget, nameWithKind, statOrAbsent } from './lenient-reads.ts';
import type { Entry } from './lenient-reads.ts';
import { absent, foundText } from './look-table.ts';
import type { LookRow } from './look-table.ts';
import { aFolder, linkStamp } from './written-looks.ts';

/** What is found in a folder: undefined where there is none. The stamp is that of `Found`. */
interface Listing {
  readonly entries: readonly Entry[] | undefined;
  readonly stamp: string;
}

const notAFile = digestBytes('not a file');

export class Observations {
  readonly #contents: ContentDigests;
  readonly #files = new Map<string, Found>();
  readonly #folders = new Map<string, Listing>();
  #newestChangeMs = 0;

  constructor(contents: ContentDigests) {
    this.#contents = contents;
  }

  /** The newest change of anything that was observed, in ms by the clock of the file system; of what is absent, that of the folder around it. */
  get newestChangeMs(): number {
    return this.#newestChangeMs;
  }

  /** The digest of what is at `path`, undefined where there is nothing. */
  file(path: string): Digest | undefined {
    const before = this.#files.get(path);
    if (before) return before.digest;
    const found = this.#look(path);
    this.#files.set(path, found);
    return found.digest;
  }

  /** As `file`, but neither recorded nor counted as a change. */
  present(path: string): Digest | undefined {
    return this.withoutNews(() => this.#look(path).digest);
  }

  /** The entries of a folder, undefined where there is none. */
  entries(dir: string): readonly Entry[] | undefined {
    return this.#list(dir).entries;
  }

  /** Records that a listing has shown a folder at this path. */
  setFolder(path: string): void {
    this.#files.set(path, { digest: notAFile, stamp: aFolder });
  }

  /** Whether a folder was observed at the path as if it were a file. */
  isFolder(path: string): boolean {
    return this.#files.get(path)?.stamp === aFolder;
  }

  /** The stamp of what is at the path now, through links. Empty where there is nothing, or where a change may follow within one tick. */
  stamp(path: string): string {
    const stats = statOrAbsent(statSync, path);
    return stats ? this.#contents.stamp(stats) : '';
  }

  /** Observations within `work` do not count for `newestChangeMs`. */
  withoutNews<T>(work: () => T): T {
    const before = this.#newestChangeMs;
    const result = work();
    this.#newestChangeMs = before;
    return result;
  }

  fileRow(path: string): LookRow {
    const found = this.#files.get(path);
    return { path, stamp: found?.stamp ?? '', found: foundText(found?.digest) };
  }

  folderRow(path: string): LookRow {
    const { entries, stamp } = this.#list(path);
    return { path, stamp, found: entries ? foundText(digestRecord(entries.map(nameWithKind).sort(byCodeUnit))) : absent };
  }

  /** Everything that was observed so far. */
  rows(): { readonly files: readonly LookRow[]; readonly folders: readonly LookRow[] } {
    // The names of a folder and of the one around it say that it is one. What is no folder, or a link to one, may change without other names in it.
    const isListed = (path: string): boolean => this.#folders.has(path) && this.#folders.has(dirname(path));
    const files = [...this.#files].filter(([path, { stamp }]) => !(stamp === aFolder && isListed(path)));
    return { files: files.map(([path]) => this.fileRow(path)), folders: [...this.#folders.keys()].map((path) => this.folderRow(path)) };
  }

  #look(path: string): Found {
    const own = statOrAbsent(lstatSync, path);
    if (!own) {
      this.#noteAbsence(path);
      return { digest: undefined, stamp: absent };
    }
    this.#note(own);
    if (!own.isSymbolicLink()) return this.#content(path, own);
    const stats = statOrAbsent(statSync, path);
    const target = stats && this.#content(path, stats);
    const isWhole = this.#contents.stamp(own) !== '' && target?.stamp !== '';
    return {
      digest: digestRecord([linkTarget(path), target?.digest ?? null]),
      stamp: isWhole ? linkStamp(own, target?.stamp ?? absent) : '',
    };
  }

  #content(path: string, stats: Stats): Found {
    if (!stats.isDirectory()) this.#note(stats);
    if (stats.isFile()) return this.#contents.find(path, stats);
    return { digest: notAFile, stamp: stats.isDirectory() ? aFolder : '' };
  }

  #list(dir: string): Listing {
    const before = this.#folders.get(dir);
    if (before) return before;
    const stats = statOrAbsent(statSync, dir); // before its names are read, so that a later change shows
    if (stats) this.#note(stats);
    const entries = stats?.isDirectory() ? entriesOf(dir) : undefined;
    const listing = { entries, stamp: stats ? this.#contents.stamp(stats) : absent };
    this.#folders.set(dir, listing);
    return listing;
  }

  #note({ ctimeMs }: Stats): void {
    this.#newestChangeMs = Math.max(this.#newestChangeMs, Math.floor(ctimeMs));
  }

  #noteAbsence(path: string): void {
    const folder = dirname(path);
    const stats = statSync(folder, { throwIfNoEntry: false });
    if (stats) this.#note(stats);
    else this.#noteAbsence(folder);
  }
}
