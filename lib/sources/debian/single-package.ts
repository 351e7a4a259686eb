// Single files of packages (a kernel, a boot loader). A package is unpacked once for each archive, and a file
// is found by a pattern that matches exactly one path.
import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { markUsed } from '../../cache/derived.ts';
import { digestFile } from '../../core/digest.ts';
import { cannot, cannotBecause } from '../../core/errors.ts';
import type { Context } from '../../core/events.ts';
import { pathOf } from '../../core/paths.ts';
import { outputOf } from '../../core/sh.ts';
import { tool } from '../../core/tools.ts';
import { archivePath } from '../archives.ts';
import { archivesFor } from '../source-lock.ts';
import type { LockedArchive, SourceLock } from '../source-lock.ts';

export interface PackageHost {
  readonly lock: SourceLock;
  readonly cacheDir: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Returns the folder of an unpacked package. */
export async function packageFolder(use: string, host: PackageHost, context: Context): Promise<string> {
  const [archive] = archivesFor(host.lock, `single ${use}`);
  if (!archive) throw cannot(`find the package "${use}"`, 'it is not in the lock', { hint: 'fetch --update creates a new lock' });
  const folder = await unpacked(archive, host, context);
  await markUsed(folder);
  return folder;
}

/**
 * Returns the path of "USE:PATTERN" ("kernel:boot/vmlinuz-*"). A missing package, and a pattern that matches
 * no or several files, are Failures.
 */
export async function packagedFile(name: string, host: PackageHost, context: Context): Promise<string> {
  const at = name.indexOf(':');
  const [use, pattern] = [name.slice(0, at), name.slice(at + 1)];
  const folder = await packageFolder(use, host, context);
  const { globby } = await import('globby'); // loading it takes longer than most builds without changes
  const found = await globby(pattern, { cwd: folder, dot: true });
  const [path] = found;
  if (path === undefined || found.length > 1) throw cannot(`find "${name}"`, `the package has ${found.length} such files`);
  return join(folder, path);
}

async function unpacked(archive: LockedArchive, { cacheDir, env }: PackageHost, { signal }: Context): Promise<string> {
  const folder = join(cacheDir, 'singles', archive.sha256.slice(0, 16));
  if (existsSync(folder)) return folder;
  const path = archivePath(cacheDir, archive);
  const what = `unpack ${archive.name} ${archive.version}`;
  if (!existsSync(path)) throw cannot(what, 'it has not been fetched', { blame: 'host', hint: 'run tasks/fetch.ts' });
  if ((await digestFile(path)) !== archive.sha256) {
    await rm(path);
    throw cannot(what, 'its archive was damaged; it has been removed', { blame: 'host', hint: 'run tasks/fetch.ts again' });
  }
  const partial = `${folder}.partial-${process.pid}`;
  try {
    await mkdir(partial, { recursive: true });
    await outputOf(what, [await tool('dpkg-deb', pathOf(env)), '-x', path, partial], { cwd: '/', env, signal });
    await rename(partial, folder);
  } catch (error) {
    throw cannotBecause(what, error);
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
  return folder;
}
