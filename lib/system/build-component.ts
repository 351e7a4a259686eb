// Builds one component or recipe of a system without an image. The outputs go to the same folder as in a build of the system.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { cannot, nearest } from '../core/errors.ts';
import type { Context } from '../core/events.ts';
import { checkOutputs, compile } from '../crates/compile.ts';
import type { Compiled, CompiledProject } from '../crates/compile.ts';
import { compileAll, prepare, publishOutputs } from './build-system.ts';
import type { BuildRequest } from './build-system.ts';
import { projectsOf } from './component-projects.ts';
import { fetchedSources } from './fetched-sources.ts';
import { packageEntries } from './recipe-packages.ts';
import { profileOf } from './system.ts';
import { originsFor } from './upstream-sources.ts';

export interface BuiltPart {
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
    const packages = join(folder, 'packages');
    const entries = await packageEntries(stages, { folder: packages, cache: options.cache, linkAt: () => undefined });
    const outputs = [...entries].flatMap(([path, { entry }]) =>
      entry.kind === 'file' ? [[path, join(packages, name, path)] as const] : [],
    );
    return { outputs: Object.fromEntries(outputs), compiled };
  }
  if (!Object.hasOwn(system.components, name)) throw unknown(name, request);
  const { image: _, ...ofProfile } = profileOf(system, profile); // sources whose files only the image has are not needed
  const only = { ...ofProfile, components: [name] };
  const fetched = await fetchedSources(system, { root: request.root, cacheDir: options.cache.root, env: options.hostEnv });
  const one = { ...system, profiles: { ...system.profiles, [profile]: only } };
  const origins = await originsFor({ ...request, system: one }, { root: request.root, cacheDir: options.cache.root });
  const projects = projectsOf({ ...request, system: one, fetched: fetched?.folder, origins });
  await prepare(outDir);
  const outputs: Record<string, string> = {};
  const handOver = async (built: CompiledProject): Promise<void> => {
    await checkOutputs(built, options.cache);
    await mkdir(folder, { recursive: true });
    for (const [made, path] of await publishOutputs(built, folder, options.cache)) outputs[made.slice(name.length + 1)] = path;
  };
  const compiled = await compile(
    [...projects.values()].map(({ project }) => project),
    { ...options, handOver },
    context,
  );
  return { outputs, compiled };
}

function unknown(name: string, { system, recipes }: BuildRequest): Error {
  const names = [...Object.keys(system.components), ...(recipes?.cookbook.paths.keys() ?? [])];
  const near = nearest(name, names);
  return cannot(`build the component "${name}"`, `${system.name} has ${Object.keys(system.components).join(', ')}`, {
    blame: 'usage',
    hint: near === undefined ? 'a recipe needs --cookbook DIR' : `did you mean ${near}?`,
  });
}
