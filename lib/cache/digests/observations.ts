// Observations of files, folders and trees in one run. Each path is observed once, so that a run sees one
// state of it. The calls are synchronous. For tens of thousands of small files, a promise for each costs ten
// times as much as the call itself.
import { lstatSync, readFileSync, statSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { dirname, join } from 'node:path';
import type { ContentDigests, Found } from './content-digests.ts';
import { present } from '../../core/errors.ts';
import { entriesOf, linkTarget, nameWithKind, statOrAbsent } from '../../core/paths.ts';
import type { Entry } from '../../core/paths.ts';
import { KeptTrees } from './written-looks.ts';
import { absent, foundText } from './look-table.ts';
import type { LookRow } from './look-table.ts';
import { aFolder, folderOf, linkStamp } from './written-looks.ts';
import type { CheckedLooks, KeptRows, TreeLook, WrittenLooks } from './written-looks.ts';
import type { Prefetcher } from './prefetcher.ts';
import { byCodeUnit, digestBytes, digestRecord } from '../../core/digest.ts';
import type { Digest, Json } from '../../core/digest.ts';

/** The contents of a folder. Undefined if there is no folder. The stamp is that of `Found`. */
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

  /**
   * The newest change of an observed path, in ms by the clock of the file system. For an absent path, the
   * change of its folder counts.
   */
  get newestChangeMs(): number {
    return this.#newestChangeMs;
  }

  /** Returns the digest of the file at `path`, or undefined if nothing exists there. */
  file(path: string): Digest | undefined {
    const before = this.#files.get(path);
    if (before) return before.digest;
    const found = this.#look(path);
    this.#files.set(path, found);
    return found.digest;
  }

  /** Forgets the observation of `path`, so that the next call reads it again. */
  forget(path: string): void {
    this.#files.delete(path);
  }

  /** Like `file`, but the observation is neither recorded nor counted as a change. */
  present(path: string): Digest | undefined {
    return this.withoutNews(() => this.#look(path).digest);
  }

  /** Returns the entries of a folder, or undefined if there is no folder. */
  entries(dir: string): readonly Entry[] | undefined {
    return this.#list(dir).entries;
  }

  /** Records that a listing contained a folder at this path. */
  setFolder(path: string): void {
    this.#files.set(path, { digest: notAFile, stamp: aFolder });
  }

  /** Whether a folder was found at the path when it was observed as a file. */
  isFolder(path: string): boolean {
    return this.#files.get(path)?.stamp === aFolder;
  }

  /**
   * Returns the current stamp of the path, with links resolved. Empty if nothing exists there, or if a change
   * may follow within one tick.
   */
  stamp(path: string): string {
    const stats = statOrAbsent(statSync, path);
    return stats ? this.#contents.stamp(stats) : '';
  }

  /** Observations during `work` do not count for `newestChangeMs`. */
  withoutNews<T>(work: () => T): T {
    const before = this.#newestChangeMs;
    const result = work();
    this.#newestChangeMs = before;
    return result;
  }

  fileRow(path: string): LookRow {
    const { stamp, digest } = present(this.#files.get(path), path);
    return { path, stamp, found: foundText(digest) };
  }

  folderRow(path: string): LookRow {
    const { entries, stamp } = this.#list(path);
    return { path, stamp, found: entries ? foundText(digestRecord(entries.map(nameWithKind).sort(byCodeUnit))) : absent };
  }

  /** Returns all observations so far. */
  rows(): { readonly files: readonly LookRow[]; readonly folders: readonly LookRow[] } {
    // A folder whose names and whose parent's names are recorded needs no row of its own. A file, or a link
    // to a folder, can change without a change of these names.
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
    // called before the names are read, so that a later change is noticed
    const stats = statOrAbsent(statSync, dir);
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

export class TreeDigests {
  readonly #observations: Observations;
  readonly #prefetcher: Prefetcher;
  /** Trees by question, which is the folder and its options as JSON. */
  readonly #digests = new Map<string, Digest>();
  /** Folders with their stamps, for trees of which git ignores parts. */
  readonly #folders = new Map<string, Readonly<Record<string, string>>>();
  readonly #kept = new KeptTrees();
  /** Digests of trees that depend only on the recorded files and folders below them. */
  readonly #plain = new Map<string, Digest>();

  constructor(observations: Observations, prefetcher: Prefetcher) {
    this.#observations = observations;
    this.#prefetcher = prefetcher;
  }

  /** Returns the digest of all files and folders in `dir`, with their relative names. */
  async digest(dir: string, options: TreeOptions): Promise<Digest> {
    const question = JSON.stringify([dir, options]);
    const before = this.#digests.get(question);
    if (before) return before;
    const kept = this.#kept.use(question);
    const digest = kept ?? (await this.#walk(dir, question, options));
    this.#digests.set(question, digest);
    if (!options.gitignore && !options.follow) this.#plain.set(question, digest);
    return digest;
  }

  async #walk(dir: string, question: string, options: TreeOptions): Promise<Digest> {
    const observations = this.#observations;
    this.#prefetcher.begin(dir);
    observations.file(dir);
    const names = await namesBelow(dir, options, observations);
    const digest = digestRecord(names.sort(byCodeUnit).map((name): Json => [name, observations.file(`${dir}/${name}`) ?? null]));
    if (options.gitignore) this.#folders.set(question, unignoredFolders(dir, names, observations));
    return digest;
  }

  /**
   * Observes the tree of a question that an earlier run stored. Returns undefined if the question has another
   * shape.
   */
  async look(question: string): Promise<TreeLook> {
    const [dir, options]: readonly unknown[] = JSON.parse(question);
    if (typeof dir !== 'string' || !isTreeOptions(options)) return { question, found: absent, folders: {} };
    return { question, found: foundText(await this.digest(dir, options)), folders: this.#folders.get(question) ?? {} };
  }

  /** Takes over the trees of a checked record of which nothing has changed. */
  keep(checked: CheckedLooks): void {
    this.#kept.add(checked);
  }

  isKept(dir: string): boolean {
    return this.#kept.has(dir);
  }

  /** Collects the rows of kept trees for `looks`. */
  prepare(): void {
    this.#kept.rows();
  }

  /** Forgets what is known of trees around the path from an earlier run, and does not record their digests. */
  forget(path: string): void {
    this.#kept.forget(path);
    for (const question of this.#plain.keys()) if (`${path}/`.startsWith(`${folderOf(question)}/`)) this.#plain.delete(question);
  }

  /**
   * Returns the trees of which git ignores parts, the digests of the others, for which the observed files and
   * folders are sufficient, and the rows of trees that were not walked in this run.
   */
  looks(): Pick<WrittenLooks, 'trees'> & { readonly ignoring: readonly TreeLook[]; readonly kept: KeptRows } {
    return {
      ignoring: [...this.#folders].map(([question, folders]) => ({ question, found: foundText(this.#digests.get(question)), folders })),
      trees: [...this.#plain],
      kept: this.#kept.rows(),
    };
  }
}

export interface TreeOptions {
  /** Leaves out files that git ignores, if the folder is in a git repository. */
  readonly gitignore?: boolean;
  /** Paths relative to the folder that are left out. */
  readonly ignore?: readonly string[];
  /** If false, folders in the tree that have a Cargo.toml are left out. They are packages of their own. */
  readonly nested?: boolean;
  /** Follows links to folders, except in circles. */
  readonly follow?: boolean;
}

/** Whether a stored value has the shape of these options. */
function isTreeOptions(value: unknown): value is TreeOptions {
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(value).every(([name, option]) => (name === 'ignore' ? Array.isArray(option) : typeof option === 'boolean'));
}

/** Returns the relative names of all files and folders in `dir`. */
export async function namesBelow(dir: string, options: TreeOptions, observations: Observations): Promise<string[]> {
  const { gitignore, ignore = [], nested = true, follow = false } = options;
  const unignored = gitignore && repositoryAround(dir, observations) !== undefined;
  const names = unignored ? await unignoredBelow(dir, ignore) : allBelow(dir, new Set(ignore), follow, observations);
  if (nested) return names;
  const packages = names.filter((name) => name.endsWith('/Cargo.toml')).map((name) => name.slice(0, -'Cargo.toml'.length));
  return names.filter((name) => !packages.some((one) => name.startsWith(one)));
}

/**
 * Returns the folders of a tree of which git ignores parts, with their stamps. While these and the ignore
 * files of git are the same, so are the names. Empty if the stamps are not sufficient, for example if a
 * pattern includes again what another one ignores.
 */
export function unignoredFolders(dir: string, names: readonly string[], observations: Observations): Readonly<Record<string, string>> {
  const own = names.map((name) => join(dir, name)).filter((path) => observations.isFolder(path));
  const folders = [...new Set([dir, ...own, ...names.flatMap((name) => foldersAround(dir, name))])];
  const repository = repositoryAround(dir, observations);
  if (repository !== undefined && ignoringFiles(repository, folders, observations).some(bringsBack)) return {};
  const stamps = folders.map((path) => [path, observations.stamp(path)] as const);
  return stamps.every(([, stamp]) => stamp !== '') ? Object.fromEntries(stamps) : {};
}

function allBelow(dir: string, ignore: ReadonlySet<string>, follow: boolean, observations: Observations): string[] {
  const names: string[] = [];
  const around = new Set<string>();
  const visit = (prefix: string): void => {
    const folder = prefix === '' ? dir : `${dir}/${prefix}`;
    const stats = follow ? statOrAbsent(statSync, folder) : undefined;
    const real = stats ? `${stats.dev}:${stats.ino}` : folder;
    if (around.has(real)) return; // a link to a parent folder
    around.add(real);
    for (const entry of observations.entries(folder) ?? []) {
      const name = prefix === '' ? entry.name : `${prefix}/${entry.name}`;
      if (ignore.has(name)) continue;
      names.push(name);
      if (entry.isDirectory()) {
        observations.setFolder(`${dir}/${name}`);
        visit(name);
      } else if (follow && entry.isSymbolicLink() && statOrAbsent(statSync, `${dir}/${name}`)?.isDirectory()) visit(name);
    }
    around.delete(real);
  };
  visit('');
  return names;
}

async function unignoredBelow(dir: string, ignore: readonly string[]): Promise<string[]> {
  const { globby } = await import('globby'); // loading it takes longer than most builds with nothing new
  return globby('**', { cwd: dir, dot: true, gitignore: true, ignore: [...ignore], onlyFiles: false, followSymbolicLinks: false });
}

/**
 * Returns the repository that contains the folder. A repository may appear or disappear, so each possible
 * ".git" is observed. Other changes in the parent folders do not matter.
 */
function repositoryAround(dir: string, observations: Observations): string | undefined {
  return observations.withoutNews(() => {
    for (let folder = dir; ; folder = dirname(folder)) {
      if (observations.file(join(folder, '.git')) !== undefined) return folder;
      if (folder === dirname(folder)) return undefined;
    }
  });
}

/** Observes every ignore file of git that applies to these folders of a repository, and records absent ones. */
function ignoringFiles(repository: string, folders: Iterable<string>, observations: Observations): readonly string[] {
  const all = new Set<string>();
  for (const start of folders) {
    for (let folder = start; !all.has(folder); folder = dirname(folder)) {
      all.add(folder);
      if (folder === repository) break;
    }
  }
  const files = [...all].map((folder) => join(folder, '.gitignore'));
  observations.withoutNews(() => files.forEach((path) => observations.file(path)));
  return files;
}

/** Returns the folders from `dir` to the file of that name in it. */
function foldersAround(dir: string, name: string): readonly string[] {
  const parts = name.split('/').slice(0, -1);
  return parts.map((_, index) => join(dir, ...parts.slice(0, index + 1)));
}

/** Whether an ignore file of git has a pattern that includes files again (gitignore(5)). */
function bringsBack(path: string): boolean {
  return statOrAbsent(statSync, path)?.isFile() === true && /^!/m.test(readFileSync(path, 'latin1'));
}
