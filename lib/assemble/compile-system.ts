// Compiles the components of a planned system, with its C library and recipes, and publishes their outputs.
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Cache } from '../cache/cache.ts';
import { DamagedBlob } from '../cache/content-store.ts';
import { cannotBecause } from '../core/errors.ts';
import type { Context } from '../core/events.ts';
import { makeFolder } from '../core/paths.ts';
import { checkOutputs } from '../crates/compile.ts';
import type { Compiled, CompiledProject, CompileOptions } from '../crates/compiled.ts';
import type { Project } from '../crates/project.ts';
import { materialize } from '../crates/compiled.ts';
import type { SourceLock } from '../sources/source-lock.ts';
import { hasPackagedFiles } from '../system/image-rows.ts';
import { imageOf } from '../system/system.ts';
import type { BuildRequest } from './build-request.ts';
import { compileWithPayloads } from './payload.ts';
import type { SystemPlan } from './plan-system.ts';
import type { LibraryRequest, PreparedLibrary } from './recipes/build-c-library.ts';
import { linkedWith } from './recipes/c-library.ts';
import type { BuiltCLibrary } from './recipes/c-library.ts';
import type { InstalledPackages } from './recipes/recipe-packages.ts';

interface CompiledAll {
  /** Its counts cover all units that were built. */
  readonly compiled: Compiled;
  /** Present if packages were built from recipes. */
  readonly installed: InstalledPackages | undefined;
  /** Present if a program was linked with it. */
  readonly library: BuiltCLibrary | undefined;
}

export interface CompiledSystem extends CompiledAll {
  /** component/output -> path. */
  readonly made: ReadonlyMap<string, string>;
  /** The packages from which the image takes single files. */
  readonly lock: SourceLock | undefined;
}

/**
 * Compiles the components of the plan. It first checks the packages of the image and the folder of outputs,
 * so that a build that cannot succeed fails before it compiles for an hour. A component that does not compile
 * is a Failure.
 */
export async function compileSystem(plan: SystemPlan, options: CompileOptions, context: Context): Promise<CompiledSystem> {
  const { request, system, origins, projects } = plan;
  const lock = await packagesOf(plan, context);
  await prepare(request.outDir);
  const made = new Map<string, string>();
  const handOver = async (one: CompiledProject): Promise<void> => {
    if (!projects.has(one.project.name)) return await checkOutputs(one, options.cache);
    for (const [name, path] of await publishOutputs(one, plan.folder, options.cache)) made.set(name, path);
  };
  const wanted = [...projects.values()].map(({ project }) => project);
  const all = await compileAll(wanted, { ...request, system, origins }, { ...options, handOver }, context);
  return { ...all, made, lock };
}

/**
 * Returns the packages from which an image takes single files: those of the reference kernels, or those of
 * the page's sources if it has no reference kernels.
 */
async function packagesOf({ request, fetched }: SystemPlan, context: Context): Promise<SourceLock | undefined> {
  const { system, profile, root, base, cacheDir, hostEnv } = request;
  if (base || !system.reference || !hasPackagedFiles(imageOf(system, profile))) return fetched?.lock;
  const { referenceLock } = await import('../sources/reference-lock.ts'); // most images have no such files
  return await referenceLock(system, { root, cacheDir, env: hostEnv }, context);
}

/**
 * Builds the C library if a project is linked with it. Then compiles the projects together with those of
 * recipes, and builds the other recipes. Counts cover all of them. The C library is built again if one of its
 * blobs is damaged, because it is not a unit of the crate compiler.
 */
export async function compileAll(
  projects: readonly Project[],
  request: Omit<LibraryRequest, 'compile'>,
  options: CompileOptions,
  context: Context,
): Promise<CompiledAll> {
  for (let again = 0; ; again++) {
    try {
      const { library, hits, misses } = await libraryFor({ ...request, compile: options }, projects, context);
      const linked = library ? projects.map((project) => linkedWith(project, library)) : projects;
      const { compiled, installed } = await compileWith(linked, library, request, options, context);
      const counts = { units: compiled.units + hits + misses, hits: compiled.hits + hits, misses: compiled.misses + misses };
      return { compiled: { ...compiled, ...counts }, installed, library };
    } catch (error) {
      if (!(error instanceof DamagedBlob) || again === 2) throw error;
    }
  }
}

/** Returns the C library of the page, if a project is linked with it. */
async function libraryFor(request: LibraryRequest, projects: readonly Project[], context: Context): Promise<PreparedLibrary> {
  const { cLibrary } = request.system;
  const linked = projects.some(({ triple }) => triple !== undefined && triple === cLibrary?.triple);
  if (!cLibrary || !(linked || (request.recipes?.wanted.length ?? 0) > 0)) return { library: undefined, hits: 0, misses: 0 };
  const { prepareLibrary } = await import('./recipes/build-c-library.ts'); // most builds link with no C library
  return await prepareLibrary(cLibrary, request, linked, context);
}

async function compileWith(
  projects: readonly Project[],
  library: BuiltCLibrary | undefined,
  { system: { components }, recipes: wanted, outDir, env }: Pick<BuildRequest, 'system' | 'recipes' | 'outDir' | 'env'>,
  options: CompileOptions,
  context: Context,
): Promise<Omit<CompiledAll, 'library'>> {
  if (!wanted) return { compiled: await compileWithPayloads(projects, components, options, context), installed: undefined };
  const { recipePackages } = await import('./recipes/recipe-packages.ts'); // most images have no recipes
  const recipes = await recipePackages({ ...wanted, outDir, env, compile: options, target: library }, context);
  const compiled = await compileWithPayloads([...projects, ...(await recipes.projects())], components, options, context);
  const installed = await recipes.finish(compiled.projects);
  const { hits, misses } = installed;
  const counts = { units: compiled.units + hits + misses, hits: compiled.hits + hits, misses: compiled.misses + misses };
  return { compiled: { ...compiled, ...counts }, installed };
}

/** Creates the folder. A folder that cannot be written is reported now and not after an hour of compiling. */
export async function prepare(outDir: string): Promise<void> {
  const probe = join(outDir, `.probe-${process.pid}`);
  try {
    await makeFolder(outDir);
    await writeFile(probe, '');
    await rm(probe, { force: true });
  } catch (error) {
    throw cannotBecause(`write to "${outDir}"`, error, 'choose another folder with --out DIR');
  }
}

/** Copies the outputs of a component to `folder`/COMPONENT/. Returns "component/output" -> path. */
export async function publishOutputs(
  { project, outputs }: CompiledProject,
  folder: string,
  cache: Cache,
): Promise<readonly (readonly [string, string])[]> {
  await mkdir(join(folder, project.name), { recursive: true });
  const made: [string, string][] = [];
  for (const [name, artifact] of outputs) {
    const path = join(folder, project.name, name);
    await materialize(artifact, path, cache);
    made.push([`${project.name}/${name}`, path]);
  }
  return made;
}
