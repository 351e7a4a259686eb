// Builds a system: its components through the crate compiler, the image from what they made, the manifest beside it. The story of
// the whole project in one function; every step is another room's.
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Cache } from '../cache/cache.ts';
import { knownTree } from '../cache/digests/known-tree.ts';
import { DamagedBlob } from '../cache/content-store.ts';
import { cannotBecause } from '../core/errors.ts';
import { makeFolder } from '../core/folders.ts';
import { phase } from '../core/events.ts';
import type { Context } from '../core/events.ts';
import { packageRecords } from '../cookbook/stages.ts';
import type { PackageRecord } from '../cookbook/stages.ts';
import type { Digest } from '../core/digest.ts';
import { checkOutputs } from '../crates/compile.ts';
import type { Compiled, CompiledProject, CompileOptions } from '../crates/compiled.ts';
import type { Project } from '../crates/project.ts';
import { materialize } from '../crates/publish.ts';
import type { AssembledImage } from '../image/image.ts';
import type { SourceChoice } from '../system/component.ts';
import { projectsOf } from './component-projects.ts';
import type { ComponentProject, SourceKind } from './component-projects.ts';
import type { ConfiguredPackages } from './configured-system.ts';
import { fetchedSources, withNeededSources } from '../sources/fetched-sources.ts';
import type { FetchedSources } from '../sources/fetched-sources.ts';
import type { BuildRequest } from './build-request.ts';
import type { NixImage } from '../rootfs/nix/nix-base.ts';
import { nixBaseOf, onNix } from '../system/nix-profile.ts';
import { nixHost } from '../rootfs/nix/nix-host.ts';
import type { LibraryRequest, PreparedLibrary } from './recipes/build-c-library.ts';
import { linkedWith } from './recipes/c-library.ts';
import type { BuiltCLibrary } from './recipes/c-library.ts';
import type { InstalledPackages } from './recipes/recipe-packages.ts';
import { hasPackagedFiles } from '../system/image-rows.ts';
import type { SourceLock } from '../sources/source-lock.ts';
import { imageFileName } from '../system/find-page.ts';
import type { SystemImage } from './image-request.ts';
import { systemImage } from './system-image.ts';
import { compileWithPayloads } from './payload.ts';
import { imageOf } from '../system/system.ts';
import { originsFor } from '../sources/fetched-origins.ts';
import type { FetchedOrigin } from '../sources/fetched-origins.ts';

export interface BuiltSystem {
  readonly imagePath: string;
  readonly manifestPath: string;
  readonly image: AssembledImage;
  /** Of a closure of Nix: how its kernel is started. */
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
  /** What its programs are linked with, by name. */
  readonly cLibrary?: Readonly<Record<string, PackageRecord>>;
}

/** What the manifest says of a component. */
interface ComponentRecord {
  readonly source: { readonly kind: SourceKind; readonly path: string; readonly digest: Digest };
  readonly outputs: Readonly<Record<string, { readonly bytes: number; readonly sha256: Digest }>>;
}

