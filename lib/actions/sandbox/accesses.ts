// From what a traced action did with paths (tracer.ts) to its inputs, and to what it wanted and the sandbox did not show. Paths are places, as in
// records. Reads the host's file system only to tell files, folders and links apart.
import { lstatSync, readlinkSync, statSync } from 'node:fs';
import { posix } from 'node:path';
import { decodeName, encodePath } from '../../core/paths.ts';
import type { Action, ActionRecord } from '../action.ts';
import { hostPath, isBelow, pathsOf, placeOfPath } from './mounts.ts';
import { namesOf } from '../place-digest.ts';
import type { Trace } from './tracer.ts';

/** A path outside of everything that was shown, which the action asked for. */
export interface Wanted {
  /** Where the action looked for it. */
  readonly place: string;
  /** The user's own link leads there; else the action itself named it. */
  readonly byLink: boolean;
}

export interface Accesses {
  /** What the action read of the user's folders: files, absent files, names in folders, as places with an aspect (place-digest.ts). */
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
  const links = new Map<string, string | undefined>();
  const behind = new Map<string, string | undefined>();
  const inputs = new Set<string>();
  const wanted = new Map<string, Wanted>();
  const contents = new Set<string>();
  const ownWork = new Set(trace.written);
  /** Without a sandbox, temporary files of the action are in the host's folders. */
  const isOwnWork = (place: string): boolean => ownWork.has(place) || (place !== '/' && isOwnWork(posix.dirname(place)));
  const isHostFile = (place: string, read: boolean): boolean =>
    !isBelow(place, shown) && !isOwnWork(place) && (read || kindAt(place) !== 'folder');
  const counted = (place: string): boolean => isBelow(place, own.counted);
  const leadsToShown = (place: string): boolean => shown.some((one) => one === place || one.startsWith(`${place}/`));
  const placesOf = (path: string): string | undefined => (sandbox === 'none' ? (placeOfPath(path, mounts) ?? path) : path);

  for (const [accessed, read] of [
    [trace.read, true],
    [trace.looked, false],
  ] as const) {
    for (const path of accessed) {
      const given = placesOf(path);
      const { place, link } = given === undefined ? { place: undefined } : resolved(given);
      if (link !== undefined && !isBelow(link, shown)) wanted.set(link, { place: link, byLink: true });
      if (place === undefined) continue;
      if (read) contents.add(place);
      if (counted(place)) take(place, read);
      else if (isBelow(place, around) && !leadsToShown(place)) {
        take(place, read);
        wanted.set(place, { place, byLink: false });
      } else if (sandbox === 'none' && isHostFile(place, read)) take(place, read);
    }
  }
  const written = trace.written.flatMap((path) => placesOf(path) ?? []).map((place) => posix.normalize(place));
  // A linker looks at its map before it writes it: what was there before has no part in the result.
  for (const place of written) if (!contents.has(place)) inputs.delete(place);
  return {
    inputs: [...inputs],
    wanted: [...wanted.values()],
    written: [...new Set(written)].filter((place) => isBelow(place, [...own.counted, ...own.mayWrite])),
  };

  function take(place: string, read: boolean): void {
    const isFolder = read && kindAt(hostPath(place, paths)) === 'folder';
    inputs.add(isFolder ? namesOf(place) : place);
  }

  /** Without "." and "..", where a ".." behind a link is what the link leads to; `link`: where the first link that leads out of view leads. */
  function resolved(path: string): { readonly place: string | undefined; readonly link?: string } {
    const rest = path.split('/').filter((part) => part !== '' && part !== '.');
    let at = '';
    let followed = 0;
    for (let part = rest.shift(); part !== undefined; part = rest.shift()) {
      if (part === '..') {
        at = posix.dirname(at || '/').replace(/^\/$/, '');
        continue;
      }
      const next = `${at}/${part}`;
      // What is mounted is no link in the sandbox, even if the host has one there.
      const target = counted(next) && !shown.includes(next) ? linkAt(next) : undefined;
      if (target === undefined) {
        at = next;
        continue;
      }
      if (++followed > mostLinks) return { place: posix.normalize(path) };
      const leads = posix.resolve(at || '/', target);
      if (!isBelow(leads, shown) && !leadsToShown(leads)) {
        return { place: [next, ...rest].join('/'), link: leads };
      }
      // A link in view may lead to one that leads out of view.
      const link = linkBehind(leads);
      if (link !== undefined) return { place: [next, ...rest].join('/'), link };
      // What is read behind a link is named by the link's own path, unless a ".." follows.
      if (rest.includes('..')) {
        rest.unshift(...leads.split('/').filter((name) => name !== ''));
        at = '';
      } else at = next;
    }
    return { place: at || '/' };
  }

  /** Where links behind a link lead out of view. Each path is resolved once, so that links that lead to themselves end. */
  function linkBehind(place: string): string | undefined {
    if (!behind.has(place)) {
      behind.set(place, undefined);
      behind.set(place, resolved(place).link);
    }
    return behind.get(place);
  }

  function linkAt(place: string): string | undefined {
    if (!links.has(place)) links.set(place, linkTarget(hostPath(place, paths)));
    return links.get(place);
  }
}

function linkTarget(path: string): string | undefined {
  try {
    return lstatSync(encodePath(path), { throwIfNoEntry: false })?.isSymbolicLink()
      ? decodeName(readlinkSync(encodePath(path), 'buffer'))
      : undefined;
  } catch {
    return undefined; // below a file, or not readable
  }
}

function kindAt(path: string): 'folder' | 'other' {
  try {
    return statSync(encodePath(path), { throwIfNoEntry: false })?.isDirectory() ? 'folder' : 'other';
  } catch {
    return 'other';
  }
}
