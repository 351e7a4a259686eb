// Builds a system in three steps: it plans the build, compiles the components, and assembles the image with
// its manifest. The last step is in this file. Other modules do the parts of each step.
import { rename, rm, writeFile } from 'node:fs/promises';
import type { Cache } from '../cache/cache.ts';
import { knownTree } from '../cache/digests/known-tree.ts';
import { packageRecords } from '../cookbook/stages.ts';
import type { PackageRecord } from '../cookbook/stages.ts';
import type { Digest } from '../core/digest.ts';
import { cannotBecause } from '../core/errors.ts';
import { phase } from '../core/events.ts';
import type { Context } from '../core/events.ts';
import type { Compiled, CompileOptions } from '../crates/compiled.ts';
import type { AssembledImage } from '../image/image.ts';
import type { NixImage } from '../rootfs/nix/nix-base.ts';
import type { SourceChoice } from '../system/component.ts';
import { nixBaseOf } from '../system/nix-profile.ts';
import type { BuildRequest } from './build-request.ts';
import { compileSystem } from './compile-system.ts';
import type { CompiledSystem } from './compile-system.ts';
import type { ComponentProject, SourceKind } from './component-projects.ts';
import type { ConfiguredPackages } from './configured-system.ts';
import type { SystemImage } from './image-request.ts';
import { planSystem } from './plan-system.ts';
import type { SystemPlan } from './plan-system.ts';
import { systemImage } from './system-image.ts';

export interface BuiltSystem {
  readonly imagePath: string;
  readonly manifestPath: string;
  readonly image: AssembledImage;
  /** How the kernel of a Nix closure is started. */
  readonly nix?: NixImage;
  readonly sources: SourceChoice['kind'];
  readonly compiled: Compiled;
}

interface Manifest extends Omit<SystemImage, 'closure'> {
  readonly closure?: SystemImage['closure'] | NixImage['closure'];
  readonly system: string;
  readonly profile: string;
  readonly sources: SourceChoice['kind'];
  readonly components: Readonly<Record<string, ComponentRecord>>;
  readonly packages?: ConfiguredPackages;
  readonly recipes?: Readonly<Record<string, PackageRecord>>;
  /** The C library that the programs are linked with, by name. */
  readonly cLibrary?: Readonly<Record<string, PackageRecord>>;
}

/** A component's entry in the manifest. */
interface ComponentRecord {
  readonly source: { readonly kind: SourceKind; readonly path: string; readonly digest: Digest };
  readonly outputs: Readonly<Record<string, { readonly bytes: number; readonly sha256: Digest }>>;
}

/**
 * Plans, compiles and assembles. A failing component, an image that is too small and a full disk are
 * Failures. An incomplete image is never left.
 */
export async function buildSystem({ compile, ...request }: BuildRequest, context: Context): Promise<BuiltSystem> {
  const plan = await planSystem({ ...request, cacheDir: compile.cache.root, hostEnv: compile.hostEnv }, context);
  const compiled = await compileSystem(plan, compile, context);
  return await assembleSystem(plan, compiled, compile, context);
}

/**
 * Creates the image from the compiled components, and its manifest. Throws a Failure for an image that is too
 * small. An incomplete image is never left.
 */
export async function assembleSystem(
  plan: SystemPlan,
  parts: CompiledSystem,
  options: CompileOptions,
  context: Context,
): Promise<BuiltSystem> {
  const { request, system, imagePath, manifestPath } = plan;
  const closed = await imageOnNix(plan, parts, options, context);
  const result = closed ?? (await phase('assembling the image', context.report, () => imageOfParts(plan, parts, options, context)));
  const { profile, packages } = request;
  const { compiled, installed, library } = parts;
  const sources = system.sources && !system.sourceOwner ? 'upstream' : request.sources.kind;
  await writeManifest(manifestPath, {
    system: system.name,
    profile,
    sources,
    components: await componentRecords(plan.projects, compiled, options.cache),
    ...(packages && { packages }),
    ...(installed && { recipes: packageRecords(installed.stages) }),
    ...(library && { cLibrary: packageRecords([library.stage]) }),
    ...result,
  });
  return { imagePath, manifestPath, image: result.image, sources, compiled, ...(closed && { nix: closed }) };
}

/** Returns the image if Nix builds the root file system, otherwise undefined. */
async function imageOnNix(
  { request, system, nix, folder, imagePath }: SystemPlan,
  { made }: CompiledSystem,
  { cache, hostEnv }: CompileOptions,
  context: Context,
): Promise<NixImage | undefined> {
  if (!nix) return undefined;
  const { nixImage } = await import('../rootfs/nix/nix-base.ts'); // most builds have another root file system
  const { profile, root } = request;
  return await nixImage({ ...nixBaseOf(system, profile), nix, root, folder, imagePath, made, cache, env: hostEnv }, context);
}

async function imageOfParts(plan: SystemPlan, parts: CompiledSystem, options: CompileOptions, context: Context): Promise<SystemImage> {
  const { request, system, fetched, imagePath } = plan;
  const { profile, outDir, password } = request;
  const { cache, sandbox, hostEnv: env } = options;
  const { lock, installed, compiled, made } = parts;
  const image = { system, profile, outDir, fetched, lock, installed, folders: sourceFolders(plan), password, sandbox, cache, env };
  return await systemImage(image, imagePath, compiled, made, context);
}

/** Returns the folders of sources by component, for rows of the image that name files of sources. */
function sourceFolders({ projects, origins, request }: SystemPlan): ReadonlyMap<string, string> {
  const ofProjects = [...projects].map(([name, { folder }]) => [name, folder] as const);
  const ofOrigins = [...(origins ?? [])].map(([name, { folder }]) => [name, folder] as const);
  return new Map([...ofProjects, ...ofOrigins, ...Object.entries(request.sources.local)]);
}

async function componentRecords(
  projects: ReadonlyMap<string, ComponentProject>,
  compiled: Compiled,
  cache: Cache,
): Promise<Readonly<Record<string, ComponentRecord>>> {
  const records: Record<string, ComponentRecord> = {};
  for (const { project, outputs } of compiled.projects) {
    const source = projects.get(project.name);
    if (!source) continue;
    const digest = await knownTree(cache, source.folder, { gitignore: true, ignore: ['target', '.git'] });
    const files = [...outputs].map(([name, { digest: sha256, sizeBytes }]) => [name, { bytes: sizeBytes, sha256 }] as const);
    records[project.name] = { source: { kind: source.kind, path: source.path, digest }, outputs: Object.fromEntries(files) };
  }
  return records;
}

async function writeManifest(path: string, manifest: Manifest): Promise<void> {
  const partial = `${path}.partial`;
  try {
    await writeFile(partial, `${JSON.stringify(manifest, null, 2)}\n`);
    await rename(partial, path);
  } catch (error) {
    throw cannotBecause(`write "${path}"`, error);
  } finally {
    await rm(partial, { force: true });
  }
}