/** Builds the image and its manifest. A failing component, an image that is too small and a full disk are Failures; a half-made image is never left. */
export async function buildSystem(request: BuildRequest, context: Context): Promise<BuiltSystem> {
  const { profile, outDir, root, base, packages, compile: options } = request;
  const system = base ? onNix(request.system, profile) : withNeededSources(request.system, profile);
  const nix = base && (await nixHost(system.name, options.hostEnv, context));
  const stem = `${system.name}-${profile}${base ? `-${base}` : ''}${request.live ? '-live' : ''}`;
  const fetched = await fetchedSources(system, { root, cacheDir: options.cache.root, env: options.hostEnv });
  const lock = await packagesOf(request, fetched, context);
  const origins = await originsFor({ ...request, system }, { root, cacheDir: options.cache.root });
  const projects = projectsOf({ ...request, system, fetched: fetched?.folder, origins });
  await prepare(outDir);
  const made = new Map<string, string>();
  const handOver = async (one: CompiledProject): Promise<void> => {
    if (!projects.has(one.project.name)) return await checkOutputs(one, options.cache);
    for (const [name, path] of await publishOutputs(one, join(outDir, stem), options.cache)) made.set(name, path);
  };
  const wanted = [...projects.values()].map(({ project }) => project);
  const { compiled, installed, library } = await compileAll(wanted, { ...request, system, origins }, { ...options, handOver }, context);
  const imagePath = join(outDir, imageFileName(stem, base ? undefined : imageOf(system, profile)));
  const folders = sourceFolders(projects, origins, request.sources);
  const image = {
    system,
    profile,
    outDir,
    fetched,
    lock,
    installed,
    folders,
    password: request.password,
    sandbox: options.sandbox,
    cache: options.cache,
    env: options.hostEnv,
  };
  const onStore = nix && {
    ...{ ...nixBaseOf(system, profile), nix, root, folder: join(outDir, stem), imagePath, made },
    ...{ cache: options.cache, env: options.hostEnv },
  };
  const closed = onStore && (await (await import('../rootfs/nix/nix-base.ts')).nixImage(onStore, context)); // most builds have another base
  const result =
    closed ?? (await phase('assembling the image', context.report, () => systemImage(image, imagePath, compiled, made, context)));
  const manifestPath = join(outDir, `${stem}.json`);
  const components = await componentRecords(projects, compiled, options.cache);
  const sources = system.sources && !system.sourceOwner ? 'upstream' : request.sources.kind;
  const recipes = installed && packageRecords(installed.stages);
  const linked = library && { cLibrary: packageRecords([library.stage]) };
  const about = {
    system: system.name,
    profile,
    sources,
    components,
    ...(packages && { packages }),
    ...(recipes && { recipes }),
    ...linked,
  };
  await writeManifest(manifestPath, { ...about, ...result });
  return { imagePath, manifestPath, image: result.image, sources, compiled, ...(closed && { nix: closed }) };
}

/** The packages of an image that are taken alone: those of the reference kernels, or of the sources of a page that has none of these. */
async function packagesOf(
  { system, profile, root, base, compile: { cache, hostEnv } }: BuildRequest,
  fetched: FetchedSources | undefined,
  context: Context,
): Promise<SourceLock | undefined> {
  if (base || !system.reference || !hasPackagedFiles(imageOf(system, profile))) return fetched?.lock;
  const { referenceLock } = await import('../sources/reference-lock.ts'); // most images have no such files
  return await referenceLock(system, { root, cacheDir: cache.root, env: hostEnv }, context);
}

/** Returns the folders of sources by component, for rows of the image that name files of sources. */
function sourceFolders(
  projects: ReadonlyMap<string, ComponentProject>,
  origins: ReadonlyMap<string, FetchedOrigin> | undefined,
  { local }: SourceChoice,
): ReadonlyMap<string, string> {
  const ofProjects = [...projects].map(([name, { folder }]) => [name, folder] as const);
  const ofOrigins = [...(origins ?? [])].map(([name, { folder }]) => [name, folder] as const);
  return new Map([...ofProjects, ...ofOrigins, ...Object.entries(local)]);
}

/**
 * Builds the C library if something is linked with it, compiles projects together with those of recipes, then builds the other recipes. Counts are of
 * all. The C library is built again if one of its blobs turns out damaged, because no unit of the crate compiler makes it.
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

/** The C library of the page, where something is linked with it. */
async function libraryFor(request: LibraryRequest, projects: readonly Project[], context: Context): Promise<PreparedLibrary> {
  const { cLibrary } = request.system;
  const linked = projects.some(({ triple }) => triple !== undefined && triple === cLibrary?.triple);
  if (!cLibrary || !(linked || (request.recipes?.wanted.length ?? 0) > 0)) return { library: undefined, hits: 0, misses: 0 };
  const { prepareLibrary } = await import('./recipes/build-c-library.ts'); // most builds link with none
  return await prepareLibrary(cLibrary, request, linked, context);
}

interface CompiledAll {
  readonly compiled: Compiled;
  readonly installed: InstalledPackages | undefined;
  /** Present if something was linked with it. */
  readonly library: BuiltCLibrary | undefined;
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

/** Says at once that the folder cannot be written, not after an hour of compiling. */
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

/** Copies what a component made to `folder`/<component>/; "component/output" -> path. */
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
