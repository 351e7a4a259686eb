// A row of a root file system that is text alone: what a configuration can put into an image. An entry of an image's facts may be such a row.
import { posix } from 'node:path';
import { parentOf } from '../image/file-tree.ts';

export type TreeRow = {
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
} & ({ readonly text: string } | { readonly link: string } | { readonly folder: true });

/** Linux follows as many links in one path. */
const mostLinks = 40;

/**
 * Where a file goes whose folder is behind a link: "usr/bin/ls" for "bin/ls" where bin leads to usr/bin. `linkAt` returns the target of the link at a
 * path, or undefined where there is none. The last part of the path is not followed. A target out of the tree is not followed either.
 */
export function throughLinks(path: string, linkAt: (path: string) => string | undefined): string {
  let at = path;
  for (let steps = 0; steps < mostLinks; steps++) {
    const parents = parentsOf(at);
    const link = parents.find((parent) => linkAt(parent) !== undefined);
    if (link === undefined) return at;
    const target = posix.join('/', linkAt(link)?.startsWith('/') ? '' : (parentOf(link) ?? ''), linkAt(link) ?? '');
    at = posix.join(target, at.slice(link.length)).slice(1);
  }
  return path;
}

/** 'usr' and 'usr/bin' of 'usr/bin/ls'. */
function parentsOf(path: string): readonly string[] {
  const parts = path.split('/');
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join('/'));
}
