// Creates the request for recipes from the request for a system: the triple that they are built for, and the
// toolchain of scripts that call cargo.
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { RecipeRequest } from '../../cookbook/build-recipes.ts';
import type { Cookbook } from '../../cookbook/cookbook.ts';
import { hostTriple } from '../../cookbook/host-triple.ts';
import { hostRecipes } from '../../cookbook/recipe-graph.ts';
import type { RecipeGraph } from '../../cookbook/recipe-graph.ts';
import { fetchedRecipes } from '../../cookbook/upstream-recipes.ts';
import type { Context } from '../../core/events.ts';
import type { CompileOptions } from '../../crates/compiled.ts';
import type { Toolchain } from '../../crates/toolchain/toolchain.ts';
import { chooseToolchain } from '../../crates/toolchain/choice.ts';
import { toolchainIdentity } from '../../crates/toolchain/identity.ts';
import type { BuiltCLibrary } from './c-library.ts';

/** The system's own triple for recipes. Stage and sysroot are absent while the C library itself is built. */
export type RecipeTarget = Pick<BuiltCLibrary, 'facts' | 'cross'> & Partial<Pick<BuiltCLibrary, 'stage' | 'sysroot'>>;

export interface RecipesRequest {
  readonly cookbook: Cookbook;
  /** Packages that the configuration names and the cookbook contains. */
  readonly wanted: readonly string[];
  /** The user's own sources by recipe: absolute folders. */
  readonly local: Readonly<Record<string, string>>;
  readonly keepGoing: boolean;
  readonly outDir: string;
  readonly env: Readonly<Record<string, string>>;
  readonly compile: CompileOptions;
  /** Absent: recipes are built for the host with the host's C library. */
  readonly target?: RecipeTarget | undefined;
}

/** Returns the toolchain for recipes, which the cookbook's folder may choose. */
export async function recipeToolchain(
  { cookbook, compile }: Pick<RecipesRequest, 'cookbook' | 'compile'>,
  context: Context,
): Promise<Toolchain> {
  const { hostEnv: env, cache, toolchain: wanted } = compile;
  const search = { env, cacheDir: cache.root, project: cookbook.folder, needsRustSrc: false, ...(wanted === undefined ? {} : { wanted }) };
  return (await chooseToolchain(search, context)).toolchain;
}

/** Returns the request for the recipes of a graph. `compiled` contains the stages that are already built. */
export function recipeRequest(
  request: RecipesRequest,
  graph: RecipeGraph,
  compiled: RecipeRequest['compiled'],
  context: Context,
): RecipeRequest {
  const { cookbook, local, keepGoing, outDir, compile, target } = request;
  const { hostEnv: env, cache } = compile;
  return {
    ...{ cookbook, local, keepGoing, cache, env, compiled, order: graph.order },
    fetched: fetchedRecipes(cookbook, cache.root),
    sandbox: compile.sandbox,
    jobs: compile.jobs ?? availableParallelism(),
    target: target?.facts.triple ?? hostTriple(),
    ...(target ? { cross: target.cross, forHost: hostRecipes(graph) } : {}),
    toolchain: async () => {
      const found = await recipeToolchain(request, context);
      return { sysroot: found.sysroot, identity: await toolchainIdentity(found, cache.root) };
    },
    explain: compile.explain === true,
    logDir: join(outDir, 'logs', 'recipes'),
  };
}
