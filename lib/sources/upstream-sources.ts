// The upstream sources that the page of a system names, and the lock with their revisions. Downloads nothing.
import { join } from 'node:path';
import { readUpstreamLock } from '../upstream/lock.ts';
import type { GitSource, NamedSource, UpstreamLock } from '../upstream/lock.ts';
import type { UpstreamOrigin } from '../system/component.ts';
import type { System } from '../system/system.ts';

/** Whether the lock of a system has all of its upstream sources, so that builds use them. */
export async function hasUpstreamLock(system: System, root: string): Promise<boolean> {
  if (system.sources) return false; // its lock has Debian's archives
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

/** Returns the origins of a system by name: those of its components, of packages without a bundled source, and of its C library. */
export function originsOf({ components, configurations, cLibrary }: System): ReadonlyMap<string, UpstreamOrigin> {
  const ofComponents = Object.entries(components).flatMap(([name, { upstream }]) => (upstream ? [[name, upstream] as const] : []));
  const ofPackages = Object.entries(configurations?.packages ?? {}).map(([name, { upstream }]) => [name, upstream] as const);
  const ofLibrary = cLibrary?.upstream ? [[cLibrary.name, cLibrary.upstream] as const] : [];
  return new Map([...ofComponents, ...ofPackages, ...ofLibrary]);
}

/** Returns the sources that fetch downloads for a system. */
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
