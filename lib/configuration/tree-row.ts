// A row of a root file system that needs no file of the host: a text, a link or a folder. An entry of an image's facts may be such a row.
import { posix } from 'node:path';
import { directoryOf } from '../image/file-tree.ts';

export type TreeRow = {
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
} & ({ readonly text: string } | { readonly link: string } | { readonly folder: true });

/** Limit of Linux for one path. */
const mostLinks = 40;

/**
 * Returns a path with the links of its folders resolved: "usr/bin/ls" for "bin/ls" if bin is a link to usr/bin. `linkAt` returns the target of the link
 * at a path, or undefined if there is no link. The last part of the path is not resolved.
 */
export function throughLinks(path: string, linkAt: (path: string) => string | undefined): string {
  let at = path;
  for (let steps = 0; steps < mostLinks; steps++) {
    const parents = parentsOf(at);
    const [found] = parents.flatMap((parent) => {
      const target = linkAt(parent);
      return target === undefined ? [] : [{ link: parent, written: target }];
    });
    if (!found) return at;
    const { link, written } = found;
    const target = posix.join('/', written.startsWith('/') ? '' : directoryOf(link), written);
    at = posix.join(target, at.slice(link.length)).slice(1);
  }
  return path;
}

/** Returns 'usr' and 'usr/bin' for 'usr/bin/ls'. */
function parentsOf(path: string): readonly string[] {
  const parts = path.split('/');
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join('/'));
}
