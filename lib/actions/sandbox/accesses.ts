// From what a traced action did with paths (tracer.ts) to its inputs, and to what it wanted and the sandbox did not show. Paths are places, as in
// records. Reads the host's file system only to tell files, folders and links apart.
import { lstatSync } from 'node:fs';
import { posix } from 'node:path';
import { isFolder, linkTarget, statOrAbsent } from '../../core/paths.ts';
import type { Action, ActionRecord } from '../action.ts';
import { hostPath, isBelow, namesOf, pathsOf, placeOfPath } from '../place.ts';
import type { Trace } from './tracer.ts';

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
      const isHidden = !isCounted && isBelow(place, around) && !leadsTo(place, shown);
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
    if (!isBelow(place, this.#shown) && !leadsTo(place, this.#shown)) return place;
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
function leadsTo(place: string, folders: readonly string[]): boolean {
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
