// Places: absolute paths in the sandbox, the same on every machine. Maps places to paths of the host and
// back. The aspect of a place says which part of it is an input: the content of a file, the names in a
// folder, or everything below a folder. The aspect follows the place after two slashes, which no path
// contains.
import { join } from 'node:path';
import { byCodeUnit, digestRecord } from '../core/digest.ts';
import type { Digest } from '../core/digest.ts';
import { present } from '../core/errors.ts';
import { isFolder } from '../core/paths.ts';
import type { Action } from './action.ts';

/** The root of all places of the project. No other path of the host has this prefix. */
export const root = '/bloomery';

/** The number of folders above the common one that have a place, for paths with "..". */
export const levelsAbove = 4;

/**
 * The place of the folder that contains all of the user's own trees. The folders above it contain only those
 * files of the user that are shown.
 */
export const here = `${root}/${'above/'.repeat(levelsAbove)}here`;

/** The part of an output folder with the files that the action wrote to other folders. */
export const writtenFolder = 'written';

/** Returns the path of a place on the host. A place outside of all mounts is itself a path of the host. */
export function hostPath(place: string, mounts: Action['mounts']): string {
  const mount = innermost(place, Object.keys(mounts));
  return mount === undefined ? place : join(present(mounts[mount], mount), place.slice(mount.length));
}

/** Returns the host paths of places, including those around the user's folders that the sandbox does not show. */
export function pathsOf({ mounts, own }: Pick<Action, 'mounts' | 'own'>): Readonly<Record<string, string>> {
  return own ? { ...own.around, ...mounts } : mounts;
}

/**
 * Returns the place of a path, or undefined if no mount contains it. If several mounts contain it, the
 * innermost one decides.
 */
export function placeOfPath(path: string, mounts: Readonly<Record<string, string>>): string | undefined {
  let found: readonly [place: string, folder: string] | undefined;
  for (const [place, folder] of Object.entries(mounts)) {
    const within = path === folder || path.startsWith(folder === '/' ? folder : `${folder}/`);
    if (within && (!found || folder.length > found[1].length)) found = [place, folder];
  }
  return found && (join(found[0], path.slice(found[1].length)) || undefined);
}

/** Whether the place is one of `folders` or below one. */
export function isBelow(place: string, folders: readonly string[]): boolean {
  return innermost(place, folders) !== undefined;
}

/** Returns the longest of the folders that contain the place. Called for each access of each action. */
function innermost(place: string, folders: readonly string[]): string | undefined {
  let found: string | undefined;
  for (const folder of folders) {
    const isAround = place.startsWith(folder) && (place.length === folder.length || place.charAt(folder.length) === '/');
    if (isAround && (found === undefined || folder.length > found.length)) found = folder;
  }
  return found;
}

/** Returns the place of the names in a folder. */
export function namesOf(place: string): string {
  return `${place}//names`;
}

/**
 * Returns the place of a file, or of everything below a folder. Links are followed as cargo does for
 * `rerun-if-changed`.
 */
export function allOf(place: string): string {
  return `${place.replace(/\/+$/, '') || '/'}//all`;
}

/**
 * Returns the place of the files of a package whose build script declares no files. It leaves out the target
 * folder, nested packages and files that git ignores.
 */
export function packageOf(place: string): string {
  return `${place}//package`;
}

/**
 * Returns the place of everything below a folder except "target", ".git" and files that git ignores: for an action
 * whose reads are not known.
 */
export function repositoryOf(place: string): string {
  return `${place}//repository`;
}

/** Returns the place without its aspect. */
export function plainPlace(place: string): string {
  const at = place.indexOf('//');
  return at < 0 ? place : place.slice(0, at) || '/';
}

/** The functions of lib/cache/digests/file-digests.ts that the digest of a place needs. */
interface PlaceLooks {
  file(path: string): Promise<Digest | undefined>;
  names(dir: string): readonly string[] | undefined;
  tree(
    dir: string,
    options?: { readonly gitignore?: boolean; readonly ignore?: readonly string[]; readonly nested?: boolean; readonly follow?: boolean },
  ): Promise<Digest>;
}

/** Returns the digest of a place for its aspect, or null if there is nothing. */
export async function digestOfPlace(
  place: string,
  mounts: Action['mounts'],
  { digests }: { readonly digests: PlaceLooks },
): Promise<Digest | null> {
  const at = place.indexOf('//');
  const path = hostPath(plainPlace(place), mounts);
  switch (at < 0 ? '' : place.slice(at + 2)) {
    case '':
      return (await digests.file(path)) ?? null;
    case 'names': {
      const names = digests.names(path);
      return names ? digestRecord([...names].sort(byCodeUnit)) : null;
    }
    case 'all':
      return isFolder(path) ? digests.tree(path, { follow: true }) : ((await digests.file(path)) ?? null);
    case 'package':
      return digests.tree(path, { gitignore: true, ignore: ['target', '.git'], nested: false });
    case 'repository':
      return digests.tree(path, { gitignore: true, ignore: ['target', '.git'] });
    default:
      throw new Error(`"${place}" has an unknown aspect`);
  }
}

/** Returns the digest of a source tree that counts as a whole. The `.git` folder is left out. */
export async function digestOfTree(path: string, { digests }: { readonly digests: PlaceLooks }): Promise<Digest> {
  return digests.tree(path, { ignore: ['.git'] });
}
