// Lists the recipes of a cookbook: source, pin, dependencies and size of each, and whether its stage is in the cache. Builds nothing.
import { availableParallelism } from 'node:os';
import type { Cache } from '../../cache/cache.ts';
import { rememberedRecipes } from '../../cookbook/build-recipes.ts';
import type { RecipeRequest } from '../../cookbook/build-recipes.ts';
import type { Cookbook } from '../../cookbook/cookbook.ts';
import { hostTriple } from '../../cookbook/host-triple.ts';
import { lintRecipes } from '../../cookbook/lint.ts';
import type { Lint } from '../../cookbook/lint.ts';
import { recipeGraph } from '../../cookbook/recipe-graph.ts';
import type { Recipe } from '../../cookbook/recipe.ts';
import type { Stage } from '../../cookbook/stages.ts';
import { fetchedRecipes } from '../../cookbook/upstream-recipes.ts';
import { Failure } from '../../core/errors.ts';
import type { Context } from '../../core/events.ts';
import { toolchainIdentity } from '../../crates/toolchain/identity.ts';
import { chooseToolchain } from '../../crates/toolchain/choice.ts';
import type { LastBuild } from '../component-list.ts';

export interface ListedRecipe {
  readonly name: string;
  /** Path of recipe.toml, relative to the cookbook. */
  readonly path: string;
  readonly template: string | null;
  readonly version: string | null;
  readonly source: string;
  readonly pin: string | null;
  readonly dependencies: readonly string[];
  /** Whether the configuration installs it. */
  readonly wanted: boolean;
  readonly bytes: number | null;
  readonly cached: boolean;
  /** Message of the error if the recipe cannot be read. */
  readonly problem?: string;
}

export interface RecipeListRequest {
  readonly cookbook: Cookbook;
  /** Packages of the configuration that are recipes. */
  readonly wanted: readonly string[];
  readonly local: Readonly<Record<string, string>>;
  readonly cache: Cache;
  readonly env: Readonly<Record<string, string>>;
  readonly sandbox: boolean;
}

export async function listRecipes(request: RecipeListRequest, last: LastBuild, context: Context): Promise<readonly ListedRecipe[]> {
  const { cookbook, wanted } = request;
  const known = await knownStages(request, context);
  const rows: ListedRecipe[] = [];
  for (const [name, path] of cookbook.paths) {
    const base = { name, path: path.slice(cookbook.folder.length + 1), wanted: wanted.includes(name) };
    const bytes = known.get(name) ?? last.recipes[name]?.bytes ?? null;
    try {
      const recipe = await cookbook.recipe(name);
      const { template, dependencies } = recipe.build;
      rows.push({
        ...base,
        template,
        version: recipe.version ?? null,
        ...sourceWords(recipe),
        dependencies,
        bytes,
        cached: known.has(name),
      });
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      const nothing = { template: null, version: null, source: '', pin: null, dependencies: [], bytes: null, cached: false };
      rows.push({ ...base, ...nothing, problem: error.message });
    }
  }
  return rows;
}

/** Finds mistakes in a cookbook's recipes. */
export async function checkRecipes(request: RecipeListRequest, context: Context): Promise<Lint> {
  return await lintRecipes(recipeRequest(request, context), context);
}

/** Returns the sizes of the stages that are in the cache, by recipe. */
async function knownStages(request: RecipeListRequest, context: Context): Promise<ReadonlyMap<string, number>> {
  const { cookbook } = request;
  const order = new Map<string, Recipe>();
  for (const name of cookbook.paths.keys()) {
    try {
      for (const recipe of (await recipeGraph([name], cookbook)).order) order.set(recipe.name, recipe);
    } catch (error) {
      if (!(error instanceof Failure)) throw error; // listed as a problem, or found by a lint
    }
  }
  const all = { ...recipeRequest(request, context), order: [...order.values()], compiled: new Map<string, Stage>(), keepGoing: true };
  const sizes = [...(await rememberedRecipes(all, context))].map(([name, { artifacts }]): [string, number] => {
    return [name, artifacts.reduce((sum, one) => sum + (one.kind === 'file' ? one.sizeBytes : 0), 0)];
  });
  return new Map(sizes);
}

function recipeRequest(
  { cookbook, local, cache, env, sandbox }: RecipeListRequest,
  context: Context,
): Omit<RecipeRequest, 'order' | 'compiled' | 'keepGoing'> {
  return {
    ...{ cookbook, local, cache, env, sandbox, explain: false, logDir: undefined, jobs: availableParallelism(), target: hostTriple() },
    fetched: fetchedRecipes(cookbook, cache.root),
    toolchain: async () => {
      const { toolchain } = await chooseToolchain({ env, cacheDir: cache.root, project: cookbook.folder, needsRustSrc: false }, context);
      return { sysroot: toolchain.sysroot, identity: await toolchainIdentity(toolchain, cache.root) };
    },
  };
}

function sourceWords({ source }: Recipe): { readonly source: string; readonly pin: string | null } {
  switch (source.kind) {
    case 'none':
      return { source: 'none', pin: null };
    case 'path':
    case 'same-as':
      return { source: `${source.kind === 'path' ? 'path' : 'same as'} ${source.path}`, pin: null };
    case 'git':
      return { source: source.git, pin: source.rev ?? null };
    case 'tar':
      return { source: source.tar, pin: source.blake3 === undefined ? null : `blake3 ${source.blake3.slice(0, 12)}` };
  }
}
