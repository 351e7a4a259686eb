// Lists the content of a cache directory: blobs, records of every kind, unfinished work. It measures sizes
// and reads no contents.
import type { Stats } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import pLimit from 'p-limit';
import type { Digest } from '../../core/digest.ts';
import { byCodeUnit, isDigest } from '../../core/digest.ts';
import { absentAsUndefined, hasErrno } from '../../core/errors.ts';
import type { CacheFolder } from '../cache-folder.ts';

export interface StoredBlob {
  readonly digest: Digest;
  readonly path: string;
  readonly sizeBytes: number;
  /** Time at which it was published or last staged, by the clock of the file system. */
  readonly changedMs: number;
  /** Number of hard links, without that of a lent file. More than one means that a running action has it staged. */
  readonly links: number;
}

export interface StoredRecord {
  /** The folder of the record: "actions", "inputs", ... */
  readonly kind: string;
  readonly key: Digest;
  readonly path: string;
  readonly sizeBytes: number;
  /** Time at which it was written or last read, to within a day. */
  readonly usedMs: number;
}

/** The folder of a process that uses the cache now. */
export interface RunningProcess {
  readonly pid: number;
  readonly startedMs: number;
  readonly sizeBytes: number;
}

export interface Inventory {
  /** Sorted by digest. */
  readonly blobs: readonly StoredBlob[];
  /** Sorted by kind, then by key. */
  readonly records: readonly StoredRecord[];
  readonly running: readonly RunningProcess[];
  /**
   * Size of all other files of the cache directory: memoized facts about the host, sources of the standard
   * library, incremental state.
   */
  readonly otherBytes: number;
}

/**
 * Lists a cache. Entries that another process adds or removes meanwhile may be missing. This process's own
 * folder is left out.
 */
export async function inventory(cache: CacheFolder): Promise<Inventory> {
  const limit = pLimit(64);
  const blobs: StoredBlob[] = [];
  const records: StoredRecord[] = [];
  let otherBytes = 0;
  const look = async (path: string): Promise<void> => {
    const stats = await absentAsUndefined(stat(path));
    if (!stats?.isFile()) return;
    const [top = '', folder = '', name = ''] = path.startsWith(`${cache.dir}/`) ? path.slice(cache.dir.length + 1).split('/') : [];
    const named = isDigest(name) && folder === name.slice(0, 2) && basename(path) === name;
    if (!named) otherBytes += stats.size;
    else if (top === 'content')
      blobs.push({ digest: name, path, sizeBytes: stats.size, changedMs: stats.ctimeMs, links: stats.nlink - (isLent(stats) ? 1 : 0) });
    else records.push({ kind: top, key: name, path, sizeBytes: stats.size, usedMs: stats.mtimeMs });
  };
  const tmp = join(cache.dir, 'tmp');
  const paths = (await filesBelow(cache.root)).filter((path) => !path.startsWith(`${tmp}/`));
  await Promise.all(paths.map((path) => limit(() => look(path))));
  blobs.sort((a, b) => byCodeUnit(a.digest, b.digest));
  records.sort((a, b) => byCodeUnit(a.kind, b.kind) || byCodeUnit(a.key, b.key));
  return { blobs, records, running: await runningIn(tmp, basename(cache.tmpDir)), otherBytes };
}

/** Lent files belong to the user, who may write to them. Other blobs are read-only. */
function isLent({ mode, nlink }: Stats): boolean {
  return nlink > 1 && (mode & 0o200) !== 0;
}

/**
 * Folders of `tmp` are named after their processes. Folders of dead processes were removed when the cache was
 * opened.
 */
async function runningIn(tmp: string, own: string): Promise<readonly RunningProcess[]> {
  const names = (await readdir(tmp)).filter((name) => name !== own);
  const found = await Promise.all(
    names.map(async (name): Promise<RunningProcess[]> => {
      const stats = await absentAsUndefined(stat(join(tmp, name)));
      if (!stats) return [];
      const sizes = await Promise.all(
        (await filesBelow(join(tmp, name))).map(async (path) => (await stat(path).catch(() => undefined))?.size ?? 0),
      );
      // If the file system stores no creation time, it is 0. Then every entry counts as newer than the
      // process.
      return [{ pid: Number.parseInt(name, 10), startedMs: stats.birthtimeMs, sizeBytes: sizes.reduce((sum, size) => sum + size, 0) }];
    }),
  );
  return found.flat();
}

/**
 * Returns the absolute paths of everything below `dir` that is not a folder. Folders that disappear meanwhile
 * are left out, as are folders that an action of another process made unreadable or nested too deeply.
 */
async function filesBelow(dir: string): Promise<readonly string[]> {
  const entries = await readdir(dir, { withFileTypes: true }).catch((error: unknown) => {
    if (hasErrno(error, ['ENOENT', 'EACCES', 'ENAMETOOLONG'])) return [];
    throw error;
  });
  const below = await Promise.all(
    entries.map((entry) => (entry.isDirectory() ? filesBelow(join(dir, entry.name)) : [join(dir, entry.name)])),
  );
  return below.flat();
}
