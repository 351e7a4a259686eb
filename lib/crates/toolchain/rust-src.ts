// Finds the source of the standard library, which build-std compiles: in a toolchain's sysroot, in a folder
// or archive that the user named, or in the cache. An archive is unpacked once into cache/rust-src/<sha256 of
// the archive>/ and published by rename. Of a whole compiler's source only `library` is kept. Downloads
// nothing: lib/host/rust-src-download.ts does that for doctor --install.
import { lstat, mkdir, mkdtemp, readdir, readFile, readlink, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import pLimit from 'p-limit';
import { byCodeUnit, digestBytes, digestFile, digestRecord, isDigest } from '../../core/digest.ts';
import type { Digest } from '../../core/digest.ts';
import { isTable } from '../../core/stored-values.ts';
import { absentAsUndefined, cannot, cannotBecause, errnoOf } from '../../core/errors.ts';
import { phase } from '../../core/events.ts';
import type { Context } from '../../core/events.ts';
import { remembered } from '../../core/remembered.ts';
import { run } from '../../core/sh.ts';
import { tool } from '../../core/tools.ts';
import { cargoHome } from '../cargo/config-files.ts';
import { minorOf } from './toolchain.ts';
import type { Toolchain } from './toolchain.ts';
import { pathOf } from '../../core/paths.ts';

export interface RustSrc {
  /** Absolute path of the folder `library` (with core/, alloc/, std/, Cargo.lock). */
  readonly libraryDir: string;
  /** `library/vendor`, a directory source with the library's dependencies, if the copy has one. */
  readonly vendorDir?: string;
  /** Digest of the content of libraryDir: paths, bytes, executable bits. */
  readonly digest: Digest;
  /** "1.97.1", or "" if the source that the user named has no version. */
  readonly version: string;
  /** Its origin for messages: `the archive "/x/rust-src-1.97.1.tar.xz"`. */
  readonly origin: string;
}

export interface RustSrcSearch {
  /** --rust-src, or BLOOMERY_RUST_SRC: the absolute path of a folder or an archive. */
  readonly named?: string | undefined;
  readonly cacheDir: string;
  /** Another cache that is searched: the user's own, in which doctor --install puts a copy. */
  readonly otherCacheDir?: string | undefined;
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Returns the source for `toolchain`, or undefined. Order: the source that the user named (if it does not
 * match, no other is used instead), the sysroot, the cache. A named path without a standard library is a
 * Failure.
 */
export async function findRustSrc(toolchain: Toolchain, search: RustSrcSearch, context: Context): Promise<RustSrc | undefined> {
  if (search.named !== undefined) {
    const named = await namedRustSrc(search.named, search, context);
    return fits(toolchain, named.version) ? named : undefined;
  }
  const own = join(toolchain.sysroot, 'lib/rustlib/src/rust/library');
  if (await isLibrary(own)) {
    // rustup records no version: a sysroot's source has the version of its compiler, unless a path contains
    // another (as in Debian).
    const version = (await versionOf(await realpath(own))) || toolchain.release;
    if (fits(toolchain, version) && (await isComplete(own, search.env))) {
      return installed(own, version, `the sysroot of ${toolchain.name}`, search.cacheDir);
    }
  }
  const caches = [search.cacheDir, ...(search.otherCacheDir === undefined ? [] : [search.otherCacheDir])];
  for (const kept of (await Promise.all(caches.map(keptLibraries))).flat()) {
    const libraryDir = join(kept.folder, 'library');
    const isFit = kept.version !== '' && fits(toolchain, kept.version);
    if (isFit && (await isComplete(libraryDir, search.env))) return described(libraryDir, kept);
  }
  return undefined;
}

/**
 * Whether the packages that the library depends on are available: in its own folder `vendor`, which copies of
 * old versions lack, or in the user's cargo home. Without them cargo cannot plan.
 */
async function isComplete(libraryDir: string, env: RustSrcSearch['env']): Promise<boolean> {
  if (await absentAsUndefined(stat(join(libraryDir, 'vendor')))) return true;
  const lock = await readFile(join(libraryDir, 'Cargo.lock'), 'utf8');
  const crates = [...lock.matchAll(/^name = "(.+)"\nversion = "(.+)"\nsource = "registry\+/gm)].map(
    ([, name, version]) => `${name}-${version}.crate`,
  );
  if (crates.length === 0) return true;
  const downloads = join(cargoHome(env), 'registry/cache');
  const registries = await readdir(downloads).catch(() => []);
  const files = new Set((await Promise.all(registries.map((name) => readdir(join(downloads, name)).catch(() => [])))).flat());
  return crates.every((file) => files.has(file));
}

/** Whether the minor version is the same. An unknown version (of a folder that the user named) is accepted. */
export function fits(toolchain: Pick<Toolchain, 'release'>, version: string): boolean {
  return version === '' || minorOf(version) === minorOf(toolchain.release);
}

/**
 * Returns the source for --rust-src: a folder with `library` in it (or `library` itself), or an archive,
 * which is unpacked once.
 */
export async function namedRustSrc(path: string, search: RustSrcSearch, context: Context): Promise<RustSrc> {
  const what = `use the standard library source "${path}"`;
  const about = await stat(path).catch(() => undefined);
  if (!about)
    throw cannot(what, 'it does not exist', {
      blame: 'usage',
      hint: 'give --rust-src (or BLOOMERY_RUST_SRC) a folder or an archive with library/core in it',
    });
  if (!about.isDirectory()) {
    const kept = await keepArchive(path, `the archive "${path}"`, search, context);
    return described(join(kept.folder, 'library'), kept);
  }
  const libraryDir = await libraryIn(path);
  if (!libraryDir)
    throw cannot(what, 'there is no library/core in it', { blame: 'usage', hint: 'it should be the folder that has library/ in it' });
  const { digest } = await rememberedDigest(libraryDir, search.cacheDir, (paths) => paths);
  return described(libraryDir, { version: await versionOf(libraryDir), origin: `the folder "${path}"`, digest });
}

/**
 * Returns a source that a package manager installed. Its files change together, so it is enough to watch a
 * few of them.
 */
async function installed(libraryDir: string, version: string, origin: string, cacheDir: string): Promise<RustSrc> {
  const { digest } = await rememberedDigest(libraryDir, cacheDir, () =>
    ['.', 'Cargo.lock', 'core/src/lib.rs', 'std/src/lib.rs'].map((path) => join(libraryDir, path)),
  );
  return described(libraryDir, { version, origin, digest });
}

async function rememberedDigest(
  libraryDir: string,
  cacheDir: string,
  witnessesOf: (paths: readonly string[]) => readonly string[],
): Promise<{ digest: Digest }> {
  return remembered(
    cacheDir,
    'rust-src',
    { libraryDir },
    async () => {
      const { digest, paths } = await digestLibrary(libraryDir);
      return { value: { digest }, witnesses: witnessesOf(paths) };
    },
    hasDigest,
  );
}

function hasDigest(value: unknown): value is { digest: Digest } {
  return isTable(value) && isDigest(value['digest']);
}

async function described(libraryDir: string, { version, origin, digest }: Omit<KeptLibrary, 'folder'>): Promise<RustSrc> {
  const vendorDir = join(libraryDir, 'vendor');
  const vendored = await stat(vendorDir).then(
    (about) => about.isDirectory(),
    () => false,
  );
  return { libraryDir, ...(vendored ? { vendorDir } : {}), digest, version, origin };
}

/** Whether a folder is a `library` folder with which cargo's build-std can plan. */
export async function isLibrary(folder: string): Promise<boolean> {
  const parts = await Promise.all(
    ['Cargo.lock', 'core/src/lib.rs', 'alloc/src/lib.rs'].map((part) =>
      stat(join(folder, part)).then(
        () => true,
        () => false,
      ),
    ),
  );
  return parts.every(Boolean);
}

/**
 * Greatest depth of `library`: rust-src-1.97.1/rust-src/lib/rustlib/src/rust/library in rustup's own
 * component archives.
 */
const deepest = 7;

/**
 * Returns the `library` folder that `folder` is or contains, the nearest first, or undefined. Links are not
 * followed.
 */
export async function libraryIn(folder: string): Promise<string | undefined> {
  let level: readonly string[] = [folder];
  for (let depth = 0; depth <= deepest && level.length > 0; depth++) {
    for (const candidate of level) {
      if (await isLibrary(candidate)) return candidate;
    }
    level = (await Promise.all(level.map(subfolders))).flat();
    // In a whole compiler's source only the path to `library` is searched.
    const onTheWay = level.filter((path) => basename(path) === 'library');
    if (onTheWay.length > 0) level = onTheWay;
  }
  return undefined;
}

/**
 * Returns "1.97.1", from a file `version` in or above the library, or from a folder's name, up to `root`.
 * Returns '' if there is no version.
 */
export async function versionOf(libraryDir: string, root = '/'): Promise<string> {
  for (let folder = libraryDir; ; folder = dirname(folder)) {
    const text = await readFile(join(folder, 'version'), 'utf8').catch(() => '');
    const version = /^(\d+\.\d+\.\d+\S*)/.exec(text)?.[1] ?? versionInName(basename(folder));
    if (version) return version;
    if (folder === root || folder === dirname(folder)) return '';
  }
}

/**
 * Returns "1.97.1" for "rust-src-1.97.1", "rustc-1.97.1-src", "rust-src_1.97.1+dfsg1-1_all.deb",
 * "1.97.1-x86_64-unknown-linux-gnu".
 */
export function versionInName(name: string): string {
  return /^(?:rust(?:c|-src)?[-_])?(1\.\d+\.\d+)(?![\d])/.exec(name)?.[1] ?? '';
}

export interface TreeDigest {
  readonly digest: Digest;
  /** Absolute paths of every file and folder whose change would change the digest. */
  readonly paths: readonly string[];
}

/**
 * Returns the digest over sorted relative paths, executable bits and content. A link that leads out of the
 * folder is a Failure.
 */
export async function digestLibrary(libraryDir: string): Promise<TreeDigest> {
  const entries = (await readdir(libraryDir, { recursive: true })).sort(byCodeUnit);
  const limit = pLimit(16);
  const records = await Promise.all(
    entries.map((entry) =>
      limit(async () => {
        const path = join(libraryDir, entry);
        const about = await lstat(path);
        if (about.isDirectory()) return [entry, 'folder'];
        if (about.isSymbolicLink()) return [entry, 'link', await linkWithin(libraryDir, path)];
        return [entry, about.mode & 0o100 ? 'program' : 'file', digestBytes(await readFile(path))];
      }),
    ),
  );
  return { digest: digestRecord(records), paths: [libraryDir, ...entries.map((entry) => join(libraryDir, entry))] };
}

async function linkWithin(root: string, path: string): Promise<string> {
  const target = await readlink(path);
  const inside = relative(root, resolve(dirname(path), target));
  if (inside.split('/')[0] === '..') {
    throw cannot(`use the standard library source "${root}"`, `its link "${relative(root, path)}" leads out of it, to "${target}"`);
  }
  return target;
}

async function subfolders(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
    .map((entry) => join(folder, entry.name))
    .sort(byCodeUnit);
}

/** A copy in the cache: `<folder>/library`, and the data that was recorded when it was unpacked. */
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

/**
 * Returns all copies, sorted by the name of their folder, which is the digest of the archive. A copy with a
 * damaged record is ignored.
 */
export async function keptLibraries(cacheDir: string): Promise<readonly KeptLibrary[]> {
  const names = (await readdir(join(cacheDir, 'rust-src')).catch(() => [])).filter(isDigest).sort(byCodeUnit);
  const kept = await Promise.all(names.map((name) => keptLibrary(join(cacheDir, 'rust-src', name))));
  return kept.filter((copy) => copy !== undefined);
}

/**
 * Returns the copy of an archive (any format of tar, or a .deb), which is unpacked if necessary. `origin`
 * describes its origin. An archive that tar refuses, or that has no standard library, is a Failure and leaves
 * no files.
 */
export async function keepArchive(
  archive: string,
  origin: string,
  { cacheDir, env }: ArchiveCache,
  context: Context,
): Promise<KeptLibrary> {
  const what = `use the standard library source "${archive}"`;
  try {
    const sha256 = await remembered<Digest>(
      cacheDir,
      'rust-src-archive',
      { archive },
      async () => ({
        value: await digestFile(archive),
        witnesses: [archive],
      }),
      isDigest,
    );
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
    const result = await run(await unpackCommand(archive, whole, pathOf(env)), { cwd: partial, env, signal });
    // tar itself refuses members with ".." or a leading "/" and then ends with a status other than 0.
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
    await publishCopy(partial, folder);
    return { folder, version, origin, digest };
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
}

async function unpackCommand(archive: string, into: string, path: string): Promise<readonly string[]> {
  if (archive.endsWith('.deb')) return [await tool('dpkg-deb', path), '-x', archive, into];
  return [await tool('tar', path), '--extract', '--no-same-owner', '--file', archive, '--directory', into];
}

/** The first process publishes its copy. A second copy has the same content and is dropped. */
async function publishCopy(partial: string, folder: string): Promise<void> {
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
