// A cookbook: a folder with recipes/**/<name>/recipe.toml, as in Redox's repository. The names are found at once. A recipe is read when it is needed, so
// that an invalid recipe affects only the builds that use it.
import { basename, dirname, join } from 'node:path';
import { stat } from 'node:fs/promises';
import { globby } from 'globby';
import { byCodeUnit } from '../core/digest.ts';
import { absentAsUndefined, cannot, nearest } from '../core/errors.ts';
import { readTomlFields } from '../core/fields.ts';
import { recipeOf } from './recipe.ts';
import type { Recipe } from './recipe.ts';

export interface Cookbook {
  /** Absolute. */
  readonly folder: string;
  /** Paths of the recipe.toml files by recipe, sorted by name. */
  readonly paths: ReadonlyMap<string, string>;
  /** Returns a recipe, which is read once. Throws a Failure for an unknown name and for an invalid recipe. */
  recipe(name: string): Promise<Recipe>;
}

/** Finds the recipes of a folder. Throws a Failure if it finds no recipe, or if two have the same name. */
export async function openCookbook(folder: string): Promise<Cookbook> {
  if (!(await absentAsUndefined(stat(folder)))) throw cannot(`read the cookbook "${folder}"`, 'it does not exist');
  // Sources that were fetched next to a recipe may hold cookbooks of their own.
  const ignore = ['**/{source,source-old,target,.git}/**'];
  const found = (await globby('recipes/**/recipe.toml', { cwd: folder, ignore, followSymbolicLinks: false })).sort(byCodeUnit);
  if (found.length === 0) throw cannot(`read the cookbook "${folder}"`, 'it has no recipes/**/recipe.toml');
  const paths = new Map<string, string>();
  for (const path of found) {
    const name = basename(dirname(path));
    const other = paths.get(name);
    if (other !== undefined)
      throw cannot(`read the cookbook "${folder}"`, `the recipe ${name} is there twice: ${other.slice(folder.length + 1)} and ${path}`);
    paths.set(name, join(folder, path));
  }
  const read = new Map<string, Promise<Recipe>>();
  return {
    folder,
    paths: new Map([...paths].sort(([a], [b]) => byCodeUnit(a, b))),
    recipe(name) {
      const path = paths.get(name);
      if (path === undefined) return Promise.reject(unknownRecipe(name, [...paths.keys()]));
      const recipe = read.get(name) ?? readTomlFields(path).then((document) => recipeOf(name, document));
      read.set(name, recipe);
      return recipe;
    },
  };
}

function unknownRecipe(name: string, names: readonly string[]): Error {
  const near = nearest(name, names);
  return cannot(`find the recipe "${name}"`, 'the cookbook does not have it', {
    hint: near === undefined ? undefined : `did you mean ${near}?`,
  });
}
