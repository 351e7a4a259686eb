// The names of everything in a tree, with or without what git ignores.
import { readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { statOrAbsent } from './lenient-reads.ts';
import type { Observations } from './observations.ts';

export interface TreeOptions {
  /** Leaves out what git ignores, where the folder is in a git repository. */
  readonly gitignore?: boolean;
  /** Names directly in the folder that are left out. */
  readonly ignore?: readonly string[];
  /** False: folders below that have a Cargo.toml, which are packages of their own, are left out. */
  readonly nested?: boolean;
  /** Goes through links to folders, but not in circles. */
  readonly follow?: boolean;
}

/** Relative names of everything below `dir`, of folders too. */
export async function namesBelow(dir: string, options: TreeOptions, observations: Observations): Promise<string[]> {
  const { gitignore, ignore = [], nested = true, follow = false } = options;
  const unignored = gitignore && repositoryAround(dir, observations) !== undefined;
  const names = unignored ? await unignoredBelow(dir, ignore) : allBelow(dir, new Set(ignore), follow, observations);
  if (nested) return names;
  const packages = names.filter((name) => name.endsWith('/Cargo.toml')).map((name) => name.slice(0, -'Cargo.toml'.length));
  return names.filter((name) => !packages.some((one) => name.startsWith(one)));
}

/**
 * The folders of a tree that git ignores parts of, with their stamps: while these and the files by which git ignores are the same, so are the names.
 * Empty where the stamps do not decide that, as where a pattern brings back what another one ignores.
 */
export function unignoredFolders(dir: string, names: readonly string[], observations: Observations): Readonly<Record<string, string>> {
  const own = names.map((name) => join(dir, name)).filter((path) => observations.isFolder(path));
  const folders = [...new Set([dir, ...own, ...names.flatMap((name) => foldersAround(dir, name))])];
  const repository = repositoryAround(dir, observations);
  if (repository !== undefined && ignoringFiles(repository, folders, observations).some(bringsBack)) return {};
  const stamps = folders.map((path) => [path, observations.stamp(path)] as const);
  return stamps.every(([, stamp]) => stamp !== '') ? Object.fromEntries(stamps) : {};
}

function allBelow(dir: string, ignore: ReadonlySet<string>, follow: boolean, observations: Observations): string[] {
  const names: string[] = [];
  const around = new Set<string>();
  const visit = (prefix: string): void => {
    const folder = prefix === '' ? dir : `${dir}/${prefix}`;
    const stats = follow ? statOrAbsent(statSync, folder) : undefined;
    const real = stats ? `${stats.dev}:${stats.ino}` : folder;
    if (around.has(real)) return; // a link to a folder above it
    around.add(real);
    for (const entry of observations.entries(folder) ?? []) {
      if (prefix === '' && ignore.has(entry.name)) continue;
      const name = prefix === '' ? entry.name : `${prefix}/${entry.name}`;
      names.push(name);
      if (entry.isDirectory()) {
        observations.setFolder(`${dir}/${name}`);
        visit(name);
      } else if (follow && entry.isSymbolicLink() && statOrAbsent(statSync, `${dir}/${name}`)?.isDirectory()) visit(name);
    }
    around.delete(real);
  };
  visit('');
  return names;
}

async function unignoredBelow(dir: string, ignore: readonly string[]): Promise<string[]> {
  const { globby } = await import('globby'); // takes longer to load than most builds with nothing new take
  return globby('**', { cwd: dir, dot: true, gitignore: true, ignore: [...ignore], onlyFiles: false, followSymbolicLinks: false });
}

/** A repository around the folder may begin or end, so its ".git" is looked for; what else changes in the folders above says nothing. */
function repositoryAround(dir: string, observations: Observations): string | undefined {
  return observations.withoutNews(() => {
    for (let folder = dir; ; folder = dirname(folder)) {
      if (observations.file(join(folder, '.git')) !== undefined) return folder;
      if (folder === dirname(folder)) return undefined;
    }
  });
}

/** Observes every file by which git may ignore something in these folders of a repository, and records those that are absent. */
function ignoringFiles(repository: string, folders: Iterable<string>, observations: Observations): readonly string[] {
  const all = new Set<string>();
  for (const start of folders) {
    for (let folder = start; !all.has(folder); folder = dirname(folder)) {
      all.add(folder);
      if (folder === repository) break;
    }
  }
  const files = [...all].map((folder) => join(folder, '.gitignore'));
  observations.withoutNews(() => files.forEach((path) => observations.file(path)));
  return files;
}

/** The folders between `dir` and the file of that name in it. */
function foldersAround(dir: string, name: string): readonly string[] {
  const parts = name.split('/').slice(0, -1);
  return parts.map((_, index) => join(dir, ...parts.slice(0, index + 1)));
}

/** Whether a file by which git ignores has a pattern that brings something back (gitignore(5)). */
function bringsBack(path: string): boolean {
  return statOrAbsent(statSync, path)?.isFile() === true && /^!/m.test(readFileSync(path, 'latin1'));
}
