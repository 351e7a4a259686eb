// Which path of the host a place stands for, and which mounts the sandbox shows of an action. Pure.
import { join } from 'node:path';
import type { Action } from './action.ts';

/** The host's path of a place; a place in no mount is a path of the host. */
export function hostPath(place: string, mounts: Action['mounts']): string {
  const mount = innermost(place, Object.keys(mounts));
  return mount === undefined ? place : join(mounts[mount] ?? '', place.slice(mount.length));
}

/** What the sandbox binds: place -> path of the host. */
export function shownMounts({ mounts, shown }: Action): Readonly<Record<string, string>> {
  return shown ? Object.fromEntries(shown.map((place) => [place, hostPath(place, mounts)])) : mounts;
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
