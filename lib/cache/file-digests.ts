// Digests of source files, remembered by what stat says (size, times, inode), so that an unchanged tree is not read again. The
// memory only saves work: a file whose stat differs, or that changed too lately for its time stamp to tell, is read.
import { lstat, readFile, readlink, rename, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { globby } from 'globby';
import pLimit from 'p-limit';
import type { Digest, Json } from '../core/digest.ts';
import { byCodeUnit, digestBytes, digestFile, digestRecord } from '../core/digest.ts';
import { absentAsUndefined } from '../core/errors.ts';

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
  const openFiles = pLimit(64);
  const used = new Map<string, string>();
  // The file system's own clock: the only one that can be compared with its time stamps.
  const tick = join(tmpDir, 'tick');
  await writeFile(tick, '');
  const startedMs = (await lstat(tick)).mtimeMs;

  const looks = (): Looks => {
    const asked = new Map<string, Promise<Digest | undefined>>();
    let newestMs = 0;
    const note = ({ ctimeNs }: { readonly ctimeNs: bigint }): void => {
      newestMs = Math.max(newestMs, Number(ctimeNs / 1_000_000n));
    };
    const noteAbsence = async (path: string): Promise<undefined> => {
      const folder = dirname(path);
      const stats = await absentAsUndefined(stat(folder, { bigint: true }));
      if (!stats) return noteAbsence(folder);
      note(stats);
      return undefined;
    };
    const look = async (path: string): Promise<Digest | undefined> => {
      const own = await absentAsUndefined(lstat(path, { bigint: true }));
      if (!own) return noteAbsence(path);
      note(own);
      if (own.isSymbolicLink()) return digestRecord([await readlink(path), (await content(path)) ?? null]);
      return content(path);
    };
    const content = async (path: string): Promise<Digest | undefined> => {
      const stats = await absentAsUndefined(stat(path, { bigint: true }));
      if (!stats) return undefined;
      note(stats);
      if (!stats.isFile()) return digestBytes('not a file');
      const stamp = `${stats.size} ${stats.mtimeNs} ${stats.ctimeNs} ${stats.ino}`;
      const before = used.get(path) ?? remembered.get(path);
      const [oldStamp, oldDigest] = before?.split('|') ?? [];
      if (before !== undefined && oldStamp === stamp && oldDigest) {
        used.set(path, before);
        return oldDigest as Digest;
      }
      const digest = stats.size < 1 << 20 ? digestBytes(await readFile(path)) : await digestFile(path);
      // A tab or a line feed in a name would end its line of the memory.
      if (Number(stats.ctimeNs / 1_000_000n) < startedMs - settleMs && !/[\t\n]/.test(path)) used.set(path, `${stamp}|${digest}`);
      return digest;
    };
    const digestOf = (path: string): Promise<Digest | undefined> => {
      const known = asked.get(path) ?? openFiles(() => look(path));
      asked.set(path, known);
      return known;
    };
    return {
      file: digestOf,
      async tree(dir, { gitignore = false, ignore = [] } = {}) {
        await digestOf(dir);
        const names = await globby('**', {
          cwd: dir,
          dot: true,
          gitignore,
          ignore: [...ignore],
          onlyFiles: false,
          followSymbolicLinks: false,
        });
        names.sort(byCodeUnit);
        const rows = await Promise.all(names.map(async (name): Promise<Json> => [name, (await digestOf(join(dir, name))) ?? null]));
        return digestRecord(rows);
      },
      newestChangeMs: () => newestMs,
    };
  };

  return {
    ...looks(),
    again: looks,
    async save() {
      const lines = [...remembered, ...used].map(([path, value]) => `${path}\t${value}`);
      const partial = join(tmpDir, 'digests.partial');
      await writeFile(partial, [...new Map(lines.map((line) => [line.split('\t')[0], line])).values()].join('\n'));
      await rename(partial, file);
    },
  };
}

async function load(file: string): Promise<Map<string, string>> {
  const text = await readFile(file, 'utf8').catch(() => '');
  const rows = text.split('\n').map((line) => line.split('\t'));
  return new Map(rows.flatMap(([path, value]) => (path && value ? [[path, value] as const] : [])));
}
