// From what a traced action did with paths (tracer.ts) to its inputs, to what it wanted and the sandbox did
// not show, and which of that it may be shown. The rule keeps a third-party macro or build dependency from
// reading the home folder: it can ask for any path, but it cannot write the user's sources, make links in
// them, or change the permissions of the host's files. Paths are places, as in records. Reads the host's file
// system only to tell files, folders and links apart, and for permissions.
import { lstatSync, realpathSync, statSync } from 'node:fs';
import { dirname, posix, relative } from 'node:path';
import type { Action, ActionRecord, OwnView } from '../action.ts';
import { hostPath, isBelow, namesOf, pathsOf, placeOfPath } from '../place.ts';
import type { Trace } from './tracer.ts';
import { decodeName, encodePath, isFolder, linkTarget, statOrAbsent } from '../../core/paths.ts';

/** A path outside of everything that was shown, which the action asked for. */
export interface Wanted {
  /** Where the action looked for it. */
  readonly place: string;
  /** The user's own link leads there; else the action itself named it. */
  readonly byLink: boolean;
}

export interface Accesses {
  /** What the action read of the user's folders: files, absent files, names in folders, as places with an aspect (place.ts). */
  readonly inputs: readonly string[];
  readonly wanted: readonly Wanted[];
  /** Places within what is shown read-only that the action tried to write. */
  readonly written: readonly string[];
}

/** A chain of links that is longer leads nowhere (path_resolution(7)). */
const mostLinks = 40;

/** Sorts the accesses of an action with `own` that ran under the tracer. */
export function accessesOf(trace: Trace, action: Action, sandbox: ActionRecord['sandbox']): Accesses {
  const { own, mounts } = action;
  if (!own) return { inputs: [], wanted: [], written: [] };
  const paths = pathsOf(action);
  const shown = Object.keys(mounts);
  const around = Object.keys(own.around);
  const links = new OwnLinks(shown, own.counted, paths);
  const inputs = new Set<string>();
  const wanted = new Map<string, Wanted>();
  const contents = new Set<string>();
  const ownWork = new Set(trace.written);
  /** Without a sandbox, temporary files of the action are in the host's folders. */
  const isOwnWork = (place: string): boolean => ownWork.has(place) || (place !== '/' && isOwnWork(posix.dirname(place)));
  const isHostFile = (place: string, read: boolean): boolean =>
    sandbox === 'none' && !isBelow(place, shown) && !isOwnWork(place) && (read || !isFolder(place));
  const placeOf = (path: string): string => (sandbox === 'none' ? (placeOfPath(path, mounts) ?? path) : path);

  for (const [accessed, read] of [
    [trace.read, true],
    [trace.looked, false],
  ] as const) {
    for (const path of accessed) {
      const { place, link } = links.resolve(placeOf(path));
      if (link !== undefined && !isBelow(link, shown)) wanted.set(link, { place: link, byLink: true });
      if (read) contents.add(place);
      const isCounted = isBelow(place, own.counted);
      const isHidden = !isCounted && isBelow(place, around) && !isAround(place, shown);
      if (isHidden) wanted.set(place, { place, byLink: false });
      if (isCounted || isHidden || isHostFile(place, read)) inputs.add(read && isFolder(hostPath(place, paths)) ? namesOf(place) : place);
    }
  }
  const written = trace.written.map((path) => posix.normalize(placeOf(path)));
  // A linker looks at its map before it writes it: what was there before has no part in the result.
  for (const place of written) if (!contents.has(place)) inputs.delete(place);
  return {
    inputs: [...inputs],
    wanted: [...wanted.values()],
    written: [...new Set(written)].filter((place) => isBelow(place, [...own.counted, ...own.mayWrite])),
  };
}

/** A path without "." and "..". */
interface Resolved {
  readonly place: string;
  /** Where the first link on the way that leads out of view leads. */
  readonly link?: string;
}

/** The links in the user's folders. Each is read once. */
class OwnLinks {
  readonly #shown: readonly string[];
  readonly #counted: readonly string[];
  readonly #paths: Readonly<Record<string, string>>;
  readonly #targets = new Map<string, string | undefined>();
  readonly #behind = new Map<string, string | undefined>();

  constructor(shown: readonly string[], counted: readonly string[], paths: Readonly<Record<string, string>>) {
    this.#shown = shown;
    this.#counted = counted;
    this.#paths = paths;
  }

  /** Resolves "." and "..", where a ".." behind a link is what the link leads to. What is read behind a link is named by the link's own path. */
  resolve(path: string): Resolved {
    const rest = path.split('/').filter((part) => part !== '' && part !== '.');
    let at = '';
    let followed = 0;
    for (let part = rest.shift(); part !== undefined; part = rest.shift()) {
      if (part === '..') {
        at = posix.dirname(at || '/').replace(/^\/$/, '');
        continue;
      }
      const next = `${at}/${part}`;
      const target = this.#target(next);
      if (target === undefined) {
        at = next;
        continue;
      }
      if (++followed > mostLinks) return { place: posix.normalize(path) };
      const leads = posix.resolve(at || '/', target);
      const link = this.#outOfView(leads);
      if (link !== undefined) return { place: [next, ...rest].join('/'), link };
      if (rest.includes('..')) {
        rest.unshift(...leads.split('/').filter((name) => name !== ''));
        at = '';
      } else at = next;
    }
    return { place: at || '/' };
  }

  /** Where a link to `place` leads out of view: there, or by a link that is in view. Each path is resolved once, so that links in a circle end. */
  #outOfView(place: string): string | undefined {
    if (!isBelow(place, this.#shown) && !isAround(place, this.#shown)) return place;
    if (!this.#behind.has(place)) {
      this.#behind.set(place, undefined);
      this.#behind.set(place, this.resolve(place).link);
    }
    return this.#behind.get(place);
  }

  /** The target of a link. What is mounted is no link in the sandbox, even if the host has one there. */
  #target(place: string): string | undefined {
    if (!isBelow(place, this.#counted) || this.#shown.includes(place)) return undefined;
    if (!this.#targets.has(place)) this.#targets.set(place, linkTargetOrAbsent(hostPath(place, this.#paths)));
    return this.#targets.get(place);
  }
}

/** Whether the place is one of the folders, or one of them is below it. */
function isAround(place: string, folders: readonly string[]): boolean {
  return folders.some((one) => one === place || one.startsWith(`${place}/`));
}

/** The target of a link; undefined for anything else, below a file, and where it cannot be read. */
function linkTargetOrAbsent(path: string): string | undefined {
  try {
    return statOrAbsent(lstatSync, path)?.isSymbolicLink() ? linkTarget(path) : undefined;
  } catch {
    return undefined;
  }
}

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
  return place === '/' || isAround(place, folders);
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
  for (let folder = dirname(path); folder !== '/'; folder = dirname(folder))
    if ((statSync(encodePath(folder)).mode & 0o001) === 0) return false;
  return true;
}
