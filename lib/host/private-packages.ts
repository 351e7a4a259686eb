// Downloads packages of Debian and related distributions with their dependencies, and unpacks them into a
// folder. Their programs run there with their own dynamic linker. Nothing is installed. apt-get reads a
// separate list of installed packages and needs no permission.
import { chmod, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pLimit from 'p-limit';
import { cannot } from '../core/errors.ts';
import { phase } from '../core/events.ts';
import type { Context } from '../core/events.ts';
import { outputOf } from '../core/sh.ts';
import { plural } from '../core/sizes.ts';
import { tool } from '../core/tools.ts';
import { installedPackage, packageFiles } from './debian-packages.ts';
import type { PackageFile } from './debian-packages.ts';
import { pathOf } from '../core/paths.ts';

/** An apt from which packages come: the host's own, or a private one, selected by its environment. */
export interface PackageSource {
  readonly env: Readonly<Record<string, string>>;
  /** A folder for downloads, which the caller removes. */
  readonly folder: string;
  /** The suite from which packages come. If absent, it is the host's own. */
  readonly suite?: string | undefined;
}

/** Packages that the programs use from the host. */
const packagesOfHost = ['gcc', 'libc6-dev', 'binutils'];

/** Returns the packages that apt would download for these names. Throws a Failure for an unknown name. */
export async function packagesFor(source: PackageSource, names: readonly string[], context: Context): Promise<readonly PackageFile[]> {
  return packageFiles(await aptGet(source, ['--print-uris', ...names], context));
}

/**
 * Downloads the packages and their dependencies, which apt checks against its signed index, and unpacks them
 * into `into`.
 */
export async function unpackPackages(
  source: PackageSource,
  files: readonly PackageFile[],
  names: readonly string[],
  into: string,
  context: Context,
): Promise<void> {
  const archives = join(source.folder, 'archives');
  await mkdir(join(archives, 'partial'), { recursive: true });
  const words = ['--download-only', '-o', `Dir::Cache::archives=${archives}`, ...names];
  await phase(`download ${plural(files.length, 'package')}`, context.report, () => aptGet(source, words, context));
  await phase(`unpack ${plural(files.length, 'package')}`, context.report, () => unpackAll(archives, into, source, context));
  await rm(archives, { recursive: true });
}

async function aptGet({ env, folder, suite }: PackageSource, words: readonly string[], { signal }: Context): Promise<string> {
  const status = join(folder, 'status');
  await writeFile(status, packagesOfHost.map(installedPackage).join('\n'));
  const argv = [
    await tool('apt-get', pathOf(env)),
    'install',
    '--yes',
    '--no-install-recommends',
    ...(suite === undefined ? [] : ['--target-release', suite]),
    ...['-o', `Dir::State::status=${status}`, '-o', 'Debug::NoLocking=true'],
    ...words,
  ];
  return outputOf('fetch packages', argv, { cwd: folder, env: { ...env, LC_ALL: 'C' }, signal });
}

/** Unpacks all packages. Of the compiler's source only the standard library is kept, which is a tenth of it. */
async function unpackAll(archives: string, into: string, { env }: PackageSource, { signal }: Context): Promise<void> {
  await mkdir(into, { recursive: true });
  const path = pathOf(env);
  const [dpkgDeb, sh] = await Promise.all([tool('dpkg-deb', path), tool('sh', path)]);
  const libraryOnly = '"$1" --fsys-tarfile "$2" | tar --extract --no-same-owner --directory "$3" --wildcards "*/library"';
  const limit = pLimit(2);
  const debs = (await readdir(archives)).filter((name) => name.endsWith('.deb'));
  await Promise.all(
    debs.map((name) =>
      limit(async () => {
        const deb = join(archives, name);
        const isSource = /^rust-(?:[\d.]+-)?src_/.test(name);
        const argv = isSource ? [sh, '-c', libraryOnly, 'sh', dpkgDeb, deb, into] : [dpkgDeb, '-x', deb, into];
        await outputOf(`unpack ${name}`, argv, { cwd: into, env, signal });
      }),
    ),
  );
}

export interface FoundFile {
  readonly name: string;
  readonly path: string;
}

/**
 * Returns the entry in an unpacked usr/lib, or in a folder of it, whose name matches. Throws a Failure if
 * no entry matches.
 */
export async function foundIn(unpacked: string, name: RegExp): Promise<FoundFile> {
  const file = (await filesOfLibraries(join(unpacked, 'usr/lib'))).find((candidate) => name.test(candidate.name));
  if (!file) throw cannot('use unpacked packages', `nothing in them is named as ${String(name)}`, { blame: 'host' });
  return file;
}

/**
 * Moves all shared libraries of unpacked packages into one folder, except those of rustc itself. Returns the
 * name of the dynamic linker among them.
 */
export async function gatherLibraries(unpacked: string, into: string): Promise<string> {
  const loader = await foundIn(unpacked, /^ld-linux.*\.so\.\d+$/);
  await mkdir(into, { recursive: true });
  for (const { name, path } of await filesOfLibraries(join(unpacked, 'usr/lib'))) {
    if (/\.so(?:\.|$)/.test(name) && !name.startsWith('librustc_driver')) await rename(path, join(into, name));
  }
  return loader.name;
}

export async function writeProgram(path: string, text: string): Promise<void> {
  await writeFile(path, text);
  await chmod(path, 0o755);
}

/**
 * Returns the entries of a folder of libraries and of its subfolders. The standard libraries of rustc are
 * left out.
 */
export async function filesOfLibraries(libraries: string): Promise<readonly FoundFile[]> {
  const entries = await readdir(libraries, { withFileTypes: true });
  const folders = entries.filter((entry) => entry.isDirectory() && entry.name !== 'rustlib');
  const inside = await Promise.all(
    folders.map(async ({ name: folder }) =>
      (await readdir(join(libraries, folder))).map((name) => ({ name, path: join(libraries, folder, name) })),
    ),
  );
  return [...entries.map(({ name }) => ({ name, path: join(libraries, name) })), ...inside.flat()];
}
