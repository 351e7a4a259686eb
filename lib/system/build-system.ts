// Builds a system: its components through the crate compiler, the image from what they made, the manifest beside it. The story of
// the whole project in one function; every step is another room's.
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Cache } from '../cache/cache.ts';
import { cannot, cannotBecause, nearest } from '../core/errors.ts';
import { makeFolder } from '../core/folders.ts';
import { phase } from '../core/events.ts';
import type { Context } from '../core/events.ts';

import { digestBytes, digestRecord } from '../core/digest.ts';
import type { Digest } from '../core/digest.ts';
import { remembered } from '../core/remembered.ts';
import { compile } from '../crates/compile.ts';
import type { Compiled, CompiledProject, CompileOptions } from '../crates/compile.ts';
import { materialize } from '../crates/publish.ts';
import type { Project } from '../crates/project.ts';
import { assemble } from '../image/image.ts';
import type { AssembledImage } from '../image/image.ts';
import type { Component, SourceChoice } from './component.ts';
import { layoutOf } from './image-facts.ts';
import { profileOf } from './system.ts';
import type { System } from './system.ts';

export interface BuildRequest {
  readonly system: System;
  readonly profile: string;
  readonly sources: SourceChoice;
  /** The repository: bundled sources are below it. */
  readonly root: string;
  readonly outDir: string;
  readonly env: Readonly<Record<string, string>>;
  readonly compile: CompileOptions;
}

export interface BuiltSystem {
  readonly imagePath: string;
  readonly manifestPath: string;
  readonly image: AssembledImage;
  readonly compiled: Compiled;
}

/** What the manifest says of a component. */
interface ComponentRecord {
  readonly source: { readonly kind: 'bundled' | 'upstream' | 'local'; readonly path: string; readonly digest: Digest };
  readonly outputs: Readonly<Record<string, { readonly bytes: number; readonly sha256: Digest }>>;
}

/** Builds the image and its manifest. A failing component, an image that is too small and a full disk are Failures; a half-made image is never left. */
export async function buildSystem(request: BuildRequest, context: Context): Promise<BuiltSystem> {
  const { system, outDir, compile: options } = request;
  const stem = `${system.name}-${request.profile}`;
  const projects = projectsOf(request);
  await prepare(outDir);
  const made = new Map<string, string>();
  const handOver = async (one: CompiledProject): Promise<void> => {
    for (const [name, path] of await publishOutputs(one, join(outDir, stem), options.cache)) made.set(name, path);
  };
  const compiled = await compile(
    [...projects.values()].map(({ project }) => project),
    { ...options, handOver },
    context,
  );
  const imagePath = join(outDir, `${stem}.img`);
  const image = await phase('assembling the image', context.report, () => assembleOnce(request, imagePath, compiled, made, context));
  const manifestPath = join(outDir, `${stem}.json`);
  const components = await componentRecords(projects, compiled, options.cache);
  await writeManifest(manifestPath, { system: system.name, profile: request.profile, sources: request.sources.kind, components, image });
  return { imagePath, manifestPath, image, compiled };
}

/** An image that was made of the same things and has not been touched since is left as it is. */
async function assembleOnce(
  { system, compile: { cache, hostEnv } }: BuildRequest,
  imagePath: string,
  compiled: Compiled,
  made: ReadonlyMap<string, string>,
  context: Context,
): Promise<AssembledImage> {
  const outputs = compiled.projects.flatMap(({ project, outputs: all }) =>
    [...all].map(([name, { digest }]) => [`${project.name}/${name}`, digest] as const),
  );
  const question = {
    imagePath,
    facts: digestBytes(JSON.stringify(system.image)),
    outputs: digestRecord(Object.fromEntries(outputs)),
    assembler: await cache.digests.tree(join(import.meta.dirname, '../image')),
  };
  return remembered<AssembledImage>(cache.root, 'image', question, async () => {
    const layout = await layoutOf(system.image, (name) => made.get(name));
    return { value: await assemble(layout, imagePath, { path: hostEnv['PATH'] ?? '' }, context), witnesses: [imagePath] };
  });
}

interface ComponentProject {
  readonly kind: 'bundled' | 'local';
  /** Absolute. */
  readonly folder: string;
  /** As the page or the person wrote it, for the manifest. */
  readonly path: string;
  readonly project: Project;
}

/** The Cargo project of each component, from the source that was chosen for it. */
export function projectsOf({
  system,
  profile,
  sources,
  root,
  env,
}: Omit<BuildRequest, 'compile' | 'outDir'>): ReadonlyMap<string, ComponentProject> {
  const names = Object.keys(system.components);
  for (const name of Object.keys(sources.local)) {
    if (names.includes(name)) continue;
    const near = nearest(name, names);
    throw cannot(`use a local source for "${name}"`, `${system.name} has no such component`, {
      blame: 'usage',
      hint: near ? `did you mean ${near}?` : `its components are ${names.join(', ')}`,
    });
  }
  if (sources.kind === 'upstream') {
    throw cannot(`build ${system.name} from upstream's sources`, 'they have not been fetched', {
      hint: 'use --sources bundled, or a checkout of your own with --source NAME=DIR',
    });
  }
  const { cargoProfile } = profileOf(system, profile);
  return new Map(
    Object.entries(system.components).map(([name, component]) => {
      const local = sources.local[name];
      const folder = local ?? join(root, component.bundled);
      return [
        name,
        {
          kind: local === undefined ? 'bundled' : 'local',
          folder,
          path: local ?? component.bundled,
          project: projectOf(name, component, folder, cargoProfile, env),
        },
      ];
    }),
  );
}

function projectOf(name: string, { cargo }: Component, dir: string, profile: string, env: Readonly<Record<string, string>>): Project {
  return {
    name,
    dir,
    profile,
    env,
    packages: cargo.packages ?? [],
    bins: cargo.bins ?? [],
    lib: false,
    features: cargo.features ?? [],
    defaultFeatures: cargo.defaultFeatures ?? true,
    triple: cargo.triple?.endsWith('.json') ? join(dir, cargo.triple) : cargo.triple,
    buildStd: cargo.buildStd ?? [],
    buildStdFeatures: cargo.buildStdFeatures ?? [],
    cargoConfigs: [],
  };
}

/** Says at once that the folder cannot be written, not after an hour of compiling. */
async function prepare(outDir: string): Promise<void> {
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
async function publishOutputs(
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
    const digest = await cache.digests.tree(source.folder, { gitignore: true, ignore: ['target', '.git'] });
    const files = [...outputs].map(([name, { digest: sha256, sizeBytes }]) => [name, { bytes: sizeBytes, sha256 }] as const);
    records[project.name] = { source: { kind: source.kind, path: source.path, digest }, outputs: Object.fromEntries(files) };
  }
  return records;
}

async function writeManifest(path: string, manifest: object): Promise<void> {
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
