// Builds one component or recipe of a system without an image. The outputs go to the same folder as in a build of the system.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Cache } from '../cache/cache.ts';
import { cannot, nearest } from '../core/errors.ts';
import type { Context } from '../core/events.ts';
import { checkOutputs } from '../crates/compile.ts';
import type { Compiled, CompiledProject } from '../crates/compiled.ts';
import { compileAll, prepare, publishOutputs } from './compile-system.ts';
import type { BuildRequest } from './build-request.ts';
import { projectsOf } from './component-projects.ts';
import { fetchedSources, withNeededSources } from '../sources/fetched-sources.ts';
import type { Stage } from '../cookbook/stages.ts';
import { stageOfLibrary } from './recipes/build-c-library.ts';
import type { CLibrary } from '../system/component.ts';
import { carriedBy } from './payload.ts';
import { packageEntries } from './recipes/recipe-packages.ts';
import { profileOf } from '../system/system.ts';
import { originsFor } from '../sources/fetched-origins.ts';

export interface BuiltPart {
  /** Name of the component or recipe. */
  readonly name: string;
  /** Name or path in the stage -> absolute path. */
  readonly outputs: Readonly<Record<string, string>>;
  readonly compiled: Compiled;
}

/** Builds the component or recipe `name`. Throws a Failure (usage) with the nearest name for an unknown one. */
export async function buildComponent(request: BuildRequest, name: string, context: Context): Promise<BuiltPart> {
  const { system, profile, outDir, recipes, compile: options } = request;
  const folder = join(outDir, `${system.name}-${profile}`);
  if (recipes?.cookbook.paths.has(name)) {
    await prepare(outDir);
    const { compiled, installed } = await compileAll([], { ...request, recipes: { ...recipes, wanted: [name] } }, options, context);
    const stages = (installed?.stages ?? []).filter((stage) => stage.name === name);
    return { name, outputs: await published(stages, folder, options.cache), compiled };
  }
  if (name === system.cLibrary?.name) return await buildLibrary(system.cLibrary, request, folder, context);
  if (!Object.hasOwn(system.components, name)) throw unknown(name, request);
  const { image: _, ...ofProfile } = profileOf(system, profile); // sources that only the image uses are not needed
  const only = { ...ofProfile, components: carriedBy(name, system.components) };
  const one = withNeededSources({ ...system, profiles: { ...system.profiles, [profile]: only } }, profile);
  const fetched = await fetchedSources(one, { root: request.root, cacheDir: options.cache.root, env: options.hostEnv });
  const origins = await originsFor({ ...request, system: one }, { root: request.root, cacheDir: options.cache.root });
  const projects = projectsOf({ ...request, system: one, fetched: fetched?.folder, origins });
  await prepare(outDir);
  const outputs: Record<string, string> = {};
  const handOver = async (built: CompiledProject): Promise<void> => {
    await checkOutputs(built, options.cache);
    if (built.project.name !== name) return;
    await mkdir(folder, { recursive: true });
    for (const [made, path] of await publishOutputs(built, folder, options.cache)) outputs[made.slice(name.length + 1)] = path;
  };
  const none = recipes && { ...recipes, wanted: [] };
  const wanted = [...projects.values()].map(({ project }) => project);
  const { compiled } = await compileAll(wanted, { ...request, recipes: none, origins }, { ...options, handOver }, context);
  return { name, outputs, compiled };
}

async function buildLibrary(facts: CLibrary, request: BuildRequest, folder: string, context: Context): Promise<BuiltPart> {
  await prepare(request.outDir);
  const built = await stageOfLibrary(facts, request, true, context);
  if (!built) throw new Error(`the C library ${facts.name} has no source`);
  const { stage, hits, misses } = built;
  const outputs = await published([stage], folder, request.compile.cache);
  return { name: facts.name, outputs, compiled: { projects: [], units: hits + misses, hits, misses, below: 0, remembered: 0 } };
}

/** Copies the files of one stage to packages/NAME. Returns their paths by path in the stage. */
async function published(stages: readonly Stage[], folder: string, cache: Cache): Promise<BuiltPart['outputs']> {
  const packages = join(folder, 'packages');
  const entries = await packageEntries(stages, { folder: packages, cache, linkAt: () => undefined });
  const files = [...entries].flatMap(([path, { entry, by }]) => (entry.kind === 'file' ? [[path, join(packages, by, path)] as const] : []));
  return Object.fromEntries(files);
}

function unknown(name: string, { system, recipes }: BuildRequest): Error {
  const library = system.cLibrary ? [system.cLibrary.name] : [];
  const names = [...Object.keys(system.components), ...library, ...(recipes?.cookbook.paths.keys() ?? [])];
  const near = nearest(name, names);
  return cannot(`build the component "${name}"`, `${system.name} has ${Object.keys(system.components).join(', ')}`, {
    blame: 'usage',
    hint: near === undefined ? 'a recipe needs --cookbook DIR' : `did you mean ${near}?`,
  });
}
