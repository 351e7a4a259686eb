// The upstream sources of a system: those that its page names, and where a build finds what was fetched of them. Downloads nothing.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { markUsed } from '../cache/derived.ts';
import { cannot } from '../core/errors.ts';
import { isLockOf, readUpstreamLock } from '../upstream/lock.ts';
import type { UpstreamLock } from '../upstream/lock.ts';
import type { GitSource, NamedSource } from '../upstream/source.ts';
import type { SourceChoice, UpstreamOrigin } from '../system/component.ts';
import { sourceRows } from '../system/image-rows.ts';
import { profileOf } from '../system/system.ts';
import type { System } from '../system/system.ts';

/** Whether the lock of a system has all of its upstream sources, so that they are the ones to build. */
export async function hasUpstreamLock(system: System, root: string): Promise<boolean> {
  if (system.sources) return false; // its lock is one of Debian's archives
  const lock = await readUpstreamLock(upstreamLockPath(root, system.name));
  const sources = upstreamSources(system, root);
  return lock !== undefined && sources.length > 0 && sources.every(({ name }) => lock.has(name));
}

/** Returns the locked revisions of a system's upstream sources, by name. */
export async function lockedPins(system: System, root: string): Promise<ReadonlyMap<string, string>> {
  if (system.sources) return new Map();
  const lock: UpstreamLock = (await readUpstreamLock(upstreamLockPath(root, system.name))) ?? new Map();
  return new Map([...lock.values()].flatMap((row) => ('rev' in row ? [[row.name, row.rev] as const] : [])));
}

/** The fetched source of a component. */
export interface FetchedOrigin {
  /** Absolute path of the repository's files. */
  readonly folder: string;
  /** Configuration with its vendored crates; absent if it needs none. */
  readonly cargoConfig?: string;
  /** "https://... at 0123456789ab", for the manifest. */
  readonly label: string;
}

/** Returns the origins of a system by name: those of its components, of packages without a bundled source, and of its C library. */
export function originsOf({ components, configurations, cLibrary }: System): ReadonlyMap<string, UpstreamOrigin> {
  const ofComponents = Object.entries(components).flatMap(([name, { upstream }]) => (upstream ? [[name, upstream] as const] : []));
  const ofPackages = Object.entries(configurations?.packages ?? {}).map(([name, { upstream }]) => [name, upstream] as const);
  const ofLibrary = cLibrary?.upstream ? [[cLibrary.name, cLibrary.upstream] as const] : [];
  return new Map([...ofComponents, ...ofPackages, ...ofLibrary]);
}

/** Returns the sources that fetch takes for a system. */
export function upstreamSources(system: System, root: string): readonly NamedSource[] {
  return [...originsOf(system)].map(([name, origin]) => ({
    name,
    source: pinOf(origin),
    cargoFolders: origin.cargo || name === system.cLibrary?.name ? [origin.folder ?? '.'] : [],
    ...changedBy(origin, root),
  }));
}

function changedBy({ patches, revisionFile }: UpstreamOrigin, root: string): Pick<NamedSource, 'patches' | 'revisionFile'> {
  return {
    ...(patches && { patches: patches.map((path) => join(root, path)) }),
    ...(revisionFile !== undefined && { revisionFile }),
  };
}

function pinOf({ git, branch, tag, rev }: UpstreamOrigin): GitSource {
  return { git, ...(branch !== undefined && { branch }), ...(tag !== undefined && { tag }), ...(rev !== undefined && { rev }) };
}

/** `root`: the folder of the page. */
export function upstreamLockPath(root: string, system: string): string {
  return join(root, system, 'sources.lock');
}

