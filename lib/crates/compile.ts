// Compiles projects. If nothing that an earlier build read has changed, its stored answer is used. Otherwise
// the projects are built.
import { realpathSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { DamagedBlob } from '../cache/content-store.ts';
import type { Cache } from '../cache/cache.ts';
import { absentAsUndefined } from '../core/errors.ts';
import type { Context } from '../core/events.ts';
import { compilingVariables, configuresBuildStd } from './cargo/config-files.ts';
import type { Compiled, CompiledProject, CompileOptions, Output } from './compiled.ts';
import type { ProjectRequest } from './plan/plan.ts';
import type { Project } from './project.ts';
import { openBuildMemory } from './run/remembered-build.ts';
import type { BuildAnswer } from './run/remembered-build.ts';
import { listToolchains, rustupSettings } from './toolchain/toolchain.ts';
import type { Toolchain } from './toolchain/toolchain.ts';
import { chooseToolchain, withSource } from './toolchain/choice.ts';

/**
 * Compiles all projects. A compile error, a failed script or a refusal by cargo is a Failure (exit code 1).
 * Results of finished units are kept.
 */
export async function compile(asked: readonly Project[], options: CompileOptions, context: Context): Promise<Compiled> {
  const projects = await Promise.all(asked.map(atRealPath));
  if (projects.length === 0) return { projects: [], units: 0, hits: 0, misses: 0, below: 0, remembered: 0 };
  const { cache } = options;
  const handOver = options.handOver ?? ((compiled: CompiledProject) => checkOutputs(compiled, cache));
  const jobs = options.jobs ?? availableParallelism();
  const requests = await chooseToolchains(projects, options, context);
  const plain = !options.explain && !options.observe && !options.verbose && Object.keys(options.allow ?? {}).length === 0;
  const memory = plain ? await openBuildMemory({ requests, options, jobs }, context) : undefined;
  const before = await memory?.recall();
  if (before) {
    try {
      return await repeat(before, projects, { ...options, handOver }, context);
    } catch (error) {
      // the blob was removed, so the unit that creates it is a miss and runs again
      if (!(error instanceof DamagedBlob)) throw error;
    }
  }

  // most of the compiler, which a build with nothing new does not need
  const { compileAnew } = await import('./run/compile-anew.ts');
  const { compiled, answer } = await compileAnew(requests, { ...options, handOver, jobs }, context);
  if (answer) await memory?.keep(answer);
  return compiled;
}

/**
 * Returns the project at its real path. A link may lead to another checkout later. So the stored data of a
 * folder and the paths in it belong to its real path, as with cargo.
 */
async function atRealPath(project: Project): Promise<Project> {
  return { ...project, dir: (await absentAsUndefined(realPath(project.dir))) ?? project.dir };
}

/** At once: a call by another thread takes some ms while a compiler starts. */
async function realPath(dir: string): Promise<string> {
  return realpathSync(dir);
}

/** Returns the result of a build with nothing new. */
async function repeat(
  { units, told, outputs, docTests, unitLines }: BuildAnswer,
  projects: readonly Project[],
  { handOver, watchUnits }: Pick<CompileOptions, 'watchUnits'> & Required<Pick<CompileOptions, 'handOver'>>,
  { report }: Context,
): Promise<Compiled> {
  const compiled = projects.map((project, index) => ({
    project,
    outputs: outputs[index] ?? new Map<string, Output>(),
    docTests: docTests[index] ?? [],
  }));
  for (const one of compiled) await handOver(one);
  if (unitLines) await watchUnits?.repeat(unitLines);
  report({ kind: 'planned', units });
  for (const event of told) report(event);
  return { projects: compiled, units, hits: units, misses: 0, below: 0, remembered: units };
}

/** Checks that the outputs are undamaged before they are published. A hit only means that the blobs exist. */
export async function checkOutputs({ outputs }: CompiledProject, { content }: Cache): Promise<void> {
  for (const { digest } of outputs.values()) if (!(await content.holds(digest))) throw new DamagedBlob(digest);
}

function withRustcVariable(project: Project, { release }: Toolchain): Project {
  const { rustcVariable, env } = project;
  if (rustcVariable === undefined || env[rustcVariable] !== undefined) return project;
  return { ...project, env: { ...env, [rustcVariable]: `rustc ${release}` } };
}

async function chooseToolchains(
  projects: readonly Project[],
  options: CompileOptions,
  context: Context,
): Promise<readonly ProjectRequest[]> {
  const installed = await listToolchains(
    { env: options.hostEnv, cacheDir: options.cache.root, otherCacheDir: options.otherCacheDir },
    context,
  );
  const settings = await rustupSettings(options.hostEnv);
  const requests: ProjectRequest[] = [];
  const reasons = new Map<string, readonly string[]>();
  for (const project of projects) {
    const needsRustSrc = project.buildStd.length > 0;
    // Variables that the user declares for a project have the same meaning as in the user's environment.
    const hostEnv = { ...options.hostEnv, ...compilingVariables(project.env) };
    const request = {
      env: options.hostEnv,
      cacheDir: options.cache.root,
      wanted: options.toolchain,
      project: project.dir,
      needsRustSrc,
      rustSrc: options.rustSrc,
      otherCacheDir: options.otherCacheDir,
      installed,
      settings,
    };
    const choice = await chooseToolchain(request, context);
    // A stable cargo ignores [unstable].
    const configured = !needsRustSrc && choice.toolchain.unstableCargo && configuresBuildStd(project, hostEnv);
    const { toolchain, rustSrc, why } = configured ? await withSource(choice, request, context) : choice;
    if (rustSrc) reasons.set(why, [...(reasons.get(why) ?? []), project.name]);
    requests.push({ cargo: { toolchain, hostEnv, cache: options.cache }, project: withRustcVariable(project, toolchain), rustSrc });
  }
  for (const [why, names] of reasons) context.report({ kind: 'note', text: `${names.join(', ')} with ${why}` });
  return requests;
}
