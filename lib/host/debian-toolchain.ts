// A Rust toolchain of Debian's packages for a host that has none that can build everything: fetched by a private apt, unpacked into the cache, and
// started by the dynamic linker that comes with it. Nothing of it is installed on the host, whose release may be older. Links are still made by the
// host's own compiler for the host's own C library.
import { chmod, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pLimit from 'p-limit';
import { cannot, errnoOf, Failure } from '../core/errors.ts';
import { phase } from '../core/events.ts';
import type { Context } from '../core/events.ts';
import { findProgram, outputOf } from '../core/sh.ts';
import { formatBytes, plural } from '../core/sizes.ts';
import { tool } from '../core/tools.ts';
import { privateLibraries } from '../crates/toolchain/identity.ts';
import { libraryIn } from '../crates/toolchain/rust-src.ts';
import { keptToolchainsFolder, toolchainAt } from '../crates/toolchain/toolchain.ts';
import type { Toolchain } from '../crates/toolchain/toolchain.ts';
import { aptRoot, hostMirror } from '../sources/debian/apt-root.ts';
import type { AptHost, AptRoot } from '../sources/debian/apt-root.ts';
import { complaintOf } from './complaint.ts';
import { installArguments, installedPackage, linkersPackage, packageFiles, programScript, versionOf } from './debian-packages.ts';
import type { PackageFile } from './debian-packages.ts';

/** Where Debian's packages are looked for. Both have had a rust-src with its dependencies since 1.95. */
const suites: readonly { readonly suite: string; readonly base?: string }[] = [
  { suite: 'trixie-backports', base: 'trixie' },
  { suite: 'sid' },
];

interface Offer {
  readonly root: AptRoot;
  readonly names: readonly string[];
  readonly files: readonly PackageFile[];
}

/** Unpacks the newest toolchain that Debian offers into the cache, and reports its size before. Returns why not where that fails. */
export async function debianToolchain(host: AptHost, context: Context): Promise<Toolchain | string> {
  const mirror = await hostMirror();
  if (!mirror || !(await findProgram('apt-get', host.env['PATH'] ?? '')))
    return 'this host has no Debian mirror to take rustc and cargo from';
  const refusals: string[] = [];
  for (const { suite, base } of suites) {
    try {
      const root = await phase(`read Debian's index of ${suite}`, context.report, () => aptRoot(suite, mirror, host, context, { base }));
      const offer = await offerOf(root, context);
      return await keep(offer, host, context);
    } catch (error) {
      if (!(error instanceof Failure) || context.signal.aborted) throw error;
      refusals.push(`${suite}: ${complaintOf(error.detail ?? error.message)}`);
    }
  }
  return `Debian's packages could not be taken (${refusals.join('; ')})`;
}

/** The packages of a suite that the toolchain needs on a host that has a C compiler. */
async function offerOf(root: AptRoot, context: Context): Promise<Offer> {
  const status = join(root.folder, 'toolchain-status');
  await writeFile(status, packagesOfHost);
  const names = ['rustc', 'cargo', 'rust-src'];
  const first = packageFiles(await aptGet(root, ['--print-uris', ...installArguments(root.suite, status, names)], context));
  // The linker of the same LLVM: rustc calls it rust-lld, and links programs without an operating system with it.
  const all = [...names, linkersPackage(first)];
  return {
    root,
    names: all,
    files: packageFiles(await aptGet(root, ['--print-uris', ...installArguments(root.suite, status, all)], context)),
  };
}

/** What the host has and the toolchain uses from there. */
const packagesOfHost = ['gcc', 'libc6-dev', 'binutils'].map(installedPackage).join('\n');

async function keep({ root, names, files }: Offer, host: AptHost, context: Context): Promise<Toolchain> {
  const { report } = context;
  const folder = keptToolchainsFolder(host.cacheDir);
  await mkdir(folder, { recursive: true });
  const partial = await mkdtemp(join(folder, '.partial-'));
  try {
    const sizeBytes = files.reduce((sum, file) => sum + file.sizeBytes, 0);
    const version = versionOf(files, 'rustc');
    report({
      kind: 'note',
      text:
        `taking rustc and cargo ${version} from ${root.suite} of Debian: ${plural(files.length, 'package')}, ${formatBytes(sizeBytes)} to download, ` +
        `unpacked in ${folder}; nothing is installed on this host`,
    });
    const archives = join(partial, 'archives');
    await mkdir(join(archives, 'partial'), { recursive: true });
    const status = join(root.folder, 'toolchain-status');
    const words = ['--download-only', '-o', `Dir::Cache::archives=${archives}`, ...installArguments(root.suite, status, names)];
    await phase(`download ${plural(files.length, 'package')}`, report, () => aptGet(root, words, context));
    const unpacked = join(partial, 'unpacked');
    await phase('unpack the toolchain', report, () => unpackAll(archives, unpacked, host, context));
    const sysroot = join(partial, 'sysroot');
    await arrange(unpacked, sysroot);
    const release = await tried(sysroot, context);
    return await publish(sysroot, join(folder, `debian-${release}`), host, context);
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
}

async function aptGet({ folder, env }: AptRoot, words: readonly string[], { signal }: Context): Promise<string> {
  const argv = [await tool('apt-get', env['PATH'] ?? ''), 'install', ...words];
  return outputOf("fetch Debian's packages of Rust", argv, { cwd: folder, env, signal });
}

/** Of the compiler's source only the standard library is kept, which is a tenth of it. */
async function unpackAll(archives: string, into: string, { env }: AptHost, { signal }: Context): Promise<void> {
  await mkdir(into);
  const path = env['PATH'] ?? '';
  const [dpkgDeb, sh] = await Promise.all([tool('dpkg-deb', path), tool('sh', path)]);
  const libraryOnly = '"$1" --fsys-tarfile "$2" | tar --extract --no-same-owner --directory "$3" --wildcards "*/library"';
  const limit = pLimit(2);
  const debs = (await readdir(archives)).filter((name) => name.endsWith('.deb'));
  await Promise.all(
    debs.map((name) =>
      limit(async () => {
        const deb = join(archives, name);
        const isSource = name.startsWith('rust-src_');
        const argv = isSource ? [sh, '-c', libraryOnly, 'sh', dpkgDeb, deb, into] : [dpkgDeb, '-x', deb, into];
        await outputOf(`unpack ${name}`, argv, { cwd: into, env, signal });
      }),
    ),
  );
}

/**
 * Puts unpacked packages into the layout of rustup's toolchains. Libraries of its programs are in a folder of their own, because actions have
 * the sysroot's lib in LD_LIBRARY_PATH, where the host's programs must not find another C library.
 */
async function arrange(unpacked: string, sysroot: string): Promise<void> {
  const libraries = join(unpacked, 'usr/lib');
  const triple = (await readdir(join(libraries, 'rustlib'))).find((name) => /-linux-gnu/.test(name));
  const driver = await found(libraries, /^librustc_driver-.*\.so$/);
  const loader = await found(libraries, /^ld-linux.*\.so\.\d+$/);
  const lld = await found(libraries, /^llvm-\d+$/);
  const library = await libraryIn(join(unpacked, 'usr/src'));
  if (triple === undefined || !library) throw cannot("use Debian's packages of Rust", 'they have no standard library', { blame: 'host' });
  const own = join(sysroot, privateLibraries);
  const rustlib = join(sysroot, 'lib/rustlib', triple);
  for (const folder of [own, join(sysroot, 'bin'), join(rustlib, 'bin'), join(sysroot, 'lib/rustlib/src/rust')])
    await mkdir(folder, { recursive: true });
  await rename(driver.path, join(sysroot, 'lib', driver.name));
  for (const { name, path } of await sharedObjects(libraries)) await rename(path, join(own, name));
  await rename(join(libraries, 'rustlib', triple, 'lib'), join(rustlib, 'lib'));
  await rename(library, join(sysroot, 'lib/rustlib/src/rust/library'));
  for (const program of ['rustc', 'cargo', 'rustdoc']) {
    await rename(join(unpacked, 'usr/bin', program), join(own, program));
    await writeScript(join(sysroot, 'bin', program), programScript(program, '..', loader.name));
  }
  await rename(join(lld.path, 'bin/lld'), join(own, 'lld'));
  await writeScript(join(rustlib, 'bin/rust-lld'), programScript('lld', '../../../..', loader.name));
}

async function writeScript(path: string, text: string): Promise<void> {
  await writeFile(path, text);
  await chmod(path, 0o755);
}

interface FoundFile {
  readonly name: string;
  readonly path: string;
}

/** Files and links in the folders of libraries, or these folders' own entries. */
async function filesOfLibraries(libraries: string): Promise<readonly FoundFile[]> {
  const entries = await readdir(libraries, { withFileTypes: true });
  const folders = entries.filter((entry) => entry.isDirectory() && entry.name !== 'rustlib');
  const inside = await Promise.all(
    folders.map(async ({ name: folder }) =>
      (await readdir(join(libraries, folder))).map((name) => ({ name, path: join(libraries, folder, name) })),
    ),
  );
  return [...entries.map(({ name }) => ({ name, path: join(libraries, name) })), ...inside.flat()];
}

async function found(libraries: string, name: RegExp): Promise<FoundFile> {
  const file = (await filesOfLibraries(libraries)).find((candidate) => name.test(candidate.name));
  if (!file) throw cannot("use Debian's packages of Rust", `nothing in them is named as ${String(name)}`, { blame: 'host' });
  return file;
}

async function sharedObjects(libraries: string): Promise<readonly FoundFile[]> {
  return (await filesOfLibraries(libraries)).filter(({ name }) => /\.so(?:\.|$)/.test(name));
}

/** Starts each program once. Returns the release of rustc: "1.97.1". */
async function tried(sysroot: string, { signal }: Context): Promise<string> {
  const options = { cwd: '/', env: { HOME: '/' }, signal };
  const what = "try Debian's packages of Rust";
  const verbose = await outputOf(what, [join(sysroot, 'bin/rustc'), '-vV'], options);
  await outputOf(what, [join(sysroot, 'bin/cargo'), '-V'], options);
  const release = /^release: (\S+)$/m.exec(verbose)?.[1];
  if (release === undefined) throw cannot(what, 'rustc did not print its release', { blame: 'host', detail: verbose });
  return release;
}

/** A toolchain of the same release that another process published first is as good. */
async function publish(sysroot: string, folder: string, host: AptHost, context: Context): Promise<Toolchain> {
  await rename(sysroot, folder).catch((error: unknown) => {
    if (errnoOf(error) !== 'ENOTEMPTY' && errnoOf(error) !== 'EEXIST') throw error;
  });
  const toolchain = await toolchainAt(folder, folder.slice(folder.lastIndexOf('/') + 1), 'cache', host, context);
  if (!toolchain) throw new Error(`"${folder}" has no rustc`);
  return toolchain;
}
