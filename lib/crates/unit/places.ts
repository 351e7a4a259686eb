// The places of packages and programs of the host in the sandbox. They are the same on every machine,
// whatever the path of the checkout is. A package from a registry is at /bloomery/src/NAME-VERSION, and the
// standard library is at rustup's path. The user's own packages keep their relative paths. They are in the
// user's folders that belong to a project: whole repositories, otherwise whole workspaces, so that "../",
// links, git and prebuilt files work as they do with cargo. Each is one mount. A folder that only contains
// them (the home folder, for example) is never shown.
import { readFileSync, realpathSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, relative, resolve } from 'node:path';
import { incrementalFolder } from '../../actions/stage.ts';
import { here, levelsAbove, root } from '../../actions/place.ts';
import type { Cache } from '../../cache/cache.ts';
import type { FileDigests } from '../../cache/digests/file-digests.ts';
import type { Digest } from '../../core/digest.ts';
import type { Package } from '../cargo/package.ts';

export const places = {
  toolchain: `${root}/rust`,
  sources: `${root}/src`,
  library: `${root}/rust-src/library`,
  deps: `${root}/deps`,
  build: `${root}/build`,
  out: `${root}/out`,
  target: `${root}/target`,
  sysroot: `${root}/sysroot`,
} as const;

/** The folder of the incremental state is in the output folder (lib/actions/stage.ts). */
export const incrementalPlace = `${places.out}/${incrementalFolder}`;

export interface Place {
  /** Place and host path of the outermost folder that belongs to the package: its tree, or the package itself. */
  readonly mount: string;
  readonly hostDir: string;
  /** The package's own folder in the sandbox. */
  readonly dir: string;
  /** The working directory of rustc: the workspace, or the package if it is outside of one. */
  readonly cwd: string;
  /** The kind of the whole source: a folder that never changes (registry, git, rust-src), or the user's own. */
  readonly immutable: boolean;
  /**
   * Whether the package is in the project's workspace: rustc gets a relative path, so that file!() is the
   * same as with cargo.
   */
  readonly inWorkspace: boolean;
  /** For --cap-lints: the user does not fix its warnings. */
  readonly foreign: boolean;
}

/** Returns the place of a package. `workspaceRoot` and `libraryDir` are absolute folders of the host. */
export function placeOf(owner: Package, isStd: boolean, workspaceRoot: string, libraryDir: string | undefined, trees: OwnTrees): Place {
  const foreign = owner.source !== undefined;
  const immutable = { immutable: true, inWorkspace: false, foreign };
  if (isStd && libraryDir !== undefined && !foreign) {
    const dir = `${places.library}/${relative(libraryDir, owner.dir)}`;
    return { mount: places.library, hostDir: libraryDir, dir, cwd: dir, ...immutable };
  }
  if (owner.source?.startsWith('git+')) {
    const checkout = /^.*\/git\/checkouts\/[^/]+\/[^/]+/.exec(owner.dir)?.[0] ?? owner.dir;
    const mount = `${places.sources}/${checkout === owner.dir ? `${owner.name}-${owner.version}` : checkout.split('/').slice(-2).join('-')}`;
    const dir = mount + owner.dir.slice(checkout.length);
    return { mount, hostDir: checkout, dir, cwd: dir, ...immutable };
  }
  const hostDir = foreign ? undefined : trees.roots.find((one) => isWithin(owner.dir, one));
  const place = (path: string): string => ownPlace(trees, path) ?? path;
  if (hostDir !== undefined) {
    const inWorkspace = isWithin(owner.dir, workspaceRoot);
    const dir = place(owner.dir);
    const cwd = inWorkspace ? place(workspaceRoot) : dir;
    return { mount: place(hostDir), hostDir, dir, cwd, immutable: false, inWorkspace, foreign };
  }
  const mount = `${places.sources}/${owner.name}-${owner.version}`;
  return { mount, hostDir: owner.dir, dir: mount, cwd: mount, ...immutable };
}

export interface OwnTrees {
  /** The deepest folder that contains all roots, which is `here` in the sandbox. All paths here are absolute. */
  readonly common: string;
  /** Folders that are shown. None is inside another. */
  readonly roots: readonly string[];
  /**
   * Folders of git that a root names by their absolute path (worktrees, objects of another clone). They are
   * shown at that path.
   */
  readonly gitFolders: readonly string[];
}

/** The folder of all of the user's own places. */
export const ownPlaces = `${root}/above`;

/** Returns the place of a path of the host, or undefined if it is too far above the common folder. */
export function ownPlace({ common }: Pick<OwnTrees, 'common'>, path: string): string | undefined {
  const inside = relative(common, path);
  const ups = inside.split('/').filter((part) => part === '..').length;
  return ups > levelsAbove ? undefined : join(here, inside);
}

/** Returns the folder of the host for each place: for the common folder and for the folders above it. */
export function ownMounts({ common }: Pick<OwnTrees, 'common'>): Readonly<Record<string, string>> {
  const rows = Array.from({ length: levelsAbove + 1 }, (_, ups) => '../'.repeat(ups));
  return Object.fromEntries(rows.map((ups) => [join(here, ups).replace(/\/$/, ''), resolve(common, ups)]));
}

