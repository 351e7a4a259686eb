// One cache directory, shared by all checkouts of a user: the content store, the action cache, remembered inputs and digests, and a
// folder of this process for unfinished work. Knows where things lie; not what an action is.
import { mkdtemp, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Json } from '../core/digest.ts';
import { cannotBecause, errnoOf } from '../core/errors.ts';
import type { Report } from '../core/events.ts';
import { makeFolder } from '../core/folders.ts';
import { removeTree } from '../core/remove-tree.ts';
import { openContentStore } from './content-store.ts';
import type { ContentStore } from './content-store.ts';
import { openFileDigests } from './digests/file-digests.ts';
import type { FileDigests } from './digests/file-digests.ts';
import { openRecords } from './records.ts';
import type { Records } from './records.ts';
import { layout } from './layout.ts';

export interface Cache {
  /** The cache directory itself: what is known of the host (toolchains, the standard library's source) lies here. */
  readonly root: string;
  /** The part of it that this layout owns. */
  readonly dir: string;
  /** This process's folder for unfinished work, on the same file system; gone after `close`. */
  readonly tmpDir: string;
  readonly content: ContentStore;
  readonly digests: FileDigests;
  /** Records of one kind ("actions", "inputs", "plans"), in a folder of that name. */
  records<T extends Json>(kind: string, is: (value: Json) => value is T): Promise<Records<T>>;
  /**
   * Returns the same cache for a further run of this process: blobs that were verified stay so, and files are looked at anew. It is closed before the
   * one that it is of.
   */
  again(): Cache;
  close(): Promise<void>;
}


/** Opens (and makes) the cache in `dir`, and sweeps what killed processes left behind. `pid` is this process's. */
export async function openCache(dir: string, pid: number, report: Report): Promise<Cache> {
  const home = join(dir, layout);
  try {
    await makeFolder(join(home, 'tmp'));
    await sweep(join(home, 'tmp'));
    const tmpDir = await mkdtemp(join(home, 'tmp', `${pid}-`));
    const content = await openContentStore(join(home, 'content'), tmpDir, report);
    const open = (close: () => void): Cache => {
      const digests = openFileDigests(join(home, 'digests'), tmpDir);
      return {
        root: dir,
        dir: home,
        tmpDir,
        content,
        digests,
        records: (kind, is) => openRecords(join(home, kind), tmpDir, is, report),
        again: () => open(() => undefined),
        async close() {
          try {
            await digests.save();
          } finally {
            close();
          }
        },
      };
    };
    return open(() => removeTree(tmpDir));
  } catch (error) {
    throw cannotBecause(`open the cache in "${dir}"`, error, 'choose another folder with --cache DIR');
  }
}

/** Removes the folders of processes that have ended. One that cannot be removed does not keep the cache from opening. */
async function sweep(tmp: string): Promise<void> {
  for (const name of await readdir(tmp)) {
    if (!alive(Number.parseInt(name, 10))) removeTree(join(tmp, name));
  }
}

/** Is there a process of that number? */
export function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errnoOf(error) === 'EPERM'; // another user's
  }
}
