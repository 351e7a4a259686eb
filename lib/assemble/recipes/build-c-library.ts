// Builds the C library of a system before everything that is linked with it, either with make from its own
// source or from a recipe of the cookbook. A rebuild with the same bytes changes no key of the programs that
// are linked with it.
import { basename, dirname, join } from 'node:path';
import { buildRecipes } from '../../cookbook/build-recipes.ts';
import type { Cookbook } from '../../cookbook/cookbook.ts';
import { recipeOf } from '../../cookbook/recipe.ts';
import type { Recipe } from '../../cookbook/recipe.ts';
import type { Stage } from '../../cookbook/stages.ts';
import type { Context } from '../../core/events.ts';
import { readTomlFields } from '../../core/fields.ts';
import { compile } from '../../crates/compile.ts';
import type { BuildRequest } from '../build-request.ts';
import { builtLibrary, makeRecipe } from './c-library.ts';
import type { BuiltCLibrary } from './c-library.ts';
import type { CLibrary } from '../../system/component.ts';
import { sourceOf } from '../component-projects.ts';
import type { ProjectsRequest } from '../component-projects.ts';
import { recipePackages } from './recipe-packages.ts';
import { recipeRequest } from './recipe-request.ts';
import type { RecipeTarget } from './recipe-request.ts';

export type LibraryRequest = Pick<BuildRequest, 'system' | 'sources' | 'root' | 'recipes' | 'outDir' | 'env' | 'compile'> &
  Pick<ProjectsRequest, 'origins'>;

/** The numbers of units of a build. */
interface Counted {
  readonly hits: number;
  readonly misses: number;
}

interface BuiltStage extends Counted {
  readonly stage: Stage;
}

/**
 * The C library for the projects and recipes that are linked with it. `library` is absent if nothing is
 * linked with it, or if recipes are built for the host because its source is missing.
 */
export interface PreparedLibrary extends Counted {
  readonly library: BuiltCLibrary | undefined;
}

/**
 * Builds the C library. `needed`: a project of its triple is linked with it. Then a missing source is a
 * Failure of the host.
 */
export async function prepareLibrary(
  facts: CLibrary,
  request: LibraryRequest,
  needed: boolean,
  context: Context,
): Promise<PreparedLibrary> {
  const built = await stageOfLibrary(facts, request, needed, context);
  if (!built) return { library: undefined, hits: 0, misses: 0 };
  const { root, compile: options } = request;
  const more = await supplementOf(facts, request, context);
  const stages = { stage: built.stage, supplement: more?.stage };
  const library = await builtLibrary(facts, stages, { root, cache: options.cache, signal: context.signal });
  return { library, hits: built.hits + (more?.hits ?? 0), misses: built.misses + (more?.misses ?? 0) };
}

/**
 * Returns the stage of the C library. If `needed`, a missing source is a Failure, otherwise the result is
 * undefined.
 */
export async function stageOfLibrary(
  facts: CLibrary,
  request: LibraryRequest,
  needed: boolean,
  context: Context,
): Promise<BuiltStage | undefined> {
  const { sources, recipes } = request;
  const target = alone(facts, request);
  const local = sources.local[facts.name];
  if (local === undefined && recipes?.cookbook.paths.has(facts.name)) return await fromRecipe(recipes, target, request, context);
  if (local === undefined && !needed) return undefined;
  return await byMake(local ?? sourceOf(facts.name, facts, request).folder, target, request, context);
}

/** Returns the target for builds that run before the C library exists. */
function alone(facts: CLibrary, { root }: LibraryRequest): RecipeTarget {
  return { facts, cross: { library: undefined, cargoConfig: join(root, facts.cargoConfig) } };
}

async function byMake(folder: string, target: RecipeTarget, request: LibraryRequest, context: Context): Promise<BuiltStage> {
  const { recipe, local } = makeRecipe(target.facts, folder);
  return await oneRecipe(recipe, local, target, request, context);
}

/**
 * Builds the supplement: files that programs refer to and that the library may lack. This build does not see
 * the library, so a change of the library does not repeat it.
 */
async function supplementOf(facts: CLibrary, request: LibraryRequest, context: Context): Promise<BuiltStage | undefined> {
  if (facts.supplement === undefined) return undefined;
  const path = join(request.root, facts.supplement);
  const recipe = recipeOf(basename(dirname(path)), await readTomlFields(path));
  return await oneRecipe(recipe, {}, alone(facts, request), request, context);
}

/** Builds one recipe without dependencies. */
async function oneRecipe(
  recipe: Recipe,
  local: Readonly<Record<string, string>>,
  target: RecipeTarget,
  { root, outDir, env, compile: options }: LibraryRequest,
  context: Context,
): Promise<BuiltStage> {
  const { name } = recipe;
  const cookbook: Cookbook = { folder: root, paths: new Map([[name, recipe.path]]), recipe: () => Promise.resolve(recipe) };
  const request = { cookbook, wanted: [name], local, keepGoing: false, outDir, env, compile: options, target };
  const built = await buildRecipes(recipeRequest(request, { order: [recipe], installed: [name] }, new Map(), context), context);
  return { stage: only(built.stages.get(name), name), hits: built.hits, misses: built.misses };
}

async function fromRecipe(
  recipes: NonNullable<LibraryRequest['recipes']>,
  target: RecipeTarget,
  { outDir, env, compile: options }: LibraryRequest,
  context: Context,
): Promise<BuiltStage> {
  const { name } = target.facts;
  const packages = await recipePackages({ ...recipes, wanted: [name], outDir, env, compile: options, target }, context);
  const compiled = await compile(await packages.projects(), options, context);
  const { stages, hits, misses } = await packages.finish(compiled.projects);
  const stage = only(
    stages.find((one) => one.name === name),
    name,
  );
  return { stage, hits: hits + compiled.hits, misses: misses + compiled.misses };
}

function only(stage: Stage | undefined, name: string): Stage {
  if (!stage) throw new Error(`the C library ${name} was not built`);
  return stage;
}
