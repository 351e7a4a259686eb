// Folders that an action may write although their files are only shown: a copy of the folder's own level, in which every entry is the real one,
// read-only, and new files go into the action's stage. What a compilation writes there (the linker's map) is moved to its output folder.
import {
  chmodSync,
  copyFileSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  renameSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { decodeName, encodePath, removeTree } from '../../core/paths.ts';
import { errnoOf } from '../../core/errors.ts';
import type { Action } from '../action.ts';
import { hostPath, isBelow, writtenFolder } from './mounts.ts';
import { here } from './root.ts';
import type { View } from './sandbox.ts';

export interface Shadows {
  /** The view with the action's shadowed folders. */
  readonly view: View;
  /** Moves regular files that the action created or changed to `written/` in its output folder, by their path from the user's common folder. */
  moveWritten(outDir: string): void;
}

/** Files up to this size are copied, so that the action may also write over them. */
const largestCopyBytes = 1 << 20;

/** Copies the action's shadowed folders. `stage` is the action's own folder. */
export function shadowFolders({ shadowed = [], own }: Action, view: View, stage: string): Shadows {
  const readOnly: Record<string, string> = { ...view.readOnly };
  const writable: Record<string, string> = { ...view.writable };
  // A folder that an earlier run wrote to may be gone. Links in an output folder were made by third-party code, and are not followed.
  const present = shadowed.filter((place) => {
    const real = hostPath(place, view.readOnly);
    return isFolder(real) && (isBelow(place, own?.counted ?? []) || realpathSync(encodePath(real)) === join(realpathSync(stage), place));
  });
  for (const [index, place] of present.entries()) {
    const real = hostPath(place, view.readOnly);
    const copy = join(stage, `shadow-${index}`);
    mkdirSync(copy);
    for (const name of readdirSync(encodePath(real), 'buffer').map(decodeName)) {
      const [from, to] = [encodePath(join(real, name)), encodePath(join(copy, name))];
      const about = lstatSync(from);
      if (about.isSymbolicLink()) symlinkSync(readlinkSync(from, 'buffer'), to);
      else if (about.isFile() && about.size <= largestCopyBytes && isCopied(from, to)) continue;
      else readOnly[`${place}/${name}`] = join(real, name);
    }
    writable[place] = copy;
  }
  const before = new Map(present.flatMap((place) => filesIn(writable[place] ?? '')));
  return {
    view: { ...view, readOnly, writable },
    moveWritten: (outDir) => {
      const files = present.flatMap((place) => filesIn(writable[place] ?? '').map(([path, stamp]) => ({ place, path, stamp })));
      const written = files.filter(({ path, stamp }) => before.get(path) !== stamp);
      if (written.length === 0) return;
      // The command may have put a link of that name there, which leads anywhere on the host.
      chmodSync(outDir, 0o700);
      removeTree(join(outDir, writtenFolder));
      for (const { place, path } of written) {
        const to = join(outDir, writtenFolder, nameOf(`${place}${path.slice(path.lastIndexOf('/'))}`));
        mkdirSync(encodePath(dirname(to)), { recursive: true });
        renameSync(encodePath(path), encodePath(to));
      }
    },
  };
}

/** Whether a folder of the host is at the path, or a link to one. */
export function isFolder(path: string): boolean {
  try {
    return statSync(encodePath(path), { throwIfNoEntry: false })?.isDirectory() === true;
  } catch {
    return false; // below a file, or a link that leads to itself
  }
}

/** False for a file that the user may not read. */
function isCopied(from: string | Buffer, to: string | Buffer): boolean {
  try {
    copyFileSync(from, to);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'EACCES') return false;
    throw error;
  }
}

/** The regular files of a folder: path -> what changes when it is written. */
function filesIn(folder: string): readonly (readonly [path: string, stamp: string])[] {
  chmodSync(folder, 0o700); // the command may have withdrawn its own permissions
  return readdirSync(encodePath(folder), 'buffer').flatMap((name) => {
    const path = join(folder, decodeName(name));
    const about = lstatSync(encodePath(path), { bigint: true });
    return about.isFile() ? [[path, `${about.ino}:${about.size}:${about.mtimeNs}`] as const] : [];
  });
}

/** The path from the user's common folder; of a file elsewhere (an output folder of a build script) its name. */
function nameOf(place: string): string {
  const name = posix.relative(here, place);
  return name.startsWith('../') ? posix.basename(place) : name;
}
