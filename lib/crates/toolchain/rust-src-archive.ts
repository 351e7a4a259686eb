// Copies of the standard library's source in the cache: an archive is unpacked once, into cache/rust-src/<sha256 of the archive>/, and published
// by rename. Of a whole compiler's source only `library` is kept.
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { byCodeUnit, digestFile, isDigest } from '../../core/digest.ts';
import type { Digest } from '../../core/digest.ts';
import { cannot, cannotBecause, errnoOf } from '../../core/errors.ts';
import { phase } from '../../core/events.ts';
import type { Context } from '../../core/events.ts';
import { remembered } from '../../core/remembered.ts';
import { run } from '../../core/sh.ts';
import { tool } from '../../core/tools.ts';
import { digestLibrary, libraryIn, versionInName, versionOf } from './library-folder.ts';

/** A copy in the cache: `<folder>/library`, and what was found out when it was unpacked. */
export interface KeptLibrary {
  readonly folder: string;
  readonly version: string;
  readonly origin: string;
  readonly digest: Digest;
}

export interface ArchiveCache {
  readonly cacheDir: string;
  readonly env: Readonly<Record<string, string>>;
}

const recordName = 'rust-src.json';

/** All copies, ordered by the name of their folder, which is the digest of the archive; a damaged record is no copy. */
export async function keptLibraries(cacheDir: string): Promise<readonly KeptLibrary[]> {
  const names = (await readdir(join(cacheDir, 'rust-src')).catch(() => [])).filter(isDigest).sort(byCodeUnit);
  const kept = await Promise.all(names.map((name) => keptLibrary(join(cacheDir, 'rust-src', name))));
  return kept.filter((copy) => copy !== undefined);
}

/**
 * The copy of an archive (anything that tar reads, or a .deb), unpacked now unless it was before. `origin` says in words where it comes from.
 * An archive that tar refuses, or that has no standard library, is a Failure and leaves nothing.
 */
export async function keepArchive(
  archive: string,
  origin: string,
  { cacheDir, env }: ArchiveCache,
  context: Context,
): Promise<KeptLibrary> {
  const what = `use the standard library source "${archive}"`;
  try {
    const sha256 = await remembered<Digest>(cacheDir, 'rust-src-archive', { archive }, async () => ({
      value: await digestFile(archive),
      witnesses: [archive],
    }));
    const folder = join(cacheDir, 'rust-src', sha256);
    return (
      (await keptLibrary(folder)) ??
      (await phase(`unpack ${basename(archive)}`, context.report, () => unpack(archive, folder, origin, env, context)))
    );
  } catch (error) {
    throw cannotBecause(what, error);
  }
}

async function unpack(
  archive: string,
  folder: string,
  origin: string,
  env: ArchiveCache['env'],
  { signal }: Context,
): Promise<KeptLibrary> {
  const what = `use the standard library source "${archive}"`;
  await mkdir(dirname(folder), { recursive: true });
  const partial = await mkdtemp(`${folder}.partial-`);
  try {
    const whole = join(partial, 'whole');
    await mkdir(whole);
    const result = await run(await unpackCommand(archive, whole, env['PATH'] ?? ''), { cwd: partial, env, signal });
    // tar refuses members with ".." or a leading "/" by itself and then ends with a status other than 0.
    if (result.exitCode !== 0)
      throw cannot(what, 'it could not be unpacked', { detail: result.stderr.trim(), hint: 'give a tar archive or a .deb' });
    const found = await libraryIn(whole);
    if (!found)
      throw cannot(what, 'there is no library/core in it', { blame: 'usage', hint: 'a rust-src archive has the folder library/ in it' });
    const version = (await versionOf(found, whole)) || versionInName(basename(archive));
    const { digest } = await digestLibrary(found);
    await rename(found, join(partial, 'library'));
    await rm(whole, { recursive: true, force: true });
    await writeFile(join(partial, recordName), JSON.stringify({ version, origin, digest }));
    await publish(partial, folder);
    return { folder, version, origin, digest };
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
}

async function unpackCommand(archive: string, into: string, path: string): Promise<readonly string[]> {
  if (archive.endsWith('.deb')) return [await tool('dpkg-deb', path), '-x', archive, into];
  return [await tool('tar', path), '--extract', '--no-same-owner', '--file', archive, '--directory', into];
}

/** Whoever came first wins; the loser's copy has the same content. */
async function publish(partial: string, folder: string): Promise<void> {
  try {
    await rename(partial, folder);
  } catch (error) {
    if (errnoOf(error) !== 'ENOTEMPTY' && errnoOf(error) !== 'EEXIST') throw error;
  }
}

async function keptLibrary(folder: string): Promise<KeptLibrary | undefined> {
  try {
    const record: unknown = JSON.parse(await readFile(join(folder, recordName), 'utf8'));
    if (typeof record !== 'object' || record === null || !('version' in record && 'origin' in record && 'digest' in record))
      return undefined;
    const { version, origin, digest } = record;
    return typeof version === 'string' && typeof origin === 'string' && isDigest(digest) ? { folder, version, origin, digest } : undefined;
  } catch {
    return undefined;
  }
}
