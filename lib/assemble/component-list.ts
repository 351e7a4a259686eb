// Lists the components of a system: source, version and pin of each, its size in the last build, and whether its outputs are in the cache. Builds nothing.
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { parse } from 'smol-toml';
import type { Cache } from '../cache/cache.ts';
import { isDigest } from '../core/digest.ts';
import { absentAsUndefined, Failure } from '../core/errors.ts';
import { parseJsonFields, valueAt } from '../core/fields.ts';
import type { Fields } from '../core/fields.ts';
import { projectsOf } from './component-projects.ts';
import type { ComponentProject, ProjectsRequest } from './component-projects.ts';
import { pinWords } from '../upstream/lock.ts';
import type { Component } from '../system/component.ts';
import { profileOf } from '../system/system.ts';

export interface ListedComponent {
  readonly name: string;
  readonly title: string;
  readonly version: string | null;
  /** The platform that it is compiled for: a triple, or the name of a target file. Null: the host. */
  readonly target: string | null;
  /** "bundled fixtures/redox", "local ../kernel", or the address of upstream's source. */
  readonly source: string;
  /** Digest of the source; null if it has not been fetched and follows upstream's branch. */
  readonly pin: string | null;
  /** Sum of its outputs in the last build. */
  readonly bytes: number | null;
  /** Whether the last build had the same source and its outputs are in the cache. */
  readonly cached: boolean;
}

/** The part of a manifest that this list needs. */
export interface LastBuild {
  readonly components: Readonly<
    Record<
      string,
      { readonly digest?: string | undefined; readonly outputs: readonly { readonly bytes: number; readonly sha256: string }[] }
    >
  >;
  readonly recipes: Readonly<Record<string, { readonly bytes: number }>>;
}

/** Returns the components of the profile, in the page's order, including those whose source has not been fetched. */
export async function listComponents(request: ProjectsRequest, last: LastBuild, cache: Cache): Promise<readonly ListedComponent[]> {
  const { system, profile } = request;
  const names = profileOf(system, profile).components ?? Object.keys(system.components);
  const rows: ListedComponent[] = [];
  for (const name of Object.keys(system.components).filter((one) => names.includes(one))) {
    const component = system.components[name];
    if (!component) continue;
    const project = projectOf(name, request);
    const before = last.components[name];
    const digest = project && (await cache.digests.tree(project.folder, { gitignore: true, ignore: ['target', '.git'] }));
    const there = await Promise.all((before?.outputs ?? []).map(({ sha256 }) => isDigest(sha256) && cache.content.has(sha256)));
    const present = there.every(Boolean);
    rows.push({
      name,
      title: component.title,
      target: targetOf(project?.project.triple ?? component.upstream?.cargo?.triple ?? component.cargo.triple),
      version: project === undefined ? null : await packageVersion(project.folder, component.cargo.packages?.[0]),
      source: project === undefined ? originOf(component) : `${project.kind} ${project.path}`,
      pin: digest === undefined ? null : `sha256 ${digest.slice(0, 12)}`,
      bytes: before ? before.outputs.reduce((sum, { bytes }) => sum + bytes, 0) : null,
      cached: before !== undefined && before.digest === digest && there.length > 0 && present,
    });
  }
  return rows;
}

function projectOf(name: string, request: ProjectsRequest): ComponentProject | undefined {
  const { system, profile } = request;
  const own = { ...profileOf(system, profile), components: [name] };
  try {
    return projectsOf({ ...request, system: { ...system, profiles: { ...system.profiles, [profile]: own } } }).get(name);
  } catch (error) {
    if (error instanceof Failure && error.blame === 'host') return undefined; // its source has not been fetched
    throw error;
  }
}

/** Returns the triple, or the name of the target file without its folder. */
export function targetOf(triple: string | undefined): string | null {
  return triple === undefined ? null : basename(triple, '.json');
}

function originOf({ upstream, debian }: Component): string {
  if (upstream) return `${upstream.git} (${pinWords(upstream)})`;
  return debian ? "Debian's, not fetched" : 'nowhere';
}

/** Returns the version of a package, which may be that of its workspace. */
export async function packageVersion(folder: string, name: string | undefined): Promise<string | null> {
  const manifests = [...(name === undefined ? [] : [join(folder, name, 'Cargo.toml')]), join(folder, 'Cargo.toml')];
  for (const path of manifests) {
    const manifest = await manifestAt(path);
    const version = valueAt(manifest, 'package', 'version');
    if (typeof version === 'string') return version;
    if (typeof version !== 'object') continue;
    const workspace = valueAt(await manifestAt(join(folder, 'Cargo.toml')), 'workspace', 'package', 'version');
    if (typeof workspace === 'string') return workspace;
  }
  return null;
}

async function manifestAt(path: string): Promise<unknown> {
  const text = await absentAsUndefined(readFile(path, 'utf8'));
  if (text === undefined) return undefined;
  try {
    return parse(text);
  } catch {
    return undefined; // cargo reports it when it is built
  }
}

/** Reads the manifest of the last build. Returns an empty one if it is missing or damaged. */
export async function lastBuild(manifestPath: string): Promise<LastBuild> {
  const text = await absentAsUndefined(readFile(manifestPath, 'utf8'));
  if (text === undefined) return { components: {}, recipes: {} };
  try {
    return lastBuildOf(parseJsonFields(text, manifestPath));
  } catch (error) {
    if (error instanceof Failure) return { components: {}, recipes: {} };
    throw error;
  }
}

function lastBuildOf(manifest: Fields): LastBuild {
  const bytesOf = (fields: Fields): number => fields.requiredCount('bytes', Number.MAX_SAFE_INTEGER);
  const components = manifest.named('components').map(([name, component]) => {
    const outputs = component.named('outputs').map(([, output]) => ({ bytes: bytesOf(output), sha256: output.requiredText('sha256') }));
    return [name, { digest: component.table('source')?.requiredText('digest'), outputs }] as const;
  });
  const recipes = manifest.named('recipes').map(([name, recipe]) => [name, { bytes: bytesOf(recipe) }] as const);
  return { components: Object.fromEntries(components), recipes: Object.fromEntries(recipes) };
}
