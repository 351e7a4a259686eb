// One cache directory, shared by all checkouts of a user: the content store, the records by their kinds, and
// a folder of this process for unfinished work. Knows where these are; not what an action is, and not how
// sources are looked at (cache.ts).
import { mkdtempSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Json } from '../core/digest.ts';
import { cannotBecause, errnoOf } from '../core/errors.ts';
import type { Report } from '../core/events.ts';
import { makeFolder, removeTree } from '../core/paths.ts';
import { openContentStore } from './content-store.ts';
import type { ContentStore } from './content-store.ts';
import { Leftovers } from './postponed.ts';
import { Postponed } from './postponed.ts';
import { layout, openRecords } from './records.ts';
import type { Records } from './records.ts';

export interface CacheFolder {
  /** The cache directory itself: what is known of the host (toolchains, the standard library's source) is in it. */
  readonly root: string;
  /** The subfolder that this version of the layout uses. */
  readonly dir: string;
  /** This process's folder for unfinished work, on the same file system. `close` removes it. */
  readonly tmpDir: string;
  readonly content: ContentStore;
  /** Records of one kind ("actions", "inputs", "plans"), in a folder of that name. */
  records<T extends Json>(kind: string, is: (value: Json) => value is T): Promise<Records<T>>;
  /**
   * Does work that no unit waits for a little later, and returns its result then. A caller that waits for it
   * calls `catchUp` before.
   */
  later<T>(work: () => Promise<T>): Promise<T>;
  /** Starts all work of `later` now. */
  catchUp(): void;
  /** Removes a folder in `tmpDir` a little later, at the latest when the cache is closed. */
  discard(dir: string): void;
  /** Removes all discarded folders now. */
  tidy(): void;
  close(): Promise<void>;
}

/** Opens the cache in `dir`, creates it if it is missing, and removes leftovers of killed processes. `pid` is the number of this process. */
export async function openCacheFolder(dir: string, pid: number, report: Report): Promise<CacheFolder> {
  const home = join(dir, layout);
  try {
    await makeFolder(join(home, 'tmp'));
    sweep(join(home, 'tmp'));
    const tmpDir = mkdtempSync(join(home, 'tmp', `${pid}-`));
    const [postponed, leftovers] = [new Postponed(), new Leftovers()];
    return {
      root: dir,
      dir: home,
      tmpDir,
      content: await openContentStore(join(home, 'content'), tmpDir, report),
      records: (kind, is) => openRecords(join(home, kind), tmpDir, is, report),
      later: (work) => postponed.add(work),
      catchUp: () => postponed.do(),
      discard: (path) => leftovers.add(path),
      tidy: () => leftovers.removeAll(),
      async close() {
        postponed.do();
        leftovers.removeAll();
        removeTree(tmpDir);
      },
    };
  } catch (error) {
    throw cannotBecause(`open the cache in "${dir}"`, error, 'choose another folder with --cache DIR');
  }
}

/**
 * Removes the folders of processes that have ended. A folder that cannot be removed does not prevent the
 * cache from opening.
 */
function sweep(tmp: string): void {
  for (const name of readdirSync(tmp)) {
    if (!alive(Number.parseInt(name, 10))) removeTree(join(tmp, name));
  }
}

/** Whether a process with that number exists. */
export function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errnoOf(error) === 'EPERM'; // another user's
  }
}
