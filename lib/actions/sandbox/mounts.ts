// Which path of the host a place stands for, and the other way round. Pure.
import { join } from 'node:path';
import type { Action } from '../action.ts';

/** The part of an output folder in which there is what the action wrote to other folders. */
export const writtenFolder = 'written';

/** The host's path of a place; a place in no mount is a path of the host. */
export function hostPath(place: string, mounts: Action['mounts']): string {
  const mount = innermost(place, Object.keys(mounts));
  return mount === undefined ? place : join(mounts[mount] ?? '', place.slice(mount.length));
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
