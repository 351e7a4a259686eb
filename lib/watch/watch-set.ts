// The watched paths as data, and which changed paths are relevant. Reads no files.
import { basename } from 'node:path';

/** All paths are absolute. */
export interface WatchSet {
  /** Everything in them is relevant. */
  readonly folders: readonly string[];
  /** Single files. */
  readonly files: readonly string[];
  /** Outputs and caches: nothing in them is relevant. */
  readonly excluded: readonly string[];
}

/** Files that editors write while a user types: swap files, backups, and the probe of vim. */
const editorFile = /^(?:\.#.*|#.*#|.*~|\..*\.sw[a-p]x?|4913)$/;

/** Whether a changed path is relevant by its name. */
export function counts(path: string, { folders, files, excluded }: WatchSet): boolean {
  if (files.includes(path)) return true;
  if (editorFile.test(basename(path)) || excluded.some((folder) => isIn(path, folder))) return false;
  return folders.some((folder) => isIn(path, folder) && !path.slice(folder.length).split('/').includes('.git'));
}

/** Whether both watch the same paths. */
export function isSameSet(one: WatchSet, other: WatchSet): boolean {
  const text = ({ folders, files, excluded }: WatchSet): string =>
    JSON.stringify([folders, files, excluded].map((list) => [...new Set(list)].sort()));
  return text(one) === text(other);
}

/** Whether `path` is the folder or in it. */
export function isIn(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith('/') ? folder : `${folder}/`);
}
