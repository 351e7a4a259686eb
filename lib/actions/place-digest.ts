// What counts of a place as an input: a file's content, the names in a folder, all that is below it. The aspect stands behind the place, after
// two slashes, which no path has.
import { statSync } from 'node:fs';
import type { Looks } from '../cache/digests/file-digests.ts';
import { encodePath } from '../core/paths.ts';
import type { Digest } from '../core/digest.ts';
import { byCodeUnit, digestRecord } from '../core/digest.ts';
import type { Action } from './action.ts';
import { hostPath } from './sandbox/mounts.ts';

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

/** What is at a place, by its aspect; null where there is nothing. */
export async function digestOfPlace(
  place: string,
  mounts: Action['mounts'],
  { digests }: { readonly digests: Looks },
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
export async function digestOfTree(path: string, { digests }: { readonly digests: Looks }): Promise<Digest> {
  return digests.tree(path, { ignore: ['.git'] });
}

function isFolder(path: string): boolean {
  try {
    return statSync(encodePath(path), { throwIfNoEntry: false })?.isDirectory() === true;
  } catch {
    return false; // below a file, or a link that leads to itself
  }
}
