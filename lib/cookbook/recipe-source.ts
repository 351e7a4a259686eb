// Finds the source of a recipe: a folder of the host, and the patches and the script that change a copy of it. Downloads nothing.
import { existsSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { cannot } from '../core/errors.ts';
import type { Cookbook } from './cookbook.ts';
import type { Recipe } from './recipe.ts';

export interface SourceFolder {
  /** Absolute; undefined for a recipe without a source. */
  readonly folder: string | undefined;
  /** Absolute paths, in the order in which they are applied. */
  readonly patches: readonly string[];
  readonly script: string;
}

export interface SourceRequest {
  readonly cookbook: Cookbook;
  /** The user's own sources by recipe, as absolute folders. Patches and scripts are not applied to them. */
  readonly local: Readonly<Record<string, string>>;
  /** Returns the folder of a source that was fetched; undefined if it was not. */
  readonly fetched: (recipe: Recipe) => Promise<string | undefined>;
}

/** Returns the source of a recipe. Throws a Failure with the blame "host" if it has not been fetched. */
export async function sourceFolder(recipe: Recipe, request: SourceRequest, above: readonly string[] = []): Promise<SourceFolder> {
  const { name, source } = recipe;
  const own = request.local[name];
  const plain = { patches: [], script: '' };
  if (own !== undefined) return { folder: existing(own, name), ...plain };
  const here = dirname(recipe.path);
  switch (source.kind) {
    case 'none':
      if (recipe.build.template !== 'remote') return { folder: undefined, ...plain };
      throw cannot(`build the recipe ${name}`, 'it lacks its binary package, which has not been fetched', {
        blame: 'host',
        hint: `name its package, or a folder with its files: --source ${name}=FILE.pkgar|DIR`,
      });
    case 'path':
      return { folder: existing(resolve(here, source.path), name), ...changesOf(recipe) };
    case 'same-as': {
      const other = basename(resolve(here, source.path));
      if (above.includes(other) || other === name) {
        throw cannot(`find the source of the recipe ${name}`, `same_as forms a cycle: ${[...above, name, other].join(' -> ')}`);
      }
      return await sourceFolder(await request.cookbook.recipe(other), request, [...above, name]);
    }
    case 'git':
    case 'tar': {
      const folder = await request.fetched(recipe);
      if (folder !== undefined) return { folder, ...changesOf(recipe) };
      // Redox's own tool fetches sources to this folder and applies patches and script there.
      if (existsSync(join(here, 'source'))) return { folder: existing(join(here, 'source'), name), ...plain };
      const from = source.kind === 'git' ? source.git : source.tar;
      throw cannot(`build the recipe ${name}`, `it lacks its source, ${from}, which has not been fetched`, {
        blame: 'host',
        hint: `run npx zx tasks/fetch.ts redox --cookbook ${request.cookbook.folder}, or name a folder of your own with --source ${name}=DIR`,
      });
    }
  }
}

/** Returns the patches and the script of a source. */
function changesOf({ name, path, source }: Recipe): Omit<SourceFolder, 'folder'> {
  if (!('patches' in source)) return { patches: [], script: '' };
  return { patches: source.patches.map((patch) => existingPatch(join(dirname(path), patch), name)), script: source.script ?? '' };
}

function existing(folder: string, name: string): string {
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return folder;
  throw cannot(`build the recipe ${name}`, `its source "${folder}" ${existsSync(folder) ? 'is not a folder' : 'does not exist'}`);
}

function existingPatch(path: string, name: string): string {
  if (existsSync(path)) return path;
  throw cannot(`build the recipe ${name}`, `its patch "${path}" does not exist`);
}
