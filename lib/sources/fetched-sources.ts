// A system's fetched sources from Debian: the lock next to its page, and the folder that was created from it.
// Downloads nothing.
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { markUsed } from '../cache/derived.ts';
import { cannot } from '../core/errors.ts';
import { missingArchives } from './archives.ts';
import { crateFolderPath } from './debian/crate-folder.ts';
import type { CrateFolderRequest } from './debian/crate-folder.ts';
import { hasPackagedFiles } from '../system/image-rows.ts';
import type { DebianSource } from '../system/component.ts';
import { readLock } from './source-lock.ts';
import type { SourceLock } from './source-lock.ts';
import { profileOf } from '../system/system.ts';
import type { System } from '../system/system.ts';

export interface SourceHost {
  /** The folder of the page. */
  readonly root: string;
  readonly cacheDir: string;
  readonly env: Readonly<Record<string, string>>;
}

export interface FetchedSources {
  readonly lock: SourceLock;
  /** The folder of lib/sources/debian/crate-folder.ts. */
  readonly folder: string;
}

export function lockPath({ root }: Pick<SourceHost, 'root'>, system: string): string {
  return join(root, system, 'sources.lock');
}

/** Returns the folder with the Cargo.lock of each component, which cargo resolved when the lock was created. */
export function cargoLockFolder({ root }: Pick<SourceHost, 'root'>, system: string): string {
  return join(root, system, 'locks');
}

/** The part of a page that fetching its sources needs. */
export type FetchedSystem = Pick<System, 'name' | 'sources' | 'components'>;

/** Returns the system whose lock has the sources of a page: the page's own, unless it takes them from another one. */
export function ownerOf({ name, components, sources, sourceOwner }: FetchedSystem & Pick<System, 'sourceOwner'>): FetchedSystem {
  return { name, components, ...sourceOwner, ...(sources && { sources }) };
}

/** Returns the page without its sources if no part of the profile is made from them, so that the profile is built before they are fetched. */
export function withNeededSources(system: System, profile: string): System {
  const { sources, sourceOwner: _, ...page } = system;
  return !sources || needsSources(system, profile) ? system : page;
}

/** Packages from which single files are taken are those of the reference kernels, if the page has some. */
function needsSources(system: System, profile: string): boolean {
  const { components = Object.keys(system.components), kernel, image = system.image } = profileOf(system, profile);
  if (components.some((name) => system.components[name]?.debian) || (kernel && 'from' in kernel)) return true;
  return image !== undefined && (image.partitions.some(({ root }) => root) || (!system.reference && hasPackagedFiles(image)));
}

/** Returns the facts from which the folder of crates is created. */
export async function crateRequest(system: FetchedSystem, lock: SourceLock, host: SourceHost): Promise<CrateFolderRequest> {
  const folder = cargoLockFolder(host, system.name);
  const names = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith('.lock'));
  const locks = await Promise.all(names.map(async (name) => [name.slice(0, -5), await readFile(join(folder, name), 'utf8')] as const));
  const components = Object.entries(system.components).flatMap(([name, { debian }]): [string, DebianSource][] =>
    debian ? [[name, debian]] : [],
  );
  return {
    components: Object.fromEntries(components),
    stubs: system.sources?.stubs ?? [],
    lock,
    cargoLocks: Object.fromEntries(locks),
    cacheDir: host.cacheDir,
    env: host.env,
  };
}

/**
 * Returns the fetched sources of a system, or undefined if it has no sources in Debian. Sources that are not
 * completely fetched are a Failure.
 */
export async function fetchedSources(system: System, host: SourceHost): Promise<FetchedSources | undefined> {
  if (!system.sources) return undefined;
  const what = `build ${system.name}`;
  const owner = ownerOf(system);
  const lock = await readLock(lockPath(host, owner.name));
  if (!lock)
    throw cannot(what, `there is no systems/${owner.name}/sources.lock`, { hint: `run npx zx tasks/fetch.ts ${owner.name} --update` });
  const hint = `run npx zx tasks/fetch.ts ${system.name}`;
  const folder = crateFolderPath(await crateRequest(owner, lock, host));
  const missing = missingArchives(host.cacheDir, lock.archives);
  if (missing.length > 0 || !existsSync(folder)) throw cannot(what, 'its sources have not been fetched', { blame: 'host', hint });
  await markUsed(folder);
  return { lock, folder };
}
