// Digests of source files, remembered by what stat says (size, times, inode), so that an unchanged tree is not read again. The
// memory only saves work: a file whose stat differs, or that changed too lately for its time stamp to tell, is read. Looks are synchronous:
// for tens of thousands of small files a promise for each costs ten times what the look costs.
import { lstatSync, readFileSync, statSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { lstat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Digest, Json } from '../core/digest.ts';
import { byCodeUnit, digestBytes, digestRecord } from '../core/digest.ts';
import { openDigestMemory } from './digest-memory.ts';
import { stampOf } from './file-stamp.ts';
import { digestOfBytes, entriesOf, linkTarget, nameWithKind, statOrAbsent } from './lenient-reads.ts';
import type { Entry } from './lenient-reads.ts';
import { absent } from './look-table.ts';
import type { LookRow } from './look-table.ts';
import { startTreeReader } from './tree-reader.ts';
import type { TreeReader } from './tree-reader.ts';
import { aFolder, linkStamp, looksNow, writtenLooks } from './written-looks.ts';
import type { Looking, WrittenLooks } from './written-looks.ts';

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

export interface TreeOptions {
  /** Leaves out what git ignores, where the folder is in a git repository. */
  readonly gitignore?: boolean;
  /** Names directly in the folder that are left out. */
  readonly ignore?: readonly string[];
  /** False: folders below that have a Cargo.toml, which are packages of their own, are left out. */
  readonly nested?: boolean;
  /** Goes through links to folders, but not in circles. */
  readonly follow?: boolean;
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
  /** These trees will be asked for, in this order, after those that were told before: where many are new, a second thread reads them from the last. */
  expect(dirs: readonly string[]): void;
  /** Writes the memory down for the next run. */
  save(): Promise<void>;
}

/** A file changed less than this before it was read may change again within one tick of its time stamp. */
const settleMs = 50;
/** Fewer new trees than this are read without a second thread, which has to begin first. */
const worthAThread = 32;

/** Opens the memory kept in the folder `dir`; `tmpDir` is on the same file system. */
export async function openFileDigests(dir: string, tmpDir: string): Promise<FileDigests> {
  const memory = openDigestMemory(dir, tmpDir);
  /** Of the second thread. A value is that of the memory. */
  const offered = new Map<string, string>();
  let reader: TreeReader | undefined;
  /** Trees that the thread was told of, and such that are too few for one. */
  const [expected, untold] = [new Set<string>(), new Set<string>()];
  /** Planning looks at manifests alone, so a file of a tree that was looked at says nothing of the rest. */
  const treesRead = new Set<string>();
  const takeOffers = (): void => {
    for (const files of reader?.take() ?? []) for (const [path, stamp, digest] of files) offered.set(path, `${stamp}|${digest}`);
  };
  // The file system's own clock: the only one that can be compared with its time stamps.
  const tick = join(tmpDir, 'tick');
  await writeFile(tick, '');
  const startedMs = (await lstat(tick)).mtimeMs;

  const looks = (): RecordedLooks => {
    const asked = new Map<string, Looked>();
    const listed = new Map<string, Listed>();
    const trees = new Map<string, Digest>();
    const ignoring = new Map<string, Readonly<Record<string, string>>>();
    const known = new Map<string, string>();
    let newestMs = 0;
    const note = ({ ctimeMs }: Stats): void => {
      newestMs = Math.max(newestMs, Math.floor(ctimeMs));
    };
    const noteAbsence = (path: string): void => {
      const folder = dirname(path);
      const stats = statSync(folder, { throwIfNoEntry: false });
      if (stats) note(stats);
      else noteAbsence(folder);
    };
    /** What tells later that nothing changed; nothing does where a change may follow within one tick. */
    const trusted = (stats: Stats): string => (stats.ctimeMs < startedMs - settleMs ? stampOf(stats) : '');
    const look = (path: string): Looked => {
      const own = statOrAbsent(lstatSync, path);
      if (!own) {
        noteAbsence(path);
        return { digest: undefined, stamp: absent };
      }
      note(own);
      if (own.isSymbolicLink()) {
        const target = content(path, statOrAbsent(statSync, path));
        const whole = trusted(own) !== '' && target?.stamp !== '';
        return {
          digest: digestRecord([linkTarget(path), target?.digest ?? null]),
          stamp: whole ? linkStamp(own, target?.stamp ?? absent) : '',
        };
      }
      return content(path, own) ?? { digest: undefined, stamp: '' };
    };
    const content = (path: string, stats: Stats | undefined): Looked | undefined => {
      if (!stats) return undefined;
      if (!stats.isDirectory()) note(stats);
      if (!stats.isFile()) return { digest: notAFile, stamp: stats.isDirectory() ? aFolder : '' };
      const stamp = stampOf(stats);
      const before = memory.get(path);
      if (before?.startsWith(`${stamp}|`)) return { digest: withPermission(before.slice(stamp.length + 1) as Digest, stats), stamp };
      const settled = stats.ctimeMs < startedMs - settleMs;
      const offer = settled ? offered.get(path) : undefined;
      const digest = offer?.startsWith(`${stamp}|`) ? (offer.slice(stamp.length + 1) as Digest) : digestOfBytes(path);
      if (settled && isOneField(path)) memory.learn(path, `${stamp}|${digest}`);
      return { digest: withPermission(digest, stats), stamp: trusted(stats) };
    };
    const digestOf = (path: string): Digest | undefined => {
      const before = asked.get(path);
      if (before) return before.digest;
      const looked = look(path);
      asked.set(path, looked);
      return looked.digest;
    };
    const list = (dir: string): Listed => {
      const before = listed.get(dir);
      if (before) return before;
      const stats = statOrAbsent(statSync, dir); // before its names are read, so that a later one shows
      if (stats) note(stats);
      const entries = stats?.isDirectory() ? entriesOf(dir) : undefined;
      const found = { entries, stamp: stats ? trusted(stats) : absent };
      listed.set(dir, found);
      return found;
    };
    /** Names of everything below `dir`, folders too; `ignore` leaves out what is directly in it. */
    const filesBelow = (dir: string, ignore: ReadonlySet<string>, follow: boolean): string[] => {
      const names: string[] = [];
      const around = new Set<string>();
      const visit = (prefix: string): void => {
        const folder = prefix === '' ? dir : `${dir}/${prefix}`;
        const stats = follow ? statOrAbsent(statSync, folder) : undefined;
        const real = stats ? `${stats.dev}:${stats.ino}` : folder;
        if (around.has(real)) return; // a link to a folder above it
        around.add(real);
        for (const entry of list(folder).entries ?? []) {
          if (prefix === '' && ignore.has(entry.name)) continue;
          const name = prefix === '' ? entry.name : `${prefix}/${entry.name}`;
          names.push(name);
          if (entry.isDirectory()) {
            asked.set(`${dir}/${name}`, { digest: notAFile, stamp: aFolder });
            visit(name);
          } else if (follow && entry.isSymbolicLink() && statOrAbsent(statSync, `${dir}/${name}`)?.isDirectory()) visit(name);
        }
        around.delete(real);
      };
      visit('');
      return names;
    };
    /** Looks that do not count for `newestChangeMs`. */
    const withoutNews = <T>(work: () => T): T => {
      const before = newestMs;
      const result = work();
      newestMs = before;
      return result;
    };
    /** A repository around the folder may begin or end, so its ".git" is looked for; what else changes in the folders above says nothing. */
    const repositoryAround = (dir: string): string | undefined =>
      withoutNews(() => {
        let folder = dir;
        while (digestOf(join(folder, '.git')) === undefined && folder !== dirname(folder)) folder = dirname(folder);
        return digestOf(join(folder, '.git')) === undefined ? undefined : folder;
      });
    /** Looks at every file by which git may ignore something in these folders of a repository, and records those that are absent. */
    const ignoringFiles = (repository: string, folders: Iterable<string>): readonly string[] => {
      const all = new Set<string>();
      for (const start of folders) {
        for (let folder = start; !all.has(folder); folder = dirname(folder)) {
          all.add(folder);
          if (folder === repository) break;
        }
      }
      const files = [...all].map((folder) => join(folder, '.gitignore'));
      withoutNews(() => files.forEach(digestOf));
      return files;
    };
    const namesBelow = async (dir: string, { gitignore, ignore = [], nested = true, follow = false }: TreeOptions): Promise<string[]> => {
      const names = gitignore && repositoryAround(dir) ? await unignoredBelow(dir, ignore) : filesBelow(dir, new Set(ignore), follow);
      if (nested) return names;
      const packages = names.filter((name) => name.endsWith('/Cargo.toml')).map((name) => name.slice(0, -'Cargo.toml'.length));
      return names.filter((name) => !packages.some((one) => name.startsWith(one)));
    };
    const tree = async (dir: string, options: TreeOptions = {}): Promise<Digest> => {
      const question = JSON.stringify([dir, options]);
      const before = trees.get(question);
      if (before) return before;
      takeOffers();
      reader?.skip(dir);
      treesRead.add(dir);
      digestOf(dir);
      const names = await namesBelow(dir, options);
      const digest = digestRecord(names.sort(byCodeUnit).map((name): Json => [name, digestOf(`${dir}/${name}`) ?? null]));
      trees.set(question, digest);
      if (options.gitignore) ignoring.set(question, foldersOf(dir, names));
      return digest;
    };
    /**
     * The folders of a tree that git ignores parts of, with their stamps: while these and the files by which git ignores are the same, so are the names.
     * Empty where the stamps do not decide that, as where a pattern brings back what another one ignores.
     */
    const foldersOf = (dir: string, names: readonly string[]): Readonly<Record<string, string>> => {
      const own = names.map((name) => join(dir, name)).filter((path) => asked.get(path)?.stamp === aFolder);
      const folders = [...new Set([dir, ...own, ...names.flatMap((name) => foldersAround(dir, name))])];
      const repository = repositoryAround(dir);
      if (repository !== undefined && ignoringFiles(repository, folders).some(bringsBack)) return {};
      const stamps = folders.map((path) => {
        const stats = statOrAbsent(statSync, path);
        return [path, stats ? trusted(stats) : ''] as const;
      });
      return stamps.every(([, stamp]) => stamp !== '') ? Object.fromEntries(stamps) : {};
    };
    const fileRow = (path: string): LookRow => {
      const looked = asked.get(path);
      return { path, stamp: looked?.stamp ?? '', found: short(looked?.digest) };
    };
    const looking: Looking = {
      file(path) {
        digestOf(path);
        return fileRow(path);
      },
      folder(path) {
        const { entries, stamp } = list(path);
        return { path, stamp, found: namesDigest(entries) };
      },
      async tree(question) {
        const [dir, options] = JSON.parse(question) as [string, TreeOptions];
        return { question, found: short(await tree(dir, options)), folders: ignoring.get(question) ?? {} };
      },
    };
    return {
      file: async (path) => digestOf(path),
      names: (dir) => list(dir).entries?.map(nameWithKind),
      tree,
      newestChangeMs: () => newestMs,
      present: (path) => withoutNews(() => look(path).digest),
      learn(path, digest) {
        const stats = statOrAbsent(statSync, path);
        if (!stats || !isOneField(path)) return;
        const value = `${stampOf(stats)}|${digest}`;
        known.set(path, value);
        memory.learn(path, value);
      },
      record() {
        // The names of a folder and of the one around it say that it is one. What is no folder, or a link to one, may change without other names in it.
        const isListed = (path: string): boolean => listed.has(path) && listed.has(dirname(path));
        const read = [...asked].filter(([path, { stamp }]) => !(stamp === aFolder && isListed(path)));
        return writtenLooks({
          files: read.map(([path]) => fileRow(path)),
          folders: [...listed.keys()].map(looking.folder),
          trees: [...ignoring].map(([question, folders]) => ({ question, found: short(trees.get(question)), folders })),
          learned: [...known],
        });
      },
      async holds(written) {
        const now = await looksNow(written, looking);
        for (const [path, value] of now?.learned ?? []) {
          memory.take(path, value);
          known.set(path, value);
        }
        return now;
      },
    };
  };

  return {
    ...looks(),
    again: looks,
    expect(dirs) {
      for (const dir of dirs) if (!memory.wasKnown(`${dir}/Cargo.toml`) && !treesRead.has(dir) && !expected.has(dir)) untold.add(dir);
      if (untold.size === 0 || (!reader && untold.size < worthAThread)) return;
      reader ??= startTreeReader();
      reader.add([...untold]);
      for (const dir of untold) expected.add(dir);
      untold.clear();
    },
    async save() {
      reader?.stop();
      await memory.save();
    },
  };
}

/** The digest of an executable file, by that of its bytes. */
export function programDigest(bytes: Digest): Digest {
  return digestRecord(['executable', bytes]);
}

function withPermission(bytes: Digest, { mode }: Stats): Digest {
  return (mode & 0o111) === 0 ? bytes : programDigest(bytes);
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

async function unignoredBelow(dir: string, ignore: readonly string[]): Promise<string[]> {
  const { globby } = await import('globby'); // takes longer to load than most builds with nothing new take
  return globby('**', { cwd: dir, dot: true, gitignore: true, ignore: [...ignore], onlyFiles: false, followSymbolicLinks: false });
}

/** What is found at a path: its digest, and the stamp by which a later run knows it again; an empty one says that it has to look. */
interface Looked {
  readonly digest: Digest | undefined;
  readonly stamp: string;
}

interface Listed {
  readonly entries: readonly Entry[] | undefined;
  readonly stamp: string;
}

const notAFile = digestBytes('not a file');

function namesDigest(entries: readonly Entry[] | undefined): string {
  return entries ? short(digestRecord(entries.map(nameWithKind).sort(byCodeUnit))) : absent;
}

/** Half of a digest, which is enough to tell two apart, and is not taken for the name of a blob. */
function short(digest: Digest | undefined): string {
  return digest?.slice(0, 32) ?? absent;
}

/** A tab or a line feed in a name would end its line of the memory, and a byte that is not UTF-8 (byte-path.ts) would be lost. */
function isOneField(path: string): boolean {
  return !/[\t\n\u{dc80}-\u{dcff}]/u.test(path);
}
