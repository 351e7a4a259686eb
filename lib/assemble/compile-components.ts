// Compiles the components of a system without an image. The outputs go to the same folder as in a build of the system.
import { join } from 'node:path';
import { checkOutputs } from '../crates/compile.ts';
import type { Compiled, CompiledProject } from '../crates/compiled.ts';
import type { Context } from '../core/events.ts';
import { fetchedSources, withNeededSources } from '../sources/fetched-sources.ts';
import { originsFor } from '../sources/upstream-sources.ts';
import { onNix } from '../system/nix-profile.ts';
import type { BuildRequest } from './build-request.ts';
import { compileAll, prepare, publishOutputs } from './build-system.ts';
import { projectsOf } from './component-projects.ts';
import type { ComponentProject } from './component-projects.ts';

/** The components of a build by name, with their folders. */
export async function orderedProjects(
  request: Omit<BuildRequest, 'compile'>,
  cacheDir: string,
  hostEnv: Readonly<Record<string, string>>,
): Promise<ReadonlyMap<string, ComponentProject>> {
  const { profile, root, base } = request;
  const system = base ? onNix(request.system, profile) : withNeededSources(request.system, profile);
  const fetched = await fetchedSources(system, { root, cacheDir, env: hostEnv });
  const origins = await originsFor({ ...request, system }, { root, cacheDir });
  return projectsOf({ ...request, system, fetched: fetched?.folder, origins });
}

/** Compiles and publishes every component, and the recipes of the configuration. */
export async function compileComponents(request: BuildRequest, context: Context): Promise<Compiled> {
  const { system, profile, outDir, root, compile: options } = request;
  const projects = await orderedProjects(request, options.cache.root, options.hostEnv);
  const origins = await originsFor({ ...request, system }, { root, cacheDir: options.cache.root });
  await prepare(outDir);
  const handOver = async (one: CompiledProject): Promise<void> => {
    if (!projects.has(one.project.name)) return await checkOutputs(one, options.cache);
    await publishOutputs(one, join(outDir, `${system.name}-${profile}`), options.cache);
  };
  const wanted = [...projects.values()].map(({ project }) => project);
  const { compiled } = await compileAll(wanted, { ...request, origins }, { ...options, handOver }, context);
  return compiled;
}
