// The submodules of a revision: where .gitmodules says that they are (gitmodules(5)), and the revisions that the tree has for them.
import { posix } from 'node:path';
import { cannot } from '../core/errors.ts';
import { git, gitOutput } from './git.ts';
import type { GitOptions } from './git.ts';

export interface Submodule {
  /** Within the tree. */
  readonly path: string;
  readonly git: string;
  readonly rev: string;
}

/** Returns the submodules of a revision. Those without an address are ignored, as git ignores them. Throws a Failure for a path out of the tree. */
export async function submodulesOf(
  name: string,
  url: string,
  repository: string,
  rev: string,
  options: GitOptions,
): Promise<readonly Submodule[]> {
  const what = `read the submodules of ${name}`;
  const place = `--git-dir=${repository}`;
  const rows = (await gitOutput(what, [place, 'ls-tree', '-r', '-z', '--full-tree', rev], options)).split('\0');
  const links = rows.flatMap((row): [path: string, rev: string][] => {
    const [, revision, path] = /^160000 commit ([0-9a-f]{40})\t(.+)$/s.exec(row) ?? [];
    return revision !== undefined && path !== undefined ? [[path, revision]] : [];
  });
  if (links.length === 0) return [];
  const described = await git([place, 'config', '-z', '--blob', `${rev}:.gitmodules`, '--get-regexp', '^submodule\\.'], options);
  const addresses = addressesOf(described.stdout);
  return links.flatMap(([path, revision]) => {
    const address = addresses.get(path);
    if (address === undefined) return [];
    if (path.split('/').some((part) => part === '..' || part === '' || part.toLowerCase() === '.git'))
      throw cannot(what, `the path "${path}" is not in its tree`);
    return [{ path, git: absoluteUrl(url, address), rev: revision }];
  });
}

/** Parses the entries "submodule.<name>.<key>\n<value>\0" to addresses by path. */
function addressesOf(text: string): ReadonlyMap<string, string> {
  const modules = new Map<string, { path?: string; url?: string }>();
  for (const entry of text.split('\0')) {
    const [, name, key, value] = /^submodule\.(.+)\.(path|url)\n(.*)$/s.exec(entry) ?? [];
    if (name === undefined || value === undefined) continue;
    modules.set(name, { ...modules.get(name), [key === 'path' ? 'path' : 'url']: value });
  }
  return new Map([...modules.values()].flatMap(({ path, url }) => (path !== undefined && url !== undefined ? [[path, url]] : [])));
}

/** Resolves an address that begins with ./ or ../ against that of the repository. */
export function absoluteUrl(base: string, address: string): string {
  if (!/^\.\.?\//.test(address)) return address;
  const [, start, path] = /^([a-z]+:\/\/[^/]*|[^/:]+:)(.*)$/.exec(base) ?? [];
  if (start === undefined || path === undefined) return address;
  const joined = posix.join(path.replace(/\/+$/, ''), address);
  return `${start}${start.endsWith(':') && !start.includes('//') ? joined.replace(/^\//, '') : joined}`;
}
