// Files of packages that are taken alone (a kernel, a boot loader): unpacked once per archive, found by a pattern that fits one path.
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

/** The folder that a package which is taken alone was unpacked to. */
export async function packageFolder(use: string, host: PackageHost, context: Context): Promise<string> {
  const [archive] = archivesFor(host.lock, `single ${use}`);
  if (!archive) throw cannot(`find the package "${use}"`, 'the lock has none', { hint: 'fetch --update makes a new lock' });
  const folder = await unpacked(archive, host, context);
  await markUsed(folder);
  return folder;
}

/** The path of "USE:PATTERN" ("kernel:boot/vmlinuz-*"). No such package, and none or several files that fit, are Failures. */
export async function packagedFile(name: string, host: PackageHost, context: Context): Promise<string> {
  const at = name.indexOf(':');
  const [use, pattern] = [name.slice(0, at), name.slice(at + 1)];
  const folder = await packageFolder(use, host, context);
  const { globby } = await import('globby'); // takes longer to load than most builds with nothing new take
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
