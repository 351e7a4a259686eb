// Removes folders that third-party code filled. Such code may leave folders that cannot be entered, written or named in one path.
import { lstatSync, rmdirSync, rmSync, unlinkSync } from 'node:fs';
import { TreePaths } from './tree-paths.ts';

/** Removes `dir`, an absolute path, with everything in it. Never fails and follows no link; returns whether it is gone. */
export function removeTree(dir: string): boolean {
  try {
    rmSync(dir, { recursive: true, force: true });
    return true;
  } catch {
    return removeObstinate(dir);
  }
}

function removeObstinate(dir: string): boolean {
  const paths = new TreePaths();
  /** From outer to inner folders. One that was entered is removed when it is the last again. */
  const open: { readonly path: string; entered: boolean }[] = [{ path: dir, entered: false }];
  try {
    if (!lstatSync(dir).isDirectory()) return attempt(() => unlinkSync(dir));
    for (let folder = open.at(-1); folder !== undefined; folder = open.at(-1)) {
      const { path, entered } = folder;
      if (entered) {
        attempt(() => rmdirSync(paths.at(path)));
        open.pop();
        continue;
      }
      folder.entered = true;
      attempt(() => {
        paths.openFolder(path);
        for (const { name, kind } of paths.entries(path)) {
          if (kind === 'folder') open.push({ path: `${path}/${name}`, entered: false });
          else attempt(() => unlinkSync(paths.at(`${path}/${name}`)));
        }
      });
    }
    return lstatSync(dir, { throwIfNoEntry: false }) === undefined;
  } catch {
    return false;
  } finally {
    paths.close();
  }
}

function attempt(act: () => void): boolean {
  try {
    act();
    return true;
  } catch {
    return false; // what cannot be removed now is removed by a later start
  }
}
