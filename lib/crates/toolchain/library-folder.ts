// A folder of the standard library: how one is recognised inside an unpacked source, which version it is, and the digest of its content.
// Knows nothing of toolchains, archives or downloads.
import { lstat, readdir, readFile, readlink, stat } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import pLimit from 'p-limit';
import { byCodeUnit, digestBytes, digestRecord } from '../../core/digest.ts';
import type { Digest } from '../../core/digest.ts';
import { cannot } from '../../core/errors.ts';

/** Is this a `library` folder that cargo's build-std can plan from? */
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

/** How deep `library` lies at most: rust-src-1.97.1/rust-src/lib/rustlib/src/rust/library in rustup's own component archives. */
const deepest = 7;

/** The `library` folder that `folder` is or has in it, nearest first; undefined when there is none. Links are not followed. */
export async function libraryIn(folder: string): Promise<string | undefined> {
  let level: readonly string[] = [folder];
  for (let depth = 0; depth <= deepest && level.length > 0; depth++) {
    for (const candidate of level) {
      if (await isLibrary(candidate)) return candidate;
    }
    level = (await Promise.all(level.map(subfolders))).flat();
    // Of a whole compiler's source only the way to `library` is of interest.
    const onTheWay = level.filter((path) => basename(path) === 'library');
    if (onTheWay.length > 0) level = onTheWay;
  }
  return undefined;
}

/** "1.97.1", from a file `version` beside or above the library, or from a folder's name, up to `root`; '' when nothing says it. */
export async function versionOf(libraryDir: string, root = '/'): Promise<string> {
  for (let folder = libraryDir; ; folder = dirname(folder)) {
    const text = await readFile(join(folder, 'version'), 'utf8').catch(() => '');
    const version = /^(\d+\.\d+\.\d+\S*)/.exec(text)?.[1] ?? versionInName(basename(folder));
    if (version) return version;
    if (folder === root || folder === dirname(folder)) return '';
  }
}

/** "1.97.1" of "rust-src-1.97.1", "rustc-1.97.1-src", "rust-src_1.97.1+dfsg1-1_all.deb", "1.97.1-x86_64-unknown-linux-gnu". */
export function versionInName(name: string): string {
  return /^(?:rust(?:c|-src)?[-_])?(1\.\d+\.\d+)(?![\d])/.exec(name)?.[1] ?? '';
}

export interface TreeDigest {
  readonly digest: Digest;
  /** Every file and folder, absolute: whose change would change the digest. */
  readonly paths: readonly string[];
}

/** The digest over sorted relative paths, executable bits and content. A link that leads out of the folder is a Failure. */
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
