// Digests of source files, remembered by what stat says (size, times, inode), so that an unchanged tree is not read again. The
// memory only saves work: a file whose stat differs, or that changed too lately for its time stamp to tell, is read. Looks are synchronous:
// for tens of thousands of small files a promise for each costs ten times what the look costs.
import { lstatSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { lstat, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { globby } from 'globby';
import type { Digest, Json } from '../core/digest.ts';
import { byCodeUnit, digestBytes, digestRecord } from '../core/digest.ts';
import { errnoOf } from '../core/errors.ts';

export interface Looks {
  /** The digest of a file's bytes (of a link: of what it leads to, and of its words); undefined when there is nothing at `path`. */
  file(path: string): Promise<Digest | undefined>;
  /** The digest of all files below `dir` with their relative names. `ignore` and ignore files leave things out. */
  tree(dir: string, options?: { gitignore?: boolean; ignore?: readonly string[] }): Promise<Digest>;
  /** The newest change (ms by the file system's own clock) of anything that was looked at; of what is absent, that of the folder it would be in. */
  newestChangeMs(): number;
}

/** Each path is looked at once, so that a run sees one state of it. */
export interface FileDigests extends Looks {
  /** Looks of their own: what was asked before is looked at again, because a command may have run since. */
  again(): Looks;
  /** Writes the memory down for the next run. */
  save(): Promise<void>;
}

/** A file changed less than this before it was read may change again within one tick of its time stamp. */
const settleMs = 50;

/** Opens the memory kept in `file`; `tmpDir` is on the same file system. */
export async function openFileDigests(file: string, tmpDir: string): Promise<FileDigests> {
  const remembered = await load(file);
  const used = new Map<string, string>();
  let learned = false;
  // The file system's own clock: the only one that can be compared with its time stamps.
  const tick = join(tmpDir, 'tick');
  await writeFile(tick, '');
  const startedMs = (await lstat(tick)).mtimeMs;

  const looks = (): Looks => {
    const asked = new Map<string, Digest | undefined>();
    const trees = new Map<string, Digest>();
    let newestMs = 0;
    const note = ({ ctimeMs }: Stats): void => {
      newestMs = Math.max(newestMs, Math.floor(ctimeMs));
    };
    const noteAbsence = (path: string): undefined => {
      const folder = dirname(path);
      const stats = statSync(folder, { throwIfNoEntry: false });
      if (!stats) return noteAbsence(folder);
      note(stats);
      return undefined;
    };
    const look = (path: string): Digest | undefined => {
      const own = statOrAbsent(lstatSync, path);
      if (!own) return noteAbsence(path);
      note(own);
      if (own.isSymbolicLink()) return digestRecord([readlinkSync(path), content(path, statOrAbsent(statSync, path)) ?? null]);
      return content(path, own);
    };
    const content = (path: string, stats: Stats | undefined): Digest | undefined => {
      if (!stats) return undefined;
      note(stats);
      if (!stats.isFile()) return digestBytes('not a file');
      const stamp = `${stats.size} ${stats.mtimeMs} ${stats.ctimeMs} ${stats.ino}`;
      const before = used.get(path) ?? remembered.get(path);
      if (before?.startsWith(`${stamp}|`)) {
        used.set(path, before);
        return before.slice(stamp.length + 1) as Digest;
      }
      const digest = digestBytes(readFileSync(path));
      // A tab or a line feed in a name would end its line of the memory.
      if (stats.ctimeMs < startedMs - settleMs && !/[\t\n]/.test(path)) {
        used.set(path, `${stamp}|${digest}`);
        learned = true;
      }
      return digest;
    };
    const digestOf = (path: string): Digest | undefined => {
      if (!asked.has(path)) asked.set(path, look(path));
      return asked.get(path);
    };
    return {
      file: async (path) => digestOf(path),
      async tree(dir, options = {}) {
        const question = JSON.stringify([dir, options]);
        const known = trees.get(question);
        if (known) return known;
        digestOf(dir);
        const names = options.gitignore ? await unignoredBelow(dir, options.ignore ?? []) : filesBelow(dir, new Set(options.ignore));
        const digest = digestRecord(names.sort(byCodeUnit).map((name): Json => [name, digestOf(`${dir}/${name}`) ?? null]));
        trees.set(question, digest);
        return digest;
      },
      newestChangeMs: () => newestMs,
    };
  };

  return {
    ...looks(),
    again: looks,
    async save() {
      if (!learned) return;
      const lines = [...remembered, ...used].map(([path, value]) => `${path}\t${value}`);
      const partial = join(tmpDir, 'digests.partial');
      await writeFile(partial, [...new Map(lines.map((line) => [line.split('\t')[0], line])).values()].join('\n'));
      await rename(partial, file);
    },
  };
}

/** Names of everything below `dir`, folders too; `ignore` leaves out what stands directly in it. */
function filesBelow(dir: string, ignore: ReadonlySet<string>): string[] {
  const names: string[] = [];
  const visit = (prefix: string): void => {
    for (const entry of readdirSync(prefix === '' ? dir : `${dir}/${prefix}`, { withFileTypes: true })) {
      if (prefix === '' && ignore.has(entry.name)) continue;
      const name = prefix === '' ? entry.name : `${prefix}/${entry.name}`;
      names.push(name);
      if (entry.isDirectory()) visit(name);
    }
  };
  visit('');
  return names;
}

function unignoredBelow(dir: string, ignore: readonly string[]): Promise<string[]> {
  return globby('**', { cwd: dir, dot: true, gitignore: true, ignore: [...ignore], onlyFiles: false, followSymbolicLinks: false });
}

function statOrAbsent(ask: (path: string) => Stats, path: string): Stats | undefined {
  try {
    return ask(path);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errnoOf(error) ?? '')) return undefined;
    throw error;
  }
}

async function load(file: string): Promise<Map<string, string>> {
  const text = await readFile(file, 'utf8').catch(() => '');
  const rows = text.split('\n').map((line) => line.split('\t'));
  return new Map(rows.flatMap(([path, value]) => (path && value ? [[path, value] as const] : [])));
}
