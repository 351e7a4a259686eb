// The sources of a cookbook's recipes that are downloaded: git repositories and archives. sources.lock of the cookbook's folder has their revisions.
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { markUsed } from '../cache/derived.ts';
import { present } from '../core/errors.ts';
import { readTomlFields } from '../core/fields.ts';
import { lockedFolder } from '../upstream/fetch.ts';
import { isLockOf, readUpstreamLock } from '../upstream/lock.ts';
import type { NamedSource, UpstreamSource } from '../upstream/lock.ts';
import type { Mirror } from '../upstream/download.ts';
import { vendorConfig } from '../upstream/vendor.ts';
import type { Cookbook } from './cookbook.ts';
import type { Recipe } from './recipe.ts';

/** Returns the sources of all recipes, sorted by name. */
export async function recipeSources(cookbook: Cookbook): Promise<readonly NamedSource[]> {
  const recipes = await Promise.all([...cookbook.paths.keys()].map((name) => cookbook.recipe(name)));
  return recipes.flatMap((recipe) => {
    const source = upstreamOf(recipe);
    return source ? [{ name: recipe.name, source, cargoFolders: cargoFolders(recipe), ...patchesOf(recipe) }] : [];
  });
}

/** Returns the download of a recipe's source; undefined if it has none. */
export function upstreamOf({ source }: Recipe): UpstreamSource | undefined {
  if (source.kind === 'tar') return { tar: source.tar, ...(source.blake3 !== undefined && { blake3: source.blake3 }) };
  if (source.kind !== 'git') return undefined;
  const { git, branch, rev } = source;
  // A recipe may pin a tag in its field rev.
  const pin = rev === undefined ? { ...(branch !== undefined && { branch }) } : /^[0-9a-f]{40}$/.test(rev) ? { rev } : { tag: rev };
  return { git, ...pin };
}

/** A patch may change Cargo.lock, so the crates of a patched source are fetched. The build applies the patches in an action of its own. */
function patchesOf({ path, source, build }: Recipe): Pick<NamedSource, 'patches'> {
  if (!('patches' in source) || source.patches.length === 0 || build.template !== 'cargo') return {};
  return { patches: source.patches.map((patch) => join(dirname(path), patch)) };
}

/** Returns the folders with a Cargo.lock that the build needs. */
function cargoFolders({ build }: Recipe): readonly string[] {
  return build.template === 'cargo' ? [...new Set(['.', join(build.cargo.path)])] : ['.'];
}

/** Returns the rules of the table [mirrors] in the cookbook's cookbook.toml, which need not exist. */
export async function cookbookMirrors({ folder }: Cookbook): Promise<readonly Mirror[]> {
  const path = join(folder, 'cookbook.toml');
  if (!existsSync(path)) return [];
  const table = (await readTomlFields(path)).table('mirrors');
  return table ? table.names().map((from) => ({ from, to: present(table.text(from), from) })) : [];
}

export function cookbookLockPath({ folder }: Cookbook): string {
  return join(folder, 'sources.lock');
}

/** Returns a function that finds the folder of a recipe's fetched source. It returns undefined if the lock or the cache does not have the source. */
export function fetchedRecipes(cookbook: Cookbook, cacheDir: string): (recipe: Recipe) => Promise<string | undefined> {
  const lock = readUpstreamLock(cookbookLockPath(cookbook));
  lock.catch(() => undefined); // a damaged lock is reported when a source is looked up
  return async (recipe) => {
    const source = upstreamOf(recipe);
    const locked = (await lock)?.get(recipe.name);
    if (!source || !locked || !isLockOf(locked, source)) return undefined;
    const folder = lockedFolder(locked, cacheDir);
    if (!existsSync(folder)) return undefined;
    await markUsed(folder);
    return folder;
  };
}

/** Returns the configurations with the vendored crates of a recipe's source. The list is empty if its crates were not fetched. */
export async function vendoredConfigs(recipe: Recipe, source: string, cacheDir: string): Promise<readonly string[]> {
  for (const part of cargoFolders(recipe).toReversed()) {
    const config = await vendorConfig(join(source, part), cacheDir);
    if (config === undefined || !existsSync(config)) continue;
    await markUsed(join(config, '../..'));
    return [config];
  }
  return [];
}
