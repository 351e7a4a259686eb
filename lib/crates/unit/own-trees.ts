// The user's own folders that a project is made of: whole repositories, else whole workspaces, so that "../", links, git and prebuilt files
// work as they do with cargo. Each is one mount; a folder that only leads to them (the home folder, say) is never shown.
import { readFileSync, realpathSync } from 'node:fs';
import { dirname, isAbsolute, join, relative, resolve } from 'node:path';
import type { FileDigests } from '../../cache/digests/file-digests.ts';
import { here, levelsAbove, root } from '../../actions/place.ts';

export interface OwnTrees {
  /** The deepest folder that holds all roots, at `here` in the sandbox. Absolute, as all paths here. */
  readonly common: string;
  /** Folders that are shown. None lies in another. */
  readonly roots: readonly string[];
  /** Folders of git that a root names by their absolute path (worktrees, objects of another clone). They are shown at that path. */
  readonly gitFolders: readonly string[];
}

/** The folder in which all of the user's own places lie. */
export const ownPlaces = `${root}/above`;

/** The place of a path of the host; undefined where it lies too far above the common folder. */
export function ownPlace({ common }: Pick<OwnTrees, 'common'>, path: string): string | undefined {
  const inside = relative(common, path);
  const ups = inside.split('/').filter((part) => part === '..').length;
  return ups > levelsAbove ? undefined : join(here, inside);
}

/** Which folder of the host each place stands for: the common folder's and those of the folders above it. */
export function ownMounts({ common }: Pick<OwnTrees, 'common'>): Readonly<Record<string, string>> {
  const rows = Array.from({ length: levelsAbove + 1 }, (_, ups) => '../'.repeat(ups));
  return Object.fromEntries(rows.map((ups) => [join(here, ups).replace(/\/$/, ''), resolve(common, ups)]));
}

interface Search {
  readonly workspaceRoot: string;
  /** Folders of the packages, in the workspace or not. */
  readonly packages: readonly string[];
  readonly home: string | undefined;
  /** Looks through it are remembered with the build, so that a repository that turns up later is noticed. */
  readonly digests: Pick<FileDigests, 'file'>;
}

/** The trees of a project's own packages. */
export async function ownTrees({ workspaceRoot, packages, home, digests }: Search): Promise<OwnTrees> {
  const roots: string[] = [];
  const gitFolders = new Set<string>();
  for (const folder of [workspaceRoot, ...packages]) {
    if (roots.some((one) => isWithin(folder, one))) continue;
    const repository = await repositoryOf(folder, home, digests);
    for (const path of repository?.gitFolders ?? []) gitFolders.add(path);
    const tree = repository?.root ?? (folder === workspaceRoot ? folder : await workspaceOf(folder, home, digests));
    roots.push(tree);
  }
  const outermost = roots.filter((one) => !roots.some((other) => other !== one && isWithin(one, other)));
  const distinct = [...new Set(outermost)];
  const common = distinct.reduce((folder, one) => commonFolder(folder, one), distinct[0] ?? workspaceRoot);
  return { common, roots: distinct, gitFolders: [...gitFolders].filter((path) => !distinct.some((one) => isWithin(path, one))) };
}

interface Repository {
  readonly root: string;
  readonly gitFolders: readonly string[];
}

/** The repository around a folder: of a submodule the outer one. One that is the whole home folder, or above it, does not count. */
async function repositoryOf(folder: string, home: string | undefined, digests: Search['digests']): Promise<Repository | undefined> {
  for (let at = folder; ; at = dirname(at)) {
    if (holdsHome(at, home)) return undefined;
    const git = join(at, '.git');
    if ((await digests.file(git)) === undefined) continue;
    const named = textOf(git) === undefined ? undefined : /^gitdir: (.*)$/m.exec(textOf(git) ?? '')?.[1];
    if (named === undefined) return { root: at, gitFolders: alternates(git) };
    const gitFolder = resolve(at, named);
    const common = resolve(gitFolder, textOf(join(gitFolder, 'commondir'))?.trim() ?? '.');
    if (isAbsolute(named)) return { root: at, gitFolders: [common, ...alternates(common)] };
    const outer = await repositoryOf(dirname(at), home, digests);
    return outer && isWithin(gitFolder, outer.root) ? outer : { root: at, gitFolders: [common, ...alternates(common)] };
  }
}

/** Where git looks for objects of another clone (gitrepository-layout(5), objects/info/alternates). */
function alternates(gitFolder: string): readonly string[] {
  const lines = textOf(join(gitFolder, 'objects/info/alternates'))?.split('\n') ?? [];
  return lines.filter((line) => isAbsolute(line));
}

/** The workspace that a package outside of the project's belongs to, as far as its manifest says so; else the package's own folder. */
async function workspaceOf(folder: string, home: string | undefined, digests: Search['digests']): Promise<string> {
  for (let at = folder; !holdsHome(at, home); at = dirname(at)) {
    const manifest = join(at, 'Cargo.toml');
    if ((await digests.file(manifest)) !== undefined && /^\s*\[\s*workspace\b/m.test(textOf(manifest) ?? '')) return at;
  }
  return folder;
}

/**
 * The user's home folder without links, undefined where HOME is not set. Cargo names packages by paths without links, and where HOME has one (/home
 * leads to /var/home), no path would be seen to be in the home folder.
 */
export function userHome(env: Readonly<Record<string, string>>): string | undefined {
  return env['HOME'] ? realPath(env['HOME']) : undefined;
}

/** Is the folder the home folder, or around it? */
export function holdsHome(folder: string, home: string | undefined): boolean {
  return folder === '/' || (home !== undefined && isWithin(home, realPath(folder)));
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return resolve(path); // nothing is there
  }
}

/** Is `path` the folder, or in it? */
export function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder === '/' ? folder : `${folder}/`);
}

function commonFolder(first: string, second: string): string {
  let folder = first;
  while (!isWithin(second, folder)) folder = dirname(folder);
  return folder;
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined; // a folder, or nothing
  }
}
