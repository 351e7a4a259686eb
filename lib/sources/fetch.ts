// Fetches a system's sources: creates the lock if it is missing or an update is requested, fetches the
// missing archives, and unpacks the folder that builds compile from. If everything is present, it only
// checks. Only this module writes sources.lock.
import { copyFile, mkdir, rename, rm } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { cannot } from '../core/errors.ts';
import { phase } from '../core/events.ts';
import type { Context } from '../core/events.ts';
import { aptRoot, hostMirror } from './debian/apt-root.ts';
import { fetchArchives, missingArchives } from './archives.ts';
import { componentFolder, crateFolderPath, makeCrateFolder } from './debian/crate-folder.ts';
import type { DebianMirror } from './debian/debian-mirror.ts';
import { cargoLockFolder, crateRequest, lockPath } from './fetched-sources.ts';
import type { FetchedSystem, SourceHost } from './fetched-sources.ts';
import { newLock } from './lock-update.ts';
import { readLock, writeLock } from './source-lock.ts';
import type { SourceLock } from './source-lock.ts';

export interface FetchRequest {
  readonly system: FetchedSystem;
  readonly host: SourceHost;
  /** Whether to lock the versions that the archive has now. */
  readonly update: boolean;
  /** The mirror. Undefined: the host's mirror. */
  readonly mirror?: DebianMirror | undefined;
}

export interface Fetched {
  readonly archives: number;
  readonly bytes: number;
  /** Number of archives that were fetched now. */
  readonly fetched: number;
  readonly folder: string;
  readonly updated: boolean;
}

/**
 * A system without fetchable sources, an archive that is missing or has other bytes, and a host that cannot
 * fetch are Failures.
 */
export async function fetchSources({ system, host, update, mirror: given }: FetchRequest, context: Context): Promise<Fetched> {
  const { sources } = system;
  if (!sources) throw cannot(`fetch the sources of ${system.name}`, 'its page names none that can be fetched', { blame: 'usage' });
  const path = lockPath(host, system.name);
  const before = update ? undefined : await readLock(path);
  const mirror = async (): Promise<DebianMirror> => given ?? (await theMirror(system.name));
  const apt = { env: host.env, cacheDir: host.cacheDir };
  const lock = before ?? (await newLock(sources, await mirror(), apt, context));
  const missing = missingArchives(host.cacheDir, lock.archives);
  if (missing.length > 0) {
    const from = await mirror();
    const root = await aptRoot(sources.suite, from, apt, context, { refresh: false });
    await phase('fetching archives', context.report, () =>
      fetchArchives(missing, { apt: root, uri: from.uri, cacheDir: host.cacheDir }, context),
    );
  }
  const folder = before ? await unpack(system, lock, host, context) : await unpackAnew(system, lock, host, context);
  if (!before) await writeLock(path, lock);
  const bytes = lock.archives.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  return { archives: lock.archives.length, bytes, fetched: missing.length, folder, updated: !before };
}

async function unpack(system: FetchedSystem, lock: SourceLock, host: SourceHost, context: Context): Promise<string> {
  const request = await crateRequest(system, lock, host);
  if (existsSync(crateFolderPath(request))) return crateFolderPath(request);
  return await phase('unpacking crates', context.report, () => makeCrateFolder(request, context));
}

/** With a new lock cargo resolves each component again. The result is stored next to the lock. */
async function unpackAnew(system: FetchedSystem, lock: SourceLock, host: SourceHost, context: Context): Promise<string> {
  const request = { ...(await crateRequest(system, lock, host)), cargoLocks: {} };
  const made = await phase('unpacking crates', context.report, () => makeCrateFolder(request, context));
  const locks = cargoLockFolder(host, system.name);
  await rm(locks, { recursive: true, force: true });
  await mkdir(locks, { recursive: true });
  for (const name of Object.keys(request.components))
    await copyFile(join(componentFolder(made, name), 'Cargo.lock'), join(locks, `${name}.lock`));
  const folder = crateFolderPath(await crateRequest(system, lock, host));
  if (existsSync(folder)) await rm(made, { recursive: true });
  else await rename(made, folder);
  return folder;
}

async function theMirror(system: string): Promise<DebianMirror> {
  const mirror = await hostMirror();
  if (mirror) return mirror;
  throw cannot(`fetch the sources of ${system}`, 'this host has no Debian mirror in its apt sources', {
    blame: 'host',
    hint: 'on a host that is not Debian: put a line "deb URI SUITE main" into /etc/apt/sources.list',
  });
}
