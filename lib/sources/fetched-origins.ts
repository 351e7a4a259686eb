// Finds the fetched upstream sources of a system for a build. Downloads nothing.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { markUsed } from '../cache/derived.ts';
import { cannot } from '../core/errors.ts';
import type { SourceChoice } from '../system/component.ts';
import { sourceRows } from '../system/image-rows.ts';
import { profileOf } from '../system/system.ts';
import type { System } from '../system/system.ts';
import { isLockOf, readUpstreamLock } from '../upstream/lock.ts';
import type { UpstreamLock } from '../upstream/lock.ts';
import { originsOf, upstreamLockPath, upstreamSources } from './upstream-sources.ts';

/** The fetched source of a component. */
export interface FetchedOrigin {
  /** Absolute path of the repository's files. */
  readonly folder: string;
  /** Configuration with its vendored crates; absent if it needs none. */
  readonly cargoConfig?: string;
  /** "https://... at 0123456789ab", for the manifest. */
  readonly label: string;
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

/**
 * Returns the user's own checkouts. A checkout with the same Cargo.lock as the fetched source uses the same
 * vendored crates.
 */
async function localOrigins(
  { local }: SourceChoice,
  system: System,
  cacheDir: string,
): Promise<readonly (readonly [name: string, origin: FetchedOrigin])[]> {
  const origins = originsOf(system);
  const found = Object.entries(local).filter(([name]) => origins.has(name));
  const { vendorConfig } = await import('../upstream/vendor.ts'); // most builds use bundled sources
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
    import('../upstream/fetch.ts'), // most builds use bundled sources
    import('../upstream/patched.ts'),
    import('../upstream/vendor.ts'),
  ]);
  const origins = originsOf(system);
  for (const wanted of upstreamSources(system, root)) {
    const { name, source } = wanted;
    const locked = lock.get(name);
    const origin = origins.get(name);
    if (!origin || !locked || !isLockOf(locked, source)) continue;
    const folder = await patchedFolder(name, lockedFolder(locked, cacheDir), changesOf(wanted, locked));
    if (!existsSync(folder)) continue;
    const cargoConfig = origin.cargo && (await vendorConfig(join(folder, origin.folder ?? '.'), cacheDir));
    if (cargoConfig !== undefined && !existsSync(cargoConfig)) continue;
    const label = 'rev' in locked ? `${locked.git} at ${locked.rev.slice(0, 12)}` : locked.tar;
    found.set(name, { folder, ...(cargoConfig !== undefined && { cargoConfig }), label });
  }
  return found;
}

/** Returns the fetched sources of the named origins. Throws a Failure (host) that names all missing ones. */
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
