// Which paths outside of the user's own folders an action of the user's packages may be shown. The rule keeps a third-party macro or build
// dependency from reading the home folder: it can ask for any path, but it cannot write the user's sources, make links in them, or change the
// permissions of the host's files.
import { realpathSync, statSync } from 'node:fs';
import { dirname, relative } from 'node:path';
import { decodeName, encodePath } from '../../core/paths.ts';
import type { OwnView } from '../action.ts';
import { hostPath, isBelow } from '../place.ts';

export interface Question {
  readonly place: string;
  /** Who names the path: a link in the user's folders, the action's words (rerun-if-changed), or only the access itself. */
  readonly reason: 'link' | 'declared' | 'read';
  readonly own: OwnView;
  /** Where places are on the host. */
  readonly paths: Readonly<Record<string, string>>;
}

/**
 * The place that may be shown for it: itself, or a folder around it that the user's text names; undefined where nothing is there or it may not.
 * Beside the user's folders ("../proto") that is what a link of the user's leads to, what the user's own text spells, the modules of such a source
 * and what it includes, and what the configuration names. Elsewhere on the host it is what every user of the host may read, when a link leads to it
 * or the action declares it. Never is it a folder around the user's folders, an entry of the home folder that begins with a dot, or anything else
 * in the home folder that neither a link nor text spells.
 */
export function mayBeShown({ place, reason, own, paths }: Question): string | undefined {
  const path = hostPath(place, paths);
  const again = byItsName(place, path, own, paths);
  if (again !== undefined) return again;
  const real = realPath(path);
  if (real === undefined || [path, real].some((one) => isPrivate(one, own.home)) || leadsTo(place, own.counted)) return undefined;
  const named = own.named.find((one) => isBelow(place, [one]) && !leadsTo(one, own.counted));
  if (named !== undefined) return named;
  const names = besideNames(path, own, paths);
  if (names.length > 0 && reason === 'link') return place;
  for (const name of names) {
    const spelled = spelledPart(name, own.spelled());
    if (spelled !== undefined) return folderAbove(place, depthOf(name) - depthOf(spelled));
  }
  if (names.length > 0 && (isNamedBeside(place, own) || (reason === 'declared' && names.some((name) => everyName(name, own.spelled())))))
    return place;
  const inHome = own.home !== undefined && (path === own.home || path.startsWith(`${own.home}/`));
  return reason !== 'read' && !inHome && isPublic(real) ? place : undefined;
}

/** The place of one of the user's folders by its own name on the host, for a path that leaves the folder and comes back ("../project/src"). */
function byItsName(place: string, path: string, own: OwnView, paths: Question['paths']): string | undefined {
  const folder = own.counted.map((one) => hostPath(one, paths)).find((one) => path === one || path.startsWith(`${one}/`));
  if (folder === undefined || realPath(folder) === undefined) return undefined;
  const inside = path.slice(folder.length);
  const found = place.slice(0, place.length - inside.length);
  return place.endsWith(inside) && !leadsTo(found, own.counted) ? found : undefined;
}

/** Its paths from the innermost folders that it shares with each of the user's folders, the shortest first; the root folder does not count. */
function besideNames(path: string, own: OwnView, paths: Question['paths']): readonly string[] {
  const names = own.counted.map((place) => {
    let around = hostPath(place, paths);
    while (path !== around && !path.startsWith(around === '/' ? around : `${around}/`)) around = dirname(around);
    return around === '/' ? undefined : relative(around, path);
  });
  const known = names.filter((name): name is string => name !== undefined && name !== '');
  return [...new Set(known)].sort((a, b) => a.length - b.length);
}

function depthOf(name: string): number {
  return name.split('/').length;
}

function folderAbove(place: string, levels: number): string {
  return levels === 0 ? place : folderAbove(dirname(place), levels - 1);
}

/** The longest part of a name that the text spells behind a "../". */
function spelledPart(name: string, text: string): string | undefined {
  for (let part = name; part !== '' && part !== '.'; part = dirname(part)) if (hasWord(text, `../${part}`)) return part;
  return undefined;
}

/** What a source file that is shown already names relative to its own folder: a module that it declares, or a file that it includes. */
function isNamedBeside(place: string, { counted, spelled }: OwnView): boolean {
  const folders = counted.filter((shown) => shown.endsWith('.rs')).map((shown) => dirname(shown));
  const names = folders.filter((folder) => isBelow(place, [folder])).map((folder) => relative(folder, place));
  return names.some((name) => {
    const [, module] = /^([^/]+?)(?:\/mod)?\.rs$/.exec(name) ?? [];
    const declared = module !== undefined && new RegExp(`\\bmod\\s+(?:r#)?${escaped(module)}\\s*;`).test(spelled());
    return declared || spelled().includes(`"${name}"`);
  });
}

function escaped(text: string): string {
  return text.replaceAll(/[^\w]/g, '\\$&');
}

function everyName(name: string, text: string): boolean {
  return name.split('/').every((part) => hasWord(text, part));
}

/** Does the text have the word, not as a part of a longer name? */
function hasWord(text: string, word: string): boolean {
  const partOfName = /[\p{L}\p{N}_.-]/u;
  for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + 1)) {
    const [before = '', after = ''] = [text[at - 1], text[at + word.length]];
    if (!partOfName.test(after) && (word.startsWith('.') || !partOfName.test(before))) return true;
  }
  return false;
}

function isPrivate(path: string, home: string | undefined): boolean {
  return home !== undefined && (path === home || path.startsWith(`${home}/.`) || home.startsWith(path === '/' ? path : `${path}/`));
}

function leadsTo(place: string, folders: readonly string[]): boolean {
  return place === '/' || folders.some((folder) => isBelow(folder, [place]));
}

/** Where the path leads in the end; undefined where nothing is there. */
function realPath(path: string): string | undefined {
  try {
    return decodeName(realpathSync.native(encodePath(path), 'buffer'));
  } catch {
    return undefined;
  }
}

/** May every user of the host read it? */
function isPublic(path: string): boolean {
  const about = statSync(encodePath(path));
  const needed = about.isDirectory() ? 0o005 : 0o004;
  if ((about.mode & needed) !== needed) return false;
  for (let folder = dirname(path); folder !== '/'; folder = dirname(folder)) if ((statSync(encodePath(folder)).mode & 0o001) === 0) return false;
  return true;
}
