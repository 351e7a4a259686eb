// Paths of one checkout made portable: a few folders stand as tokens, so that what was resolved in one checkout holds in another that is
// laid out alike. Only fields that are paths are touched; words that happen to hold a path (a compiler flag, a description) stay.
import { dirname, relative, resolve } from 'node:path';

/** What stands for a folder, and the folder here. */
export interface Base {
  readonly token: string;
  readonly path: string;
}

/** JSON text of `value`, with the folders as tokens in the fields of these names. */
export function portableText(value: unknown, fields: ReadonlySet<string>, bases: readonly Base[]): string {
  return JSON.stringify(value, (key, item: unknown) => (typeof item === 'string' && fields.has(key) ? portablePath(item, bases) : item));
}

/** The other way round, with the folders of this checkout. */
export function localValue(text: string, fields: ReadonlySet<string>, bases: readonly Base[]): unknown {
  return JSON.parse(text, (key, item: unknown) => (typeof item === 'string' && fields.has(key) ? localPath(item, bases) : item));
}

export function portablePath(path: string, bases: readonly Base[]): string {
  const longestFirst = [...bases].sort((a, b) => b.path.length - a.path.length);
  return longestFirst.reduce((text, { token, path: folder }) => (folder === '/' ? text : replaceFolder(text, folder, token)), path);
}

export function localPath(path: string, bases: readonly Base[]): string {
  return bases.reduce((text, { token, path: folder }) => text.replaceAll(token, folder), path);
}

/** The deepest folder that holds all of these; "/" when they have nothing else in common. */
export function commonFolder(first: string, others: readonly string[]): string {
  return others.reduce((common, path) => {
    let folder = common;
    while (relative(folder, resolve(path)).startsWith('..')) folder = dirname(folder);
    return folder;
  }, resolve(first));
}

/** Where the folder's name ends: at a slash, at the "#" of a package id, or at the end of the text. */
function replaceFolder(text: string, folder: string, token: string): string {
  let out = '';
  let rest = text;
  for (let at = rest.indexOf(folder); at >= 0; at = rest.indexOf(folder)) {
    const after = rest[at + folder.length];
    const whole = after === undefined || after === '/' || after === '#';
    out += rest.slice(0, at) + (whole ? token : folder);
    rest = rest.slice(at + folder.length);
  }
  return out + rest;
}
