// Sorts the paths that a traced action used (tracer.ts) into its inputs and the paths that it wanted but that
// the sandbox did not show. It also decides which of the wanted paths the action may be shown. This rule
// keeps a third-party macro or build dependency from reading the home folder. Such code can ask for any path,
// but it cannot write the user's sources, create links in them, or change the permissions of the host's
// files. Paths are places, as in records. This module reads the host's file system only to distinguish files,
// folders and links, and to read permissions.
import { lstatSync, realpathSync, statSync } from 'node:fs';
import { dirname, posix, relative } from 'node:path';
import type { Action, ActionRecord, OwnView } from '../action.ts';
import { hostPath, isBelow, namesOf, pathsOf, placeOfPath } from '../place.ts';
import type { Trace } from './tracer.ts';
import { decodeName, encodePath, isFolder, linkTarget, statOrAbsent } from '../../core/paths.ts';

/** A path outside of all visible folders that the action tried to use. */
export interface Wanted {
  /** The place at which the action looked for it. */
  readonly place: string;
  /** Whether a link in the user's folders leads there. Otherwise the action itself named the path. */
  readonly byLink: boolean;
}

export interface Accesses {
  /**
   * Paths in the user's folders that the action read: files, absent files and the names in folders, as places
   * with an aspect (place.ts).
   */
  readonly inputs: readonly string[];
  readonly wanted: readonly Wanted[];
  /** Places in read-only folders that the action tried to write. */
  readonly written: readonly string[];
}

/** The kernel refuses to follow a longer chain of links (path_resolution(7)). */
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
  /** Without a sandbox, the temporary files of the action are in the host's folders. */
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
  // A linker inspects its map file before it writes it. The earlier contents have no influence on the result.
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
  /** The target of the first link in the path that leads to a hidden path. */
  readonly link?: string;
}

/** The links in the user's folders. Each link is read once. */
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

  /**
   * Resolves "." and "..". A ".." after a link starts from the target of the link. A path that is reached
   * through a link keeps the path of the link.
   */
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

  /**
   * Returns the hidden path to which a link at `place` leads, directly or through visible links. Each path is
   * resolved once, so links in a circle end.
   */
  #outOfView(place: string): string | undefined {
    if (!isBelow(place, this.#shown) && !isAround(place, this.#shown)) return place;
    if (!this.#behind.has(place)) {
      this.#behind.set(place, undefined);
      this.#behind.set(place, this.resolve(place).link);
    }
    return this.#behind.get(place);
  }

  /**
   * Returns the target of a link. A mounted path is not a link in the sandbox, even if the host has a link
   * there.
   */
  #target(place: string): string | undefined {
    if (!isBelow(place, this.#counted) || this.#shown.includes(place)) return undefined;
    if (!this.#targets.has(place)) this.#targets.set(place, linkTargetOrAbsent(hostPath(place, this.#paths)));
    return this.#targets.get(place);
  }
}

/** Whether the place is one of the folders or a parent of one. */
function isAround(place: string, folders: readonly string[]): boolean {
  return folders.some((one) => one === place || one.startsWith(`${place}/`));
}

/** Returns the target of a link. Undefined if the path is not a link, is below a file, or cannot be read. */
function linkTargetOrAbsent(path: string): string | undefined {
  try {
    return statOrAbsent(lstatSync, path)?.isSymbolicLink() ? linkTarget(path) : undefined;
  } catch {
    return undefined;
  }
}

export interface Question {
  readonly place: string;
  /**
   * Why the path is asked for: a link in the user's folders leads there, the action declared it
   * (rerun-if-changed), or the action only tried to read it.
   */
  readonly reason: 'link' | 'declared' | 'read';
  readonly own: OwnView;
  /** The paths of places on the host. */
  readonly paths: Readonly<Record<string, string>>;
}

/**
 * Returns the place that may be shown to answer the question: the place itself, or a parent folder that the
 * user's text names. Returns undefined if nothing exists there or if it must stay hidden. Next to the user's
 * folders ("../proto") these places may be shown: the targets of the user's links, paths that the user's own
 * text contains, modules and included files of such a source, and paths that the configuration names.
 * Elsewhere on the host a place may be shown if every user of the host may read it and if a link leads to it
 * or the action declares it. Parents of the user's folders and entries of the home folder that begin with a
 * dot are never shown. Other paths in the home folder are shown only if a link leads to them or the text
 * contains them.
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

/**
 * Returns the place in one of the user's folders for a path that leaves the folder and comes back by the
 * folder's own name ("../project/src").
 */
function byItsName(place: string, path: string, own: OwnView, paths: Question['paths']): string | undefined {
  const folder = own.counted.map((one) => hostPath(one, paths)).find((one) => path === one || path.startsWith(`${one}/`));
  if (folder === undefined || realPath(folder) === undefined) return undefined;
  const inside = path.slice(folder.length);
  const found = place.slice(0, place.length - inside.length);
  return place.endsWith(inside) && !leadsTo(found, own.counted) ? found : undefined;
}

/**
 * Returns the paths relative to the innermost folders that the path shares with each of the user's folders,
 * the shortest path first. The root folder is not such a shared folder.
 */
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

/** Returns the longest leading part of a name that the text contains after a "../". */
function spelledPart(name: string, text: string): string | undefined {
  for (let part = name; part !== '' && part !== '.'; part = dirname(part)) if (hasWord(text, `../${part}`)) return part;
  return undefined;
}

/**
 * Whether a visible source file names the path relative to its own folder, as a module that it declares or a
 * file that it includes.
 */
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

/** Whether the text contains the word, not as a part of a longer name. */
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

/** Returns the path with all links resolved. Undefined if nothing exists there. */
function realPath(path: string): string | undefined {
  try {
    return decodeName(realpathSync.native(encodePath(path), 'buffer'));
  } catch {
    return undefined;
  }
}

/** Whether every user of the host may read the path. */
function isPublic(path: string): boolean {
  const about = statSync(encodePath(path));
  const needed = about.isDirectory() ? 0o005 : 0o004;
  if ((about.mode & needed) !== needed) return false;
  for (let folder = dirname(path); folder !== '/'; folder = dirname(folder))
    if ((statSync(encodePath(folder)).mode & 0o001) === 0) return false;
  return true;
}
