// Builds recipes, dependencies first. Each recipe is looked up in the action cache; a miss runs in the sandbox. The stages of recipes that the crate
// compiler built are part of the request.
import { mkdir, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { ActionResult } from '../actions/action.ts';
import { filesOfResult } from '../actions/action.ts';
import { openActionCache } from '../actions/lookup.ts';
import type { ActionCache, Job } from '../actions/lookup.ts';
import { requireSandbox } from '../actions/sandbox/sandbox.ts';
import type { Sandbox } from '../actions/sandbox/sandbox.ts';
import { walk } from '../actions/walk.ts';
import { DamagedBlob } from '../cache/content-store.ts';
import type { Cache } from '../cache/cache.ts';
import type { Digest } from '../core/digest.ts';
import { cannot, cannotBecause, Failure } from '../core/errors.ts';
import type { Context } from '../core/events.ts';
import { pathOf } from '../core/paths.ts';
import type { Cookbook } from './cookbook.ts';
import { hostPrograms } from './host-programs.ts';
import type { HostPrograms } from './host-programs.ts';
import { hostTriple } from './host-triple.ts';
import { recipeJob, stageOf } from './recipe-action.ts';
import type { Cross, ScriptToolchain } from './recipe-action.ts';
import { recipeFailure } from './recipe-failure.ts';
import { allDependencies, recipeName } from './recipe-graph.ts';
import { callsCargo, requiredPrograms } from './recipe-script.ts';
import { sourceFolder } from './recipe-source.ts';
import type { SourceRequest } from './recipe-source.ts';
import type { Recipe } from './recipe.ts';
import type { Stage } from './stages.ts';

export interface RecipeRequest extends Omit<SourceRequest, 'cookbook'> {
  readonly cookbook: Cookbook;
  /** All recipes of the build, dependencies first. */
  readonly order: readonly Recipe[];
  /** Stages of the recipes that the crate compiler built, by recipe. */
  readonly compiled: ReadonlyMap<string, Stage>;
  readonly cache: Cache;
  readonly env: Readonly<Record<string, string>>;
  /** False: --no-sandbox. */
  readonly sandbox: boolean;
  readonly jobs: number;
  readonly target: string;
  /** Present if the triple is not the host's. */
  readonly cross?: Cross | undefined;
  /** Recipes that are built for the host in any case, because other recipes run their programs. */
  readonly forHost?: ReadonlySet<string>;
  /** Returns the toolchain for scripts that call cargo. */
  readonly toolchain: () => Promise<ScriptToolchain>;
  /** After a failure, the recipes that do not depend on the failed one are built. */
  readonly keepGoing: boolean;
  readonly explain: boolean;
  /** Folder for the logs, one per recipe. No logs are written if it is undefined. */
  readonly logDir: string | undefined;
}

export interface BuiltRecipes {
  readonly stages: ReadonlyMap<string, Stage>;
  readonly hits: number;
  readonly misses: number;
}

interface Node {
  readonly recipe: Recipe;
  readonly makes: 'stage' | 'source';
}

/** The state of one build: the stages so far, the recipes that ran and those that failed. */
class RecipeBuild {
  readonly #request: RecipeRequest;
  readonly #actions: ActionCache;
  readonly #context: Context;
  readonly #programs: HostPrograms;
  readonly #jobs = new Map<string, Job>();
  readonly #ran = new Set<string>();
  readonly #told = new Set<string>();
  readonly failed = new Map<string, unknown>();
  readonly stages = new Map<string, Stage>();
  #sandbox: Promise<Sandbox> | undefined;

  constructor(request: RecipeRequest, actions: ActionCache, context: Context) {
    this.#request = request;
    this.#actions = actions;
    this.#context = context;
    this.#programs = hostPrograms(request.cache, context.signal);
    for (const [name, stage] of request.compiled) this.stages.set(name, stage);
  }

  get misses(): number {
    return this.#ran.size;
  }

  get hits(): number {
    return this.#told.size - this.#ran.size;
  }

  /** Uses the cached result of a recipe. Returns false for a miss. */
  async lookUp(node: Node): Promise<boolean> {
    const { recipe } = node;
    return await this.#orFailed(recipe.name, async () => {
      const lacking = this.#needs(recipe).find((name) => this.failed.has(name));
      if (lacking !== undefined) throw cannot(`build the recipe ${recipe.name}`, `its dependency ${lacking} failed`);
      const job = await this.#job(node);
      this.#jobs.set(recipe.name, job);
      const there = await this.#actions.lookUp(job);
      if (!there) return false;
      await this.#done(recipe.name, there.result);
      this.#tell(recipe.name, 'hit', there.result.durationMs, there.key);
      return true;
    });
  }

  async run({ recipe }: Node): Promise<void> {
    const { name } = recipe;
    const job = this.#jobs.get(name);
    if (!job) throw new Error(`the recipe ${name} was never looked up`);
    const { report } = this.#context;
    const { sandbox, env, explain } = this.#request;
    await this.#orFailed(name, async () => {
      const missing = await this.#programs.missing(requiredPrograms(recipe, this.#cross(recipe) !== undefined));
      if (missing !== undefined) throw recipeFailure.lacksProgram(recipe, missing);
      if (explain) report({ kind: 'unit-missed', unit: name, reasons: await this.#actions.explain(job) });
      report({ kind: 'unit-started', unit: name });
      this.#sandbox ??= requireSandbox(sandbox, pathOf(env), this.#context.signal);
      const made = await this.#actions.make(job, await this.#sandbox, this.#context);
      if (!made.ok) {
        report({ kind: 'unit-failed', unit: name });
        throw recipeFailure.script(recipe, made, await this.#log(name, made, true));
      }
      this.#ran.add(name);
      await this.#done(name, made.result);
      this.#tell(name, 'built', made.result.durationMs, made.key);
      return true;
    });
  }

  async #job({ recipe, makes }: Node): Promise<Job> {
    const { order, sandbox, jobs, cache, toolchain } = this.#request;
    const cross = this.#cross(recipe);
    const staged = (names: readonly string[]): readonly Stage[] => names.flatMap((one) => this.stages.get(one) ?? []);
    return await recipeJob({
      ...{ recipe, makes, jobs, cache, cross, programs: this.#programs },
      target: this.#isForHost(recipe) ? hostTriple() : this.#request.target,
      source: await sourceFolder(recipe, this.#request),
      dependencies: makes === 'source' ? [] : staged(allDependencies(recipe, order, 'dependencies')),
      devDependencies: makes === 'source' ? [] : staged(allDependencies(recipe, order, 'devDependencies')),
      toolchain: makes === 'stage' && callsCargo(recipe) ? await toolchain() : undefined,
      sandbox: sandbox ? 'bubblewrap' : 'none',
    });
  }

  #isForHost({ name }: Recipe): boolean {
    return this.#request.forHost?.has(name) === true;
  }

  #cross(recipe: Recipe): Cross | undefined {
    return this.#isForHost(recipe) ? undefined : this.#request.cross;
  }

  #needs({ build }: Recipe): readonly string[] {
    const names = new Set(this.#request.order.map(({ name }) => name));
    return [...build.dependencies, ...build.devDependencies].map((name) => recipeName(name, names));
  }

  async #done(name: string, result: ActionResult): Promise<void> {
    for (const { digest } of filesOfResult(result)) if (!(await this.#request.cache.content.has(digest))) throw new DamagedBlob(digest);
    this.stages.set(name, stageOf(name, result.artifacts));
    await this.#log(name, result, this.#ran.has(name));
  }

  /** Reports a recipe once, even if the walk is repeated. */
  #tell(unit: string, outcome: 'hit' | 'built', durationMs: number, key: Digest): void {
    if (this.#told.has(unit)) return;
    this.#told.add(unit);
    const hit = outcome === 'hit';
    this.#context.report({
      kind: 'unit-finished',
      unit,
      outcome,
      durationMs: hit ? 0 : durationMs,
      ...(hit ? { savedMs: durationMs } : {}),
      key,
    });
  }

  /** Writes the output of the command to the log and returns its path. A cached result does not replace an existing log. */
  async #log(name: string, { stdout, stderr }: Pick<ActionResult, 'stdout' | 'stderr'>, fresh: boolean): Promise<string> {
    const { logDir } = this.#request;
    if (logDir === undefined) return 'no file';
    const path = join(logDir, `${name}.log`);
    try {
      await mkdir(logDir, { recursive: true });
      if (fresh || !existsSync(path)) await writeFile(path, `${stdout}${stderr}`);
    } catch (error) {
      throw cannotBecause(`write "${path}"`, error);
    }
    return path;
  }

  /** With --keep-going a failing recipe counts as done. Recipes that depend on it fail, too. */
  async #orFailed(name: string, work: () => Promise<boolean>): Promise<boolean> {
    try {
      return await work();
    } catch (error) {
      if (!this.#request.keepGoing || !(error instanceof Failure) || error.blame === 'interrupted') throw error;
      this.failed.set(name, error);
      return true;
    }
  }
}

