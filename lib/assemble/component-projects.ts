// Returns the Cargo project of each component from its source: the user's own checkout, the fetched source,
// or the bundled one.
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { cannot, nearest } from '../core/errors.ts';
import type { Project } from '../crates/project.ts';
import { pinWords } from '../upstream/lock.ts';
import type { CargoBuild, Component, SourceChoice } from '../system/component.ts';
import { componentFolder } from '../sources/debian/crate-folder.ts';
import { profileOf } from '../system/system.ts';
import type { System } from '../system/system.ts';
import type { FetchedOrigin } from '../sources/fetched-origins.ts';

export type SourceKind = 'bundled' | 'upstream' | 'local';

export interface ComponentProject {
  readonly kind: SourceKind;
  /** Absolute path. */
  readonly folder: string;
  /** The path as the page or the user wrote it, for the manifest. */
  readonly path: string;
  readonly project: Project;
}

export interface ProjectsRequest {
  readonly system: System;
  readonly profile: string;
  readonly sources: SourceChoice;
  /** The folder of the page. Relative paths of the page are relative to it. */
  readonly root: string;
  readonly env: Readonly<Record<string, string>>;
  /** The folder of fetched sources, if the system has sources from Debian. */
  readonly fetched?: string | undefined;
  /** Fetched sources of upstream's repositories, by component. */
  readonly origins?: ReadonlyMap<string, FetchedOrigin> | undefined;
}

/**
 * Returns the projects by component. A local source for an unknown component, and a missing upstream source,
 * are Failures.
 */
export function projectsOf(request: ProjectsRequest): ReadonlyMap<string, ComponentProject> {
  const { system, profile, sources } = request;
  const names = Object.keys(system.components);
  for (const name of Object.keys(sources.local)) {
    if (names.includes(name) || name === system.cLibrary?.name) continue;
    const near = nearest(name, names);
    throw cannot(`use a local source for "${name}"`, `${system.name} has no such component`, {
      blame: 'usage',
      hint: near ? `did you mean ${near}?` : `its components are ${names.join(', ')}`,
    });
  }
  const { cargoProfile, components = names } = profileOf(system, profile);
  return new Map(
    components.map((name) => {
      const component = system.components[name];
      if (!component) throw new Error(`the page of ${system.name} has no component ${name}, which its profile ${profile} has`);
      const source = sourceOf(name, component, request);
      return [name, { ...source, project: projectOf(name, component, source, cargoProfile, request) }];
    }),
  );
}

export function sourceOf(
  name: string,
  { bundled, debian, upstream }: Pick<Component, 'bundled' | 'debian' | 'upstream'>,
  { system, sources, root, fetched, origins }: Pick<ProjectsRequest, 'system' | 'sources' | 'root' | 'fetched' | 'origins'>,
): Omit<ComponentProject, 'project'> {
  const local = sources.local[name];
  if (local !== undefined) return { kind: 'local', folder: local, path: local };
  if (debian && fetched !== undefined) return { kind: 'upstream', folder: componentFolder(fetched, name), path: originOf(debian.from) };
  const origin = sources.kind === 'upstream' ? origins?.get(name) : undefined;
  if (origin) return { kind: 'upstream', folder: join(origin.folder, upstream?.folder ?? '.'), path: origin.label };
  if (bundled !== undefined && (sources.kind === 'bundled' || system.sources)) {
    return { kind: 'bundled', folder: resolve(root, bundled), path: bundled };
  }
  if (bundled === undefined && upstream) {
    const folder = upstream.folder === undefined ? '' : `, folder ${upstream.folder}`;
    throw cannot(`build ${system.name}`, `its component ${name} has only upstream's source, which is not fetched`, {
      blame: 'host',
      hint: `clone ${upstream.git} (${pinWords(upstream)}${folder}) and add --source ${name}=DIR`,
    });
  }
  throw cannot(`build ${system.name} from upstream's sources`, 'they have not been fetched', {
    blame: 'host',
    hint: 'use --sources bundled, or a checkout of your own with --source NAME=DIR',
  });
}

function originOf(from: { readonly crate: string } | { readonly tarball: string }): string {
  return 'crate' in from ? `Debian's crate ${from.crate}` : `Debian's source package ${from.tarball}`;
}

/**
 * Returns how a source is built. A local checkout is built like upstream's source if it has the target of
 * upstream's build.
 */
function buildOf(
  { cargo, upstream }: Component,
  { kind, folder }: Omit<ComponentProject, 'project'>,
  { sources }: ProjectsRequest,
): CargoBuild {
  if (!upstream?.cargo || kind === 'bundled') return cargo;
  const target = upstream.cargo.triple;
  const ofUpstream = target?.endsWith('.json') ? existsSync(join(folder, target)) : sources.kind === 'upstream';
  return ofUpstream ? upstream.cargo : cargo;
}

function projectOf(
  name: string,
  component: Component,
  source: Omit<ComponentProject, 'project'>,
  profile: string,
  request: ProjectsRequest,
): Project {
  const { kind, folder: dir } = source;
  const { env, root, origins } = request;
  const cargo = buildOf(component, source, request);
  const vendored = kind === 'bundled' ? undefined : origins?.get(name)?.cargoConfig;
  return {
    name,
    dir,
    profile: component.cargoProfile ?? profile,
    env: { ...env, ...cargo.env },
    ...(cargo.rustcVariable !== undefined && { rustcVariable: cargo.rustcVariable }),
    packages: cargo.packages ?? [],
    bins: cargo.bins ?? [],
    lib: false,
    locked: kind !== 'local', // a developer's own checkout is treated as cargo treats it
    features: cargo.features ?? [],
    defaultFeatures: cargo.defaultFeatures ?? true,
    triple: cargo.triple?.endsWith('.json') ? join(dir, cargo.triple) : cargo.triple,
    buildStd: cargo.buildStd ?? [],
    buildStdFeatures: cargo.buildStdFeatures ?? [],
    cargoConfigs: [...(vendored === undefined ? [] : [vendored]), ...(cargo.configs ?? []).map((config) => join(root, config))],
  };
}
