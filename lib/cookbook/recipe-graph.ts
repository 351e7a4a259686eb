// The graph of recipes: which recipes are built for a set of packages, in which order, and which packages are installed.
import { cannot, nearest } from '../core/errors.ts';
import type { Cookbook } from './cookbook.ts';
import type { Recipe } from './recipe.ts';

export interface RecipeGraph {
  /** All recipes that have to be built, dependencies first. */
  readonly order: readonly Recipe[];
  /** Packages to install, including their `package.dependencies`: names of recipes, or "<recipe>.<name>" for optional packages. */
  readonly installed: readonly string[];
}

/** Returns the graph. Throws a Failure for a dependency that does not exist and for a cycle of build dependencies (a -> b -> a). */
export async function recipeGraph(wanted: readonly string[], cookbook: Cookbook): Promise<RecipeGraph> {
  const order: Recipe[] = [];
  const done = new Set<string>();
  const visit = async (name: string, above: readonly string[]): Promise<void> => {
    if (above.includes(name)) throw cycle([...above.slice(above.indexOf(name)), name]);
    if (done.has(name)) return;
    const recipe = await recipeFor(name, above.at(-1), cookbook);
    for (const needed of [...recipe.build.dependencies, ...recipe.build.devDependencies])
      await visit(recipeName(needed, cookbook.paths), [...above, name]);
    if (done.has(name)) return;
    done.add(name);
    order.push(recipe);
  };
  const installed: string[] = [];
  const open = wanted.map((name) => ({ name, by: undefined as string | undefined }));
  for (let next = open.shift(); next !== undefined; next = open.shift()) {
    const { name, by } = next;
    if (installed.includes(name)) continue;
    installed.push(name);
    const recipe = await recipeFor(recipeName(name, cookbook.paths), by, cookbook);
    await visit(recipe.name, []);
    for (const needed of installDependencies(recipe, name)) open.push({ name: needed, by: name });
  }
  return { order, installed };
}

/** Returns the recipe of a package: "gcc" for "gcc.cxx", unless there is a recipe of the whole name. */
export function recipeName(packageName: string, recipes: { has(name: string): boolean }): string {
  return recipes.has(packageName) ? packageName : (packageName.split('.')[0] ?? packageName);
}

/** Returns all build dependencies of a recipe, direct and indirect. */
export function allDependencies(recipe: Recipe, order: readonly Recipe[], kind: 'dependencies' | 'devDependencies'): readonly string[] {
  const byName = new Map(order.map((one) => [one.name, one]));
  const found = new Set<string>();
  const open = recipe.build[kind].map((name) => recipeName(name, byName));
  for (let name = open.shift(); name !== undefined; name = open.shift()) {
    if (found.has(name)) continue;
    found.add(name);
    open.push(...(byName.get(name)?.build.dependencies ?? []).map((needed) => recipeName(needed, byName)));
  }
  return [...found];
}

/**
 * Returns the recipes that are built for the host in a build for another triple: those whose programs other recipes run, and what these need. Throws a
 * Failure for a recipe that is part of the system too.
 */
export function hostRecipes({ order, installed }: RecipeGraph): ReadonlySet<string> {
  const byName = new Map(order.map((one) => [one.name, one]));
  const closure = (from: readonly string[], kinds: readonly ('dependencies' | 'devDependencies')[]): ReadonlySet<string> => {
    const found = new Set<string>();
    const open = from.map((name) => recipeName(name, byName));
    for (let name = open.shift(); name !== undefined; name = open.shift()) {
      if (found.has(name)) continue;
      found.add(name);
      const build = byName.get(name)?.build;
      for (const kind of kinds) open.push(...(build?.[kind] ?? []).map((needed) => recipeName(needed, byName)));
    }
    return found;
  };
  const ofSystem = closure(installed, ['dependencies']);
  const forHost = closure(
    order.flatMap(({ build }) => build.devDependencies),
    ['dependencies', 'devDependencies'],
  );
  const both = [...forHost].find((name) => ofSystem.has(name));
  if (both === undefined) return forHost;
  throw cannot(`build the recipe ${both}`, 'other recipes run its programs on the host, and it is a part of the system too', {
    hint: 'give the two uses recipes of their own: one with same_as = "../NAME" uses the same source',
  });
}

function installDependencies(recipe: Recipe, packageName: string): readonly string[] {
  if (packageName === recipe.name) return recipe.packageDependencies;
  const part = packageName.slice(recipe.name.length + 1);
  const found = recipe.optionalPackages.find(({ name }) => name === part);
  if (found) return found.dependencies;
  const names = recipe.optionalPackages.map(({ name }) => name).join(', ');
  throw cannot(
    `install the package "${packageName}"`,
    `the recipe ${recipe.name} has ${names === '' ? 'no optional packages' : `only ${names}`}`,
  );
}

async function recipeFor(name: string, by: string | undefined, cookbook: Cookbook): Promise<Recipe> {
  if (by !== undefined && !cookbook.paths.has(name)) {
    const near = nearest(name, [...cookbook.paths.keys()]);
    throw cannot(`build the recipe ${by}`, `it depends on "${name}", which the cookbook does not have`, {
      hint: near === undefined ? undefined : `did you mean ${near}?`,
    });
  }
  return await cookbook.recipe(name);
}

function cycle(names: readonly string[]): Error {
  return cannot(`build the recipe ${names[0]}`, `its dependencies form a cycle: ${names.join(' -> ')}`);
}
