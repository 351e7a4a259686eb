// Builds the recipes of a configured system. Those of the template cargo are projects of the crate compiler, in one graph with the components. The others
// are actions. Their stages become entries of an image.
import { existsSync } from 'node:fs';
import { mkdir, rename, rm, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Artifact } from '../../actions/action.ts';
import { DamagedBlob } from '../../cache/content-store.ts';
import { buildRecipes, preparedSources } from '../../cookbook/build-recipes.ts';
import type { BuiltRecipes, RecipeRequest } from '../../cookbook/build-recipes.ts';
import { cargoRecipe, compiledStage, projectName } from '../../cookbook/cargo-recipe.ts';
import { hostRecipes, recipeGraph, recipeName } from '../../cookbook/recipe-graph.ts';
import type { RecipeGraph } from '../../cookbook/recipe-graph.ts';
import { sourceFolder } from '../../cookbook/recipe-source.ts';
import type { Recipe } from '../../cookbook/recipe.ts';
import { merged, packageStage, stageRecord } from '../../cookbook/stages.ts';
import type { Stage } from '../../cookbook/stages.ts';
import { vendoredConfigs } from '../../cookbook/upstream-recipes.ts';
import { digestRecord } from '../../core/digest.ts';
import type { Context } from '../../core/events.ts';
import type { CompiledProject, CompileOptions } from '../../crates/compiled.ts';
import type { Project } from '../../crates/project.ts';
import { targetIdentity } from '../../crates/toolchain/identity.ts';
import { materialize } from '../../crates/compiled.ts';
import { directory, file, symlink as link } from '../../image/file-tree.ts';
import type { Entry } from '../../image/file-tree.ts';
import { throughLinks } from '../../configuration/tree-row.ts';
import { linkedWith } from './c-library.ts';
import { recipeRequest, recipeToolchain } from './recipe-request.ts';
import type { RecipesRequest } from './recipe-request.ts';

/** The packages of an image. */
export interface InstalledPackages {
  readonly stages: readonly Stage[];
  readonly hits: number;
  readonly misses: number;
}

/** One build of recipes. The order of calls is: `projects`, the crate compiler, `finish`. */
export class RecipePackages {
  readonly #graph: RecipeGraph;
  readonly #request: RecipesRequest;
  readonly #context: Context;
  #prepared = { hits: 0, misses: 0 };

  constructor(graph: RecipeGraph, request: RecipesRequest, context: Context) {
    this.#graph = graph;
    this.#request = request;
    this.#context = context;
  }

  get recipes(): readonly Recipe[] {
    return this.#graph.order;
  }

