// Resolves links in paths: inotify does not follow links, and reports paths below the folder that it was
// given.
import { realpathSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { WatchSet } from './watch-set.ts';

/**
 * Returns the same paths without links. A path that does not exist yet is resolved up to the nearest existing
 * folder.
 */
export function realSet({ folders, files, excluded }: WatchSet): WatchSet {
  return { folders: folders.map(realPath), files: files.map(realPath), excluded: excluded.map(realPath) };
}

/** Returns an absolute path without links. */
export function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path === dirname(path) ? path : join(realPath(dirname(path)), basename(path));
  }
}
