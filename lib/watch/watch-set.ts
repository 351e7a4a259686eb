// What is watched, as data: which changed paths count. Looks at no file.
import { basename } from 'node:path';

/** All paths are absolute. */
export interface WatchSet {
  /** Everything in them counts. */
  readonly folders: readonly string[];
  /** Single files. */
  readonly files: readonly string[];
  /** Outputs, caches: nothing in them counts. */
  readonly excluded: readonly string[];
}

/** Files that editors write while a user types: swap files, backups, and the probe of vim. */
const editorFile = /^(?:\.#.*|#.*#|.*~|\..*\.sw[a-p]x?|4913)$/;

/** Whether the change of a path counts, as far as its name decides that. */
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

/** Is `path` the folder, or in it? */
export function isIn(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith('/') ? folder : `${folder}/`);
}