/** Returns the fetched sources that a build of a profile needs: those of its components, and those whose files are rows of its image. */
export async function originsFor(
  { system, profile, sources }: { readonly system: System; readonly profile: string; readonly sources: SourceChoice },
  at: { readonly root: string; readonly cacheDir: string },
): Promise<ReadonlyMap<string, FetchedOrigin> | undefined> {
  if (sources.kind !== 'upstream' || system.sources) return undefined;
  const { components = Object.keys(system.components), image = system.image } = profileOf(system, profile);
  const named = image ? sourceRows(image).map((row) => row.slice(0, row.indexOf(':'))) : [];
  const origins = originsOf(system);
  const triples = components.map((name) => origins.get(name)?.cargo?.triple);
  const library = system.cLibrary && triples.includes(system.cLibrary.triple) ? [system.cLibrary.name] : [];
  const wanted = [...new Set([...components, ...named, ...library])].filter((name) => origins.has(name) && !(name in sources.local));
  const fetched = await fetchedOrigins(wanted, system, at);
  return new Map([...fetched, ...(await localOrigins(sources, system, at.cacheDir))]);
}

/** Returns the user's own checkouts. One with the same Cargo.lock as what was fetched uses the same vendored crates. */
async function localOrigins(
  { local }: SourceChoice,
  system: System,
  cacheDir: string,
): Promise<readonly (readonly [name: string, origin: FetchedOrigin])[]> {
  const origins = originsOf(system);
  const found = Object.entries(local).filter(([name]) => origins.has(name));
  const { vendorConfig } = await import('../upstream/vendor.ts'); // most builds are of bundled sources
  return await Promise.all(
    found.map(async ([name, folder]) => {
      const config = await vendorConfig(folder, cacheDir);
      const cargoConfig = config !== undefined && existsSync(config) ? { cargoConfig: config } : {};
      return [name, { folder, ...cargoConfig, label: folder }] as const;
    }),
  );
}

/** Returns all origins that were fetched. */
export async function presentOrigins(
  system: System,
  { root, cacheDir }: { readonly root: string; readonly cacheDir: string },
): Promise<ReadonlyMap<string, FetchedOrigin>> {
  const lock: UpstreamLock = (await readUpstreamLock(upstreamLockPath(root, system.name))) ?? new Map();
  const found = new Map<string, FetchedOrigin>();
  const [{ changesOf, lockedFolder }, { patchedFolder }, { vendorConfig }] = await Promise.all([
    import('../upstream/fetch.ts'), // most builds are of bundled sources
    import('../upstream/patched.ts'),
    import('../upstream/vendor.ts'),
  ]);
  for (const [name, origin] of originsOf(system)) {
    const locked = lock.get(name);
    if (!locked || !isLockOf(locked, pinOf(origin))) continue;
    const folder = await patchedFolder(name, lockedFolder(locked, cacheDir), changesOf(changedBy(origin, root), locked));
    if (!existsSync(folder)) continue;
    const cargoConfig = origin.cargo && (await vendorConfig(join(folder, origin.folder ?? '.'), cacheDir));
    if (cargoConfig !== undefined && !existsSync(cargoConfig)) continue;
    const label = 'rev' in locked ? `${locked.git} at ${locked.rev.slice(0, 12)}` : locked.tar;
    found.set(name, { folder, ...(cargoConfig !== undefined && { cargoConfig }), label });
  }
  return found;
}

/** Returns what was fetched of the named origins. Throws a Failure (host) that names all that is missing. */
async function fetchedOrigins(
  names: readonly string[],
  system: System,
  at: { readonly root: string; readonly cacheDir: string },
): Promise<ReadonlyMap<string, FetchedOrigin>> {
  const found = await presentOrigins(system, at);
  const missing = names.filter((name) => !found.has(name));
  if (missing.length > 0) {
    const why = missing.length === names.length ? 'they have not been fetched' : `those of ${missing.join(', ')} have not been fetched`;
    throw cannot(`build ${system.name} from upstream's sources`, why, {
      blame: 'host',
      hint: `run npx zx tasks/fetch.ts ${system.name}, use --sources bundled, or name a checkout of your own with --source NAME=DIR`,
    });
  }
  for (const name of names) {
    const { folder, cargoConfig } = found.get(name) ?? {};
    if (folder !== undefined) await markUsed(folder);
    if (cargoConfig !== undefined) await markUsed(join(cargoConfig, '../..'));
  }
  return found;
}
