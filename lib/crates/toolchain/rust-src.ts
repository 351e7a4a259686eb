// The source of the standard library, which build-std compiles: found in a toolchain's sysroot, in a folder or archive that a person names, or
// among the copies unpacked in the cache. Downloads nothing: lib/host/rust-src-download.ts does that for doctor --install.
import { realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Digest } from '../../core/digest.ts';
import { cannot } from '../../core/errors.ts';
import type { Context } from '../../core/events.ts';
import { remembered } from '../../core/remembered.ts';
import { digestLibrary, isLibrary, libraryIn, versionOf } from './library-folder.ts';
import { keepArchive, keptLibraries } from './rust-src-archive.ts';
import type { KeptLibrary } from './rust-src-archive.ts';
import type { Toolchain } from './toolchain.ts';
import { minorOf } from './toolchain.ts';

export interface RustSrc {
  /** Absolute path of the folder `library` (it has core/, alloc/, std/, Cargo.lock). */
  readonly libraryDir: string;
  /** `library/vendor`, a directory source with the library's dependencies, where the copy has one. */
  readonly vendorDir?: string;
  /** Of the content of libraryDir: paths, bytes, executable bits. */
  readonly digest: Digest;
  /** "1.97.1"; "" when what a person named does not say. */
  readonly version: string;
  /** Where it comes from, in words: `the archive "/x/rust-src-1.97.1.tar.xz"`. */
  readonly origin: string;
}

export interface RustSrcSearch {
  /** --rust-src, or BLOOMERY_RUST_SRC: the absolute path of a folder or an archive. */
  readonly named?: string | undefined;
  readonly cacheDir: string;
  /** Another cache whose copies will do: the person's own, where doctor --install puts one. */
  readonly otherCacheDir?: string | undefined;
  readonly env: Readonly<Record<string, string>>;
}

/**
 * The source that fits `toolchain`, or undefined. Order: what the person named (when it does not fit, nothing else is taken in its place),
 * the sysroot, the cache. A named path without a standard library is a Failure.
 */
export async function findRustSrc(toolchain: Toolchain, search: RustSrcSearch, context: Context): Promise<RustSrc | undefined> {
  if (search.named !== undefined) {
    const named = await namedRustSrc(search.named, search, context);
    return fits(toolchain, named.version) ? named : undefined;
  }
  const own = join(toolchain.sysroot, 'lib/rustlib/src/rust/library');
  if (await isLibrary(own)) {
    // rustup writes no version down: a sysroot's source is its compiler's own, unless a path says otherwise (Debian's does).
    const version = (await versionOf(await realpath(own))) || toolchain.release;
    if (fits(toolchain, version)) return installed(own, version, `the sysroot of ${toolchain.name}`, search.cacheDir);
  }
  const caches = [search.cacheDir, ...(search.otherCacheDir === undefined ? [] : [search.otherCacheDir])];
  const kept = (await Promise.all(caches.map(keptLibraries))).flat().find(({ version }) => version !== '' && fits(toolchain, version));
  return kept && described(join(kept.folder, 'library'), kept);
}

/** The same minor version; one that is not known (of a folder that the person named) is taken at their word. */
export function fits(toolchain: Pick<Toolchain, 'release'>, version: string): boolean {
  return version === '' || minorOf(version) === minorOf(toolchain.release);
}

/** What --rust-src names: a folder with `library` in it (or `library` itself), or an archive, which is unpacked once. */
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

/** A source that a package manager installed: its files change together, so a few of them bear witness for all. */
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
  return remembered(cacheDir, 'rust-src', { libraryDir }, async () => {
    const { digest, paths } = await digestLibrary(libraryDir);
    return { value: { digest }, witnesses: witnessesOf(paths) };
  });
}

async function described(libraryDir: string, { version, origin, digest }: Omit<KeptLibrary, 'folder'>): Promise<RustSrc> {
  const vendorDir = join(libraryDir, 'vendor');
  const vendored = await stat(vendorDir).then(
    (about) => about.isDirectory(),
    () => false,
  );
  return { libraryDir, ...(vendored ? { vendorDir } : {}), digest, version, origin };
}
