// The cache of a build: the cache directory, and the digests of the files that the build looks at.
import { join } from 'node:path';
import { cannotBecause } from '../core/errors.ts';
import type { Report } from '../core/events.ts';
import { openCacheFolder } from './cache-folder.ts';
import type { CacheFolder } from './cache-folder.ts';
import { openFileDigests } from './digests/file-digests.ts';
import type { FileDigests } from './digests/file-digests.ts';

export interface Cache extends CacheFolder {
  readonly digests: FileDigests;
  /**
   * Returns the same cache for another run of this process, with fresh observations of files. It must be
   * closed before the cache that it was created from.
   */
  again(): Cache;
}

/** Opens the cache in `dir` as `openCacheFolder` does, and adds the digests of files. */
export async function openCache(dir: string, pid: number, report: Report): Promise<Cache> {
  const folder = await openCacheFolder(dir, pid, report);
  try {
    return withDigests(folder);
  } catch (error) {
    throw cannotBecause(`open the cache in "${dir}"`, error, 'choose another folder with --cache DIR');
  }
}

/** Returns the cache of an open folder. Its `close` stores the digests for the next run and closes the folder. */
export function withDigests(folder: CacheFolder): Cache {
  const digests = openFileDigests(join(folder.dir, 'digests'), folder.tmpDir);
  return {
    ...folder,
    digests,
    again: () => withDigests({ ...folder, close: async () => undefined }),
    async close() {
      folder.tidy(); // on a full disk, the digests need the space
      try {
        await digests.save();
      } finally {
        await folder.close();
      }
    },
  };
}