/** A damaged blob is removed when it is found, and the walk is repeated. */
const mostWalks = 5;

/** Builds all recipes except those in `compiled`. Throws a Failure for a recipe that fails or lacks something. */
export async function buildRecipes(request: RecipeRequest, context: Context): Promise<BuiltRecipes> {
  const nodes = request.order.filter(({ name }) => !request.compiled.has(name)).map((recipe): Node => ({ recipe, makes: 'stage' }));
  return await buildNodes(nodes, request, context);
}

/** Returns the sources of recipes with their patches applied, each as a stage, for the crate compiler. */
export async function preparedSources(recipes: readonly Recipe[], request: RecipeRequest, context: Context): Promise<BuiltRecipes> {
  return await buildNodes(
    recipes.map((recipe): Node => ({ recipe, makes: 'source' })),
    request,
    context,
  );
}

/** Returns the stages of the recipes whose results are in the cache. Builds nothing. */
export async function rememberedRecipes(request: RecipeRequest, context: Context): Promise<ReadonlyMap<string, Stage>> {
  const build = new RecipeBuild({ ...request, keepGoing: true, logDir: undefined }, await openActionCache(request.cache), context);
  const names = new Set(request.order.map(({ name }) => name));
  // The crate compiler has a cache of its own.
  for (const recipe of request.order.filter(({ build: { template } }) => template !== 'cargo')) {
    const needed = [...recipe.build.dependencies, ...recipe.build.devDependencies].map((name) => recipeName(name, names));
    const known = needed.every((name) => build.stages.has(name));
    if (known && !request.compiled.has(recipe.name)) await build.lookUp({ recipe, makes: 'stage' });
  }
  return build.stages;
}