interface Search {
  readonly workspaceRoot: string;
  /** Folders of the packages, in the workspace or not. */
  readonly packages: readonly string[];
  readonly home: string | undefined;
  /** Its observations are memoized with the build, so that a repository that is created later is noticed. */
  readonly digests: Pick<FileDigests, 'file'>;
}

/** Returns the trees of a project's own packages. */
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

/**
 * Returns the repository around a folder, or the outer one for a submodule. A repository that is the whole
 * home folder, or above it, is ignored.
 */
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

/** Returns the folders with objects of another clone (gitrepository-layout(5), objects/info/alternates). */
function alternates(gitFolder: string): readonly string[] {
  const lines = textOf(join(gitFolder, 'objects/info/alternates'))?.split('\n') ?? [];
  return lines.filter((line) => isAbsolute(line));
}

/**
 * Returns the workspace of a package outside of the project's workspace, according to its manifest, or the
 * package's own folder.
 */
async function workspaceOf(folder: string, home: string | undefined, digests: Search['digests']): Promise<string> {
  for (let at = folder; !holdsHome(at, home); at = dirname(at)) {
    const manifest = join(at, 'Cargo.toml');
    if ((await digests.file(manifest)) !== undefined && /^\s*\[\s*workspace\b/m.test(textOf(manifest) ?? '')) return at;
  }
  return folder;
}

/**
 * Returns the user's home folder without links, or undefined if HOME is not set. Cargo's paths of packages
 * contain no links. If HOME contains one (/home leads to /var/home), no path would be recognized as part of
 * the home folder.
 */
export function userHome(env: Readonly<Record<string, string>>): string | undefined {
  return env['HOME'] ? realPath(env['HOME']) : undefined;
}

/** Whether the folder is the home folder or contains it. */
export function holdsHome(folder: string, home: string | undefined): boolean {
  return folder === '/' || (home !== undefined && isWithin(home, realPath(folder)));
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return resolve(path); // it does not exist
  }
}

/** Whether `path` is the folder or in it. */
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

/**
 * Returns the place of a path of the host. It is the same in all checkouts for paths in the user's folders
 * and next to them.
 */
export function placeOfHostPath(path: string, trees: Pick<OwnTrees, 'common'>): string {
  return ownPlace(trees, path) ?? path;
}

export interface HostProgram {
  /** Its name in the sandbox: an absolute path, or a name that is searched for in PATH. */
  readonly word: string;
  /** Its file on the host. Undefined if it does not exist. */
  readonly path: string | undefined;
  readonly digest: Digest | undefined;
}

/** Programs that are started in front of rustc, the outermost first. */
export interface Wrappers {
  readonly all: HostProgram | undefined;
  readonly members: HostProgram | undefined;
  /** Variables for calls of the members' wrapper. */
  readonly memberEnv?: Readonly<Record<string, string>> | undefined;
}

/** Returns the programs in front of rustc. */
export function wrapperWords({ all, members }: Wrappers): readonly string[] {
  return [all, members].flatMap((program) => program?.word ?? []);
}

/** Returns the variables that name wrappers for a build script. */
export function wrapperEnv({ all, members }: Wrappers): Readonly<Record<string, string>> {
  return { ...(all ? { RUSTC_WRAPPER: all.word } : {}), ...(members ? { RUSTC_WORKSPACE_WRAPPER: members.word } : {}) };
}

/** The PATH of actions: the one that lib/core/sh.ts uses for a process without PATH. */
const actionPath = ['/usr/bin', '/bin'];

export async function hostProgram(named: ConfigPath, trees: OwnTrees, { digests }: Pick<Cache, 'digests'>): Promise<HostProgram> {
  const path = typeof named === 'string' ? named : named.file;
  if (path.startsWith('/')) {
    const word = placeOfHostPath(path, trees);
    // Only programs are shown, so that a configuration cannot expose a private key by naming it.
    if (!(await isProgram(path))) return { word, path: undefined, digest: undefined };
    const digest = await digests.file(path);
    return { word, path: digest === undefined ? undefined : path, digest };
  }
  for (const candidate of actionPath.map((folder) => join(folder, path))) {
    const digest = await digests.file(candidate);
    if (digest !== undefined) return { word: path, path: candidate, digest };
  }
  return { word: path, path: undefined, digest: undefined };
}

async function isProgram(path: string): Promise<boolean> {
  const about = await stat(path).catch(() => undefined);
  return about !== undefined && about.isFile() && (about.mode & 0o111) !== 0;
}

/** Wrappers that keep results, and rust-analyzer, which is its own wrapper when it runs build scripts and then starts rustc for few crates. */
const savingWrappers = ['sccache', 'kache', 'cachepot', 'ccache', 'zccache', 'mbx', 'rust-analyzer'];

/** Whether a wrapper only saves work. It is then left out, because results are cached here. */
export function onlySavesWork(named: ConfigPath): boolean {
  const path = typeof named === 'string' ? named : named.file;
  return savingWrappers.includes(basename(path).replace(/\.exe$/, ''));
}

/** A program by name or absolute path. `file` is the absolute path of a relative path in the configuration. */
export type ConfigPath = string | { readonly file: string };
