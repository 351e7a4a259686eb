// What one run has observed of files, folders and whole trees. Each is looked at once, so that a run sees one
// state of it. Looks are synchronous: for tens of thousands of small files a promise for each costs ten times
// what the look costs.
import { lstatSync, readFileSync, statSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { dirname, join } from 'node:path';
import type { ContentDigests, Found } from './content-digests.ts';
import { present } from '../../core/errors.ts';
import { entriesOf, linkTarget, nameWithKind, statOrAbsent } from '../../core/paths.ts';
import type { Entry } from '../../core/paths.ts';
import { absent, aFolder, foundText, linkStamp } from './written-looks.ts';
import type { LookRow, TreeLook } from './written-looks.ts';
import type { Prefetcher } from './prefetcher.ts';
import { byCodeUnit, digestBytes, digestRecord } from '../../core/digest.ts';
import type { Digest, Json } from '../../core/digest.ts';

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

  /** The next look at `path` is a new one. */
  forget(path: string): void {
    this.#files.delete(path);
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
    const { stamp, digest } = present(this.#files.get(path), path);
    return { path, stamp, found: foundText(digest) };
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

export class TreeDigests {
  readonly #observations: Observations;
  readonly #prefetcher: Prefetcher;
  /** By question, the folder and its options as JSON. */
  readonly #digests = new Map<string, Digest>();
  /** Of trees that git ignores parts of, the folders with their stamps. */
  readonly #folders = new Map<string, Readonly<Record<string, string>>>();

  constructor(observations: Observations, prefetcher: Prefetcher) {
    this.#observations = observations;
    this.#prefetcher = prefetcher;
  }

  /** The digest of everything below `dir`, with the relative names. */
  async digest(dir: string, options: TreeOptions): Promise<Digest> {
    const question = JSON.stringify([dir, options]);
    const before = this.#digests.get(question);
    if (before) return before;
    const observations = this.#observations;
    this.#prefetcher.begin(dir);
    observations.file(dir);
    const names = await namesBelow(dir, options, observations);
    const digest = digestRecord(names.sort(byCodeUnit).map((name): Json => [name, observations.file(`${dir}/${name}`) ?? null]));
    this.#digests.set(question, digest);
    if (options.gitignore) this.#folders.set(question, unignoredFolders(dir, names, observations));
    return digest;
  }

  /** Looks at the tree of a question that an earlier run wrote down. Nothing is found where the question has another shape. */
  async look(question: string): Promise<TreeLook> {
    const [dir, options]: readonly unknown[] = JSON.parse(question);
    if (typeof dir !== 'string' || !isTreeOptions(options)) return { question, found: absent, folders: {} };
    return { question, found: foundText(await this.digest(dir, options)), folders: this.#folders.get(question) ?? {} };
  }

  /** The trees that git ignores parts of. Of others, the files and folders say everything. */
  looks(): readonly TreeLook[] {
    return [...this.#folders].map(([question, folders]) => ({ question, found: foundText(this.#digests.get(question)), folders }));
  }
}

export interface TreeOptions {
  /** Leaves out what git ignores, where the folder is in a git repository. */
  readonly gitignore?: boolean;
  /** Paths relative to the folder that are left out. */
  readonly ignore?: readonly string[];
  /** False: folders below that have a Cargo.toml, which are packages of their own, are left out. */
  readonly nested?: boolean;
  /** Goes through links to folders, but not in circles. */
  readonly follow?: boolean;
}

/** Whether a stored value is of options; others than these are no options. */
function isTreeOptions(value: unknown): value is TreeOptions {
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(value).every(([name, option]) => (name === 'ignore' ? Array.isArray(option) : typeof option === 'boolean'));
}

/** Relative names of everything below `dir`, of folders too. */
export async function namesBelow(dir: string, options: TreeOptions, observations: Observations): Promise<string[]> {
  const { gitignore, ignore = [], nested = true, follow = false } = options;
  const unignored = gitignore && repositoryAround(dir, observations) !== undefined;
  const names = unignored ? await unignoredBelow(dir, ignore) : allBelow(dir, new Set(ignore), follow, observations);
  if (nested) return names;
  const packages = names.filter((name) => name.endsWith('/Cargo.toml')).map((name) => name.slice(0, -'Cargo.toml'.length));
  return names.filter((name) => !packages.some((one) => name.startsWith(one)));
}

/**
 * The folders of a tree that git ignores parts of, with their stamps: while these and the files by which git ignores are the same, so are the names.
 * Empty where the stamps do not decide that, as where a pattern brings back what another one ignores.
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
    if (around.has(real)) return; // a link to a folder above it
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
  const { globby } = await import('globby'); // takes longer to load than most builds with nothing new take
  return globby('**', { cwd: dir, dot: true, gitignore: true, ignore: [...ignore], onlyFiles: false, followSymbolicLinks: false });
}

/** A repository around the folder may begin or end, so its ".git" is looked for; what else changes in the folders above says nothing. */
function repositoryAround(dir: string, observations: Observations): string | undefined {
  return observations.withoutNews(() => {
    for (let folder = dir; ; folder = dirname(folder)) {
      if (observations.file(join(folder, '.git')) !== undefined) return folder;
      if (folder === dirname(folder)) return undefined;
    }
  });
}

/** Observes every file by which git may ignore something in these folders of a repository, and records those that are absent. */
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

/** The folders between `dir` and the file of that name in it. */
function foldersAround(dir: string, name: string): readonly string[] {
  const parts = name.split('/').slice(0, -1);
  return parts.map((_, index) => join(dir, ...parts.slice(0, index + 1)));
}

/** Whether a file by which git ignores has a pattern that brings something back (gitignore(5)). */
function bringsBack(path: string): boolean {
  return statOrAbsent(statSync, path)?.isFile() === true && /^!/m.test(readFileSync(path, 'latin1'));
}
