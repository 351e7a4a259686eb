// The files of one revision of a git repository and of its submodules, in a folder of the cache that is named after the revision. The folder has no git
// data. A revision names its content, so a folder that exists is never fetched again.
import { existsSync } from 'node:fs';
import { cp, mkdir, rename, rm } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { markUsed } from '../cache/derived.ts';
import { cannot, cannotBecause } from '../core/errors.ts';
import type { Context } from '../core/events.ts';
import { checkUrl, git, gitFailure, gitOutput, mayPass } from './git.ts';
import type { GitOptions } from './git.ts';
import { retried } from './download.ts';
import type { DownloadHost } from './download.ts';
import { refWords } from './lock.ts';
import type { GitSource } from './lock.ts';

export interface SnapshotRequest {
  readonly name: string;
  readonly source: GitSource;
  readonly rev: string;
  readonly cacheDir: string;
  readonly host: DownloadHost;
}

/** Submodules of submodules. */
const deepestSubmodule = 8;

/** Returns the folder of a revision, which need not exist. */
export function snapshotFolder(cacheDir: string, rev: string): string {
  return join(cacheDir, 'upstream', `git-${rev}`);
}

/** Fetches a revision unless it is in the cache. Throws a Failure if the repository no longer has it. */
export async function snapshot(request: SnapshotRequest, context: Context, depth = 0): Promise<string> {
  const { name, rev, cacheDir } = request;
  const folder = snapshotFolder(cacheDir, rev);
  if (!existsSync(folder)) {
    const partial = `${folder}.partial-${process.pid}-${name.replaceAll(/[^\w.-]/g, '_')}`;
    try {
      await retried(name, () => takeRevision(request, partial, context, depth), { mayPass }, context);
      await rename(join(partial, 'tree'), folder).catch((error: unknown) => {
        if (!existsSync(folder)) throw error; // another process was faster
      });
    } catch (error) {
      throw cannotBecause(`write to "${folder}"`, error);
    } finally {
      await rm(partial, { recursive: true, force: true });
    }
  }
  await markUsed(folder);
  return folder;
}

/** Writes the files of the revision to `partial`/tree. */
async function takeRevision(request: SnapshotRequest, partial: string, context: Context, depth: number): Promise<void> {
  const { name, source, rev, cacheDir, host } = request;
  const [repository, tree] = [join(partial, 'repository'), join(partial, 'tree')];
  await rm(partial, { recursive: true, force: true });
  await mkdir(tree, { recursive: true });
  const options: GitOptions = { cwd: partial, host, signal: context.signal };
  const what = `fetch ${name}`;
  await gitOutput(what, ['init', '--quiet', '--bare', '--template=', repository], options);
  await fetchRevision(request, repository, options, context);
  const checkout: GitOptions = { ...options, cwd: tree, env: { GIT_INDEX_FILE: join(partial, 'index') } };
  const place = [`--git-dir=${repository}`, `--work-tree=${tree}`];
  await gitOutput(what, [...place, 'read-tree', rev], checkout);
  await gitOutput(what, [...place, 'checkout-index', '--all', '--force'], checkout);
  for (const submodule of await submodulesOf(name, source.git, repository, rev, options)) {
    if (depth === deepestSubmodule) throw cannot(what, `its submodules are nested more than ${deepestSubmodule} deep`);
    const part = { name: `${name}/${submodule.path}`, source: { git: submodule.git }, rev: submodule.rev, cacheDir, host };
    await cp(await snapshot(part, context, depth + 1), join(tree, submodule.path), { recursive: true, verbatimSymlinks: true });
  }
}

/** Fetches the commit alone. Servers that refuse a revision by its name give the whole branch, in which it is looked for. */
async function fetchRevision(
  { name, source, rev }: SnapshotRequest,
  repository: string,
  options: GitOptions,
  context: Context,
): Promise<void> {
  const what = `fetch ${name}`;
  checkUrl(what, source.git);
  const onStderr = progressOf(name, context);
  const into = [`--git-dir=${repository}`, 'fetch', '--no-tags', '--no-write-fetch-head', '--progress'];
  const alone = await git([...into, '--depth=1', '--', source.git, rev], { ...options, onStderr });
  if (alone.exitCode === 0) return;
  if (!/not our ref|unadvertised object/i.test(alone.stderr)) throw gitFailure(what, alone.stderr);
  const reference =
    source.tag !== undefined ? `refs/tags/${source.tag}` : source.branch === undefined ? 'HEAD' : `refs/heads/${source.branch}`;
  const whole = await git([...into, '--', source.git, source.rev === undefined ? reference : 'refs/heads/*:refs/heads/*'], {
    ...options,
    onStderr,
  });
  if (whole.exitCode !== 0 && !/couldn't find remote ref/i.test(whole.stderr)) throw gitFailure(what, whole.stderr);
  const found = await git([`--git-dir=${repository}`, 'cat-file', '-e', `${rev}^{commit}`], options);
  if (found.exitCode === 0) return;
  throw cannot(what, `${source.git} no longer has the locked revision ${rev} on its ${refWords(source)}`, {
    hint: `its history was rewritten; --update ${name.split('/')[0] ?? name} takes the revision that it has now`,
    detail: alone.stderr.trim(),
  });
}

/** Reports git's own progress. */
function progressOf(name: string, { report }: Context): (chunk: string) => void {
  return (chunk) => {
    const [, done, total] = /Receiving objects:.*\((\d+)\/(\d+)\)(?![\s\S]*Receiving objects:)/.exec(chunk) ?? [];
    if (done !== undefined) report({ kind: 'progress', phase: `fetching ${name}`, done: Number(done), total: Number(total) });
  };
}

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