  /** Returns the projects of the recipes with the template cargo. */
  async projects(): Promise<readonly Project[]> {
    const cargo = this.#graph.order.filter(({ build }) => build.template === 'cargo');
    const request = this.#recipeRequest(new Map());
    const sources = await Promise.all(cargo.map(async (recipe) => ({ recipe, source: await sourceFolder(recipe, request) })));
    const changed = sources.filter(({ source }) => source.patches.length > 0 || source.script !== '').map(({ recipe }) => recipe);
    const { stages, hits, misses } = await preparedSources(changed, request, this.#context);
    this.#prepared = { hits, misses };
    const projects: Project[] = [];
    for (const { recipe, source } of sources) {
      const stage = stages.get(recipe.name);
      const folder = stage ? await this.#preparedFolder(stage) : (source.folder ?? dirname(recipe.path));
      projects.push(await this.#project(recipe, folder));
    }
    return projects;
  }

  /**
   * Returns the project of a recipe. A recipe of the system's own triple is linked with the sysroot. The
   * standard library is compiled too if the toolchain does not contain it.
   */
  async #project(recipe: Recipe, source: string): Promise<Project> {
    const { env, target, compile } = this.#request;
    const given = { source, env, cargoConfigs: await vendoredConfigs(recipe, source, compile.cache.root) };
    if (!target?.sysroot || hostRecipes(this.#graph).has(recipe.name)) return cargoRecipe(recipe, { ...given, triple: undefined });
    const { triple, buildStd } = target.facts;
    const toolchain = await recipeToolchain(this.#request, this.#context);
    const ready = await targetIdentity(toolchain, triple, compile.cache.root);
    const project = { ...cargoRecipe(recipe, { ...given, triple }), buildStd: ready === undefined ? buildStd : [] };
    return linkedWith(project, { ...target, sysroot: target.sysroot });
  }

  /** Builds all other recipes. `compiled` contains the compiled `projects`. */
  async finish(compiled: readonly CompiledProject[]): Promise<InstalledPackages> {
    const byName = new Map(compiled.map((one) => [one.project.name, one]));
    const stages = new Map<string, Stage>();
    for (const { name } of this.#graph.order) {
      const project = byName.get(projectName(name));
      if (project) stages.set(name, compiledStage(name, project));
      // The C library is built before everything that is linked with it.
      const library = this.#request.target?.stage;
      if (library?.name === name) stages.set(name, library);
    }
    const built = await this.#build(stages);
    const names = new Map(this.#graph.order.map((recipe) => [recipe.name, recipe]));
    const installed = this.#graph.installed.map((name) => {
      const recipe = names.get(recipeName(name, names));
      const stage = recipe && built.stages.get(recipe.name);
      if (!recipe || !stage) throw new Error(`the package ${name} was not built`);
      return packageStage(stage, name, recipe.optionalPackages);
    });
    merged(installed, 'install the packages');
    return { stages: installed, hits: built.hits + this.#prepared.hits, misses: built.misses + this.#prepared.misses };
  }

  /** Builds the recipes again if a blob is damaged. The store removes such a blob. */
  async #build(compiled: ReadonlyMap<string, Stage>): Promise<BuiltRecipes> {
    let misses = 0;
    for (let again = 0; ; again++) {
      const built = await buildRecipes(this.#recipeRequest(compiled), this.#context);
      misses += built.misses;
      const { content } = this.#request.compile.cache;
      const files = [...built.stages.values()].flatMap(({ artifacts }) =>
        artifacts.flatMap((one) => (one.kind === 'file' ? [one.digest] : [])),
      );
      const whole = await Promise.all([...new Set(files)].map((digest) => content.holds(digest)));
      if (whole.every(Boolean) || again === 2) return { ...built, misses };
    }
  }

  #recipeRequest(compiled: ReadonlyMap<string, Stage>): RecipeRequest {
    return recipeRequest(this.#request, this.#graph, compiled, this.#context);
  }

  /** Writes a prepared source to a folder of the cache, which is named after its content. */
  async #preparedFolder(stage: Stage): Promise<string> {
    const { cache } = this.#request.compile;
    const folder = join(cache.root, 'sources', `recipe-${stage.name}-${digestRecord(stageRecord(stage)).slice(0, 16)}`);
    if (existsSync(folder)) return folder;
    const partial = `${folder}.partial-${process.pid}`;
    await rm(partial, { recursive: true, force: true });
    for (const artifact of stage.artifacts) await putArtifact(artifact, join(partial, artifact.path), this.#request.compile);
    await rename(partial, folder);
    return folder;
  }
}

async function putArtifact(artifact: Artifact, path: string, { cache }: CompileOptions): Promise<void> {
  if (artifact.kind === 'folder') await mkdir(path, { recursive: true });
  else {
    await mkdir(dirname(path), { recursive: true });
    if (artifact.kind === 'link') await symlink(artifact.target, path);
    else if (!(await cache.content.copyTo(artifact.digest, path, artifact.executable ? 0o755 : 0o644)))
      throw new DamagedBlob(artifact.digest);
  }
}

/** Reads the wanted recipes and their dependencies. */
export async function recipePackages(request: RecipesRequest, context: Context): Promise<RecipePackages> {
  return new RecipePackages(await recipeGraph(request.wanted, request.cookbook), request, context);
}

/**
 * Returns the entries of packages by path, with the name of the package. Files are copied to `folder`/<package>. `linkAt` returns the target of a link
 * of the image, so that bin/x of a package becomes usr/bin/x if bin is a link.
 */
export async function packageEntries(
  stages: readonly Stage[],
  {
    folder,
    cache,
    linkAt,
  }: { readonly folder: string; readonly linkAt: (path: string) => string | undefined } & Pick<CompileOptions, 'cache'>,
): Promise<ReadonlyMap<string, { readonly entry: Entry; readonly by: string }>> {
  const moved = stages.map(({ name, artifacts }) => ({
    name,
    artifacts: artifacts.map((one) => ({ ...one, path: throughLinks(one.path, linkAt) })),
  }));
  const entries = new Map<string, { readonly entry: Entry; readonly by: string }>();
  for (const [path, { artifact, by }] of merged(moved, 'install the packages')) {
    if (artifact.kind === 'folder') entries.set(path, { entry: directory(), by });
    else if (artifact.kind === 'link') entries.set(path, { entry: link(artifact.target), by });
    else {
      const host = join(folder, by, path);
      await mkdir(dirname(host), { recursive: true });
      await materialize(artifact, host, cache);
      const content = { kind: 'host' as const, path: host, sizeBytes: artifact.sizeBytes };
      entries.set(path, { entry: file(content, artifact.executable ? 0o755 : 0o644), by });
    }
  }
  return entries;
}
