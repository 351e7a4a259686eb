// Places: absolute paths in the sandbox, the same on every machine. Where they are on the host and the other
// way round, and what counts of one as an input: a file's content, the names in a folder, all that is below
// it. That aspect follows the place after two slashes, which no path has.
import { join } from 'node:path';
import { byCodeUnit, digestRecord } from '../core/digest.ts';
import type { Digest } from '../core/digest.ts';
import { present } from '../core/errors.ts';
import { isFolder } from '../core/paths.ts';
import type { Action } from './action.ts';

/** The places of ours; nothing else of the host may carry these names. */
export const root = '/bloomery';

/** The number of folders above the common one that have a place, for paths with "..". */
export const levelsAbove = 4;

/** The place of the folder that holds all of the user's own trees. The folders above it hold only what is shown of the user's. */
export const here = `${root}/${'above/'.repeat(levelsAbove)}here`;

/** The part of an output folder in which there is what the action wrote to other folders. */
export const writtenFolder = 'written';

/** The host's path of a place; a place in no mount is a path of the host. */
export function hostPath(place: string, mounts: Action['mounts']): string {
  const mount = innermost(place, Object.keys(mounts));
  return mount === undefined ? place : join(present(mounts[mount], mount), place.slice(mount.length));
}

/** Where places are on the host, also those around the user's folders that the sandbox does not show. */
export function pathsOf({ mounts, own }: Pick<Action, 'mounts' | 'own'>): Readonly<Record<string, string>> {
  return own ? { ...own.around, ...mounts } : mounts;
}

/** Of several folders of the host with one path inside, the innermost decides: the place of a path, undefined where no mount has it. */
export function placeOfPath(path: string, mounts: Readonly<Record<string, string>>): string | undefined {
  let found: readonly [place: string, folder: string] | undefined;
  for (const [place, folder] of Object.entries(mounts)) {
    const within = path === folder || path.startsWith(folder === '/' ? folder : `${folder}/`);
    if (within && (!found || folder.length > found[1].length)) found = [place, folder];
  }
  return found && (join(found[0], path.slice(found[1].length)) || undefined);
}

/** Is the place one of these, or below one? */
export function isBelow(place: string, folders: readonly string[]): boolean {
  return innermost(place, folders) !== undefined;
}

/** Of the folders around a place, the one that decides: the longest. */
function innermost(place: string, folders: readonly string[]): string | undefined {
  const around = folders.filter((folder) => place === folder || place.startsWith(`${folder}/`));
  return around.sort((a, b) => b.length - a.length)[0];
}

/** The names in a folder. */
export function namesOf(place: string): string {
  return `${place}//names`;
}

/** A file, or everything below a folder, through links as cargo follows them for `rerun-if-changed`. */
export function allOf(place: string): string {
  return `${place.replace(/\/+$/, '') || '/'}//all`;
}

/** The files of a package whose build script declares nothing: not its target folder, not nested packages, not what git ignores. */
export function packageOf(place: string): string {
  return `${place}//package`;
}

/** Everything below a folder but "target", ".git" and what git ignores: for an action whose reads are not known. */
export function repositoryOf(place: string): string {
  return `${place}//repository`;
}

/** The place without its aspect. */
export function plainPlace(place: string): string {
  const at = place.indexOf('//');
  return at < 0 ? place : place.slice(0, at) || '/';
}

/** What the digest of a place needs of the digests of files (lib/cache/digests/file-digests.ts). */
interface PlaceLooks {
  file(path: string): Promise<Digest | undefined>;
  names(dir: string): readonly string[] | undefined;
  tree(
    dir: string,
    options?: { readonly gitignore?: boolean; readonly ignore?: readonly string[]; readonly nested?: boolean; readonly follow?: boolean },
  ): Promise<Digest>;
}

/** What is at a place, by its aspect; null where there is nothing. */
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

/** The digest of a source tree that counts as a whole. What git keeps of a checkout is no part of its source. */
export async function digestOfTree(path: string, { digests }: { readonly digests: PlaceLooks }): Promise<Digest> {
  return digests.tree(path, { ignore: ['.git'] });
}
