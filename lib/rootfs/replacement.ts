// Replaces programs of a Debian root file system by components. A row names the removed, provided and kept
// files. Every command of the original must be provided or kept, so that none is lost by mistake. The
// functions take a table and return a tree.
import { cannot } from '../core/errors.ts';
import type { Entry } from '../image/file-tree.ts';
import { isAbout } from './package-files.ts';
import type { InstalledPackage } from './package-files.ts';
import type { Multicall, Replacement } from '../system/image-facts.ts';

/** The result for an original package. */
export interface Replaced {
  readonly name: string;
  readonly original: readonly string[];
  /** Commands that the replacement provides, and commands of the original that were kept. */
  readonly provided: readonly string[];
  readonly stayed: readonly string[];
}

const commandFolders = /^usr\/(?:bin|sbin)\/[^/]+$/;

/**
 * Removes an original's files from the tree (which is changed) and returns the result. The caller adds the
 * files that the replacement provides.
 */
export function makeWay(
  tree: Map<string, Entry>,
  name: string,
  { original, provides, stays = [], dispensable = [], multicall }: Replacement,
  packages: ReadonlyMap<string, InstalledPackage>,
): Replaced {
  const provided = new Set([...Object.keys(provides), ...Object.keys(multicall?.links ?? {})]);
  const keeps = (path: string): boolean => stays.some((kept) => (kept.endsWith('/') ? path.startsWith(kept) : path === kept));
  const stayed: string[] = [];
  for (const path of stays) {
    const there = path.endsWith('/') || original.some((one) => packages.get(one)?.files.includes(path));
    if (!there && original.some((one) => packages.has(one)))
      throw cannot(`replace ${name}`, `the original has no "${path}" that could stay`);
  }
  for (const one of original) {
    const found = packages.get(one);
    for (const path of found?.files ?? []) {
      if (keeps(path)) {
        if (commandFolders.test(path)) stayed.push(path);
        continue;
      }
      if (commandFolders.test(path) && !provided.has(path) && !dispensable.includes(path)) {
        const hint = 'name it in the row: as provided, as staying, or as dispensable';
        throw cannot(`replace ${name}`, `nothing provides "${path}" of ${one}`, { hint });
      }
      tree.delete(path);
    }
    if (stays.length === 0) for (const path of [...tree.keys()]) if (isAbout(path, one)) tree.delete(path);
  }
  return {
    name,
    original: original.filter((one) => packages.has(one)),
    provided: [...provided].filter((path) => commandFolders.test(path)),
    stayed,
  };
}

/** Returns the packages of which no file is left. */
export function goneWith({ original, stays = [] }: Replacement): readonly string[] {
  return stays.length === 0 ? original : [];
}

/** Throws a Failure for names that a multicall program should have and does not list. */
export function refuseMissing(name: string, { program, links }: Multicall, listed: ReadonlySet<string>): void {
  const missing = Object.values(links).filter((one) => !listed.has(one));
  if (missing.length > 0)
    throw cannot(`replace ${name}`, `${program} has no ${missing.join(', ')}`, { hint: 'it lists its commands with --list' });
}
