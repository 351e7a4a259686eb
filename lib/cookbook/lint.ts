// Finds mistakes in the recipes of a cookbook without building them: files that cannot be read, dependencies that are missing or form a cycle, sources and
// patches that do not exist, patches that do not apply.
import { Failure } from '../core/errors.ts';
import type { Context } from '../core/events.ts';
import { preparedSources } from './build-recipes.ts';
import type { RecipeRequest } from './build-recipes.ts';
import { recipeGraph } from './recipe-graph.ts';
import { sourceFolder } from './recipe-source.ts';
import type { SourceFolder } from './recipe-source.ts';
import type { Recipe } from './recipe.ts';

export interface Problem {
  readonly recipe: string;
  readonly message: string;
  readonly detail?: string | undefined;
}

export interface Lint {
  readonly problems: readonly Problem[];
  /** Recipes whose patches were not tried, because their sources have not been fetched. */
  readonly unchecked: readonly string[];
}

/** Checks every recipe. Each problem is returned once. */
export async function lintRecipes(request: Omit<RecipeRequest, 'order' | 'compiled' | 'keepGoing'>, context: Context): Promise<Lint> {
  const { cookbook } = request;
  const problems: Problem[] = [];
  const unchecked: string[] = [];
  const known = new Set<string>();
  const note = (recipe: string, error: unknown): void => {
    if (!(error instanceof Failure)) throw error;
    const key = keyOf(error.message);
    if (!known.has(key)) problems.push({ recipe, message: error.message, detail: error.detail });
    known.add(key);
  };
  const attempt = async <T>(recipe: string, work: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await work();
    } catch (error) {
      note(recipe, error);
      return undefined;
    }
  };
  const readable: Recipe[] = [];
  for (const name of cookbook.paths.keys()) {
    const recipe = await attempt(name, () => cookbook.recipe(name));
    if (recipe) readable.push(recipe);
  }
  for (const { name } of readable) await attempt(name, () => recipeGraph([name], cookbook));
  const patched: Recipe[] = [];
  for (const recipe of readable) {
    const source = await sourceOrLack(recipe, request, note);
    if (source === 'not here') unchecked.push(recipe.name);
    else if (source && source.patches.length > 0) patched.push(recipe);
  }
  for (const recipe of patched) {
    await attempt(recipe.name, () =>
      preparedSources([recipe], { ...request, order: [recipe], compiled: new Map(), keepGoing: false }, context),
    );
  }
  return { problems, unchecked };
}

/** Returns the same key for all messages about one cycle. */
function keyOf(message: string): string {
  const [, names] = /cycle: (.*)$/.exec(message) ?? [];
  return names === undefined ? message : [...new Set(names.split(' -> '))].sort().join(' ');
}

async function sourceOrLack(
  recipe: Recipe,
  request: Parameters<typeof sourceFolder>[1],
  note: (recipe: string, error: unknown) => void,
): Promise<SourceFolder | 'not here' | undefined> {
  try {
    return await sourceFolder(recipe, request);
  } catch (error) {
    if (error instanceof Failure && error.blame === 'host') return 'not here';
    note(recipe.name, error);
    return undefined;
  }
}