async function buildNodes(nodes: readonly Node[], request: RecipeRequest, context: Context): Promise<BuiltRecipes> {
  const build = new RecipeBuild(request, await openActionCache(request.cache), context);
  const index = new Map(nodes.map(({ recipe, makes }, at) => [makes === 'stage' ? recipe.name : '', at]));
  const dependencies = nodes.map(({ recipe, makes }) =>
    makes === 'source'
      ? []
      : [...allDependencies(recipe, request.order, 'dependencies'), ...allDependencies(recipe, request.order, 'devDependencies')].flatMap(
          (name) => {
            const on = index.get(name);
            return on === undefined ? [] : [{ on, early: false }];
          },
        ),
  );
  const at = (node: number): Node => {
    const found = nodes[node];
    if (!found) throw new Error(`there is no recipe ${node}`);
    return found;
  };
  context.report({ kind: 'planned', units: nodes.length });
  // Scripts run make with all processors: two at once keep these busy while one configures.
  const atOnce = Math.min(2, request.jobs);
  for (let walks = 1; ; walks++) {
    try {
      const work = { lookUp: (node: number) => build.lookUp(at(node)), run: (node: number) => build.run(at(node)) };
      await walk({ dependencies, weights: nodes.map(() => 1) }, atOnce, context.signal, work);
      break;
    } catch (error) {
      if (!(error instanceof DamagedBlob) || walks === mostWalks) throw error;
    }
  }
  if (build.failed.size > 0) throw recipeFailure.several(build.failed, nodes.length);
  return { stages: build.stages, hits: build.hits, misses: build.misses };
}
