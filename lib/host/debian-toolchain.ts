// Obtains a Rust toolchain from packages of Debian or Ubuntu, for a host whose toolchains cannot build
// everything. apt downloads the packages. They are unpacked into the cache and started with their own dynamic
// linker. They are not installed on the host, whose release may be older. Programs that this toolchain
// compiles are linked by the host's own C compiler and C library.
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Failure, absentAsUndefined, cannot, errnoOf } from '../core/errors.ts';
import { phase } from '../core/events.ts';
import type { Context } from '../core/events.ts';
import { findProgram, outputOf } from '../core/sh.ts';
import { formatBytes, plural } from '../core/sizes.ts';
import { tool } from '../core/tools.ts';
import { privateLibraries } from '../crates/toolchain/identity.ts';
import { libraryIn } from '../crates/toolchain/rust-src.ts';
import { compareReleases, keptToolchainsFolder, toolchainAt } from '../crates/toolchain/toolchain.ts';
import type { Toolchain } from '../crates/toolchain/toolchain.ts';
import { aptRoot, hostMirror } from '../sources/debian/apt-root.ts';
import type { AptHost } from '../sources/debian/apt-root.ts';
import type { DebianMirror } from '../sources/debian/debian-mirror.ts';
import { complaintOf } from './complaint.ts';
import { linkersPackage, newestVersioned, versionOf } from './debian-packages.ts';
import { writeLauncher } from './launcher.ts';
import { filesOfLibraries, foundIn, gatherLibraries, packagesFor, unpackPackages } from './private-packages.ts';
import { pathOf } from '../core/paths.ts';

/** Suites of Debian in which packages are searched. Both have a rust-src with its dependencies since 1.95. */
const suites: readonly { readonly suite: string; readonly base?: string }[] = [
  { suite: 'trixie-backports', base: 'trixie' },
  { suite: 'sid' },
];

const programs = ['rustc', 'cargo', 'rustdoc'];

/** The packages of a toolchain. */
interface Offer {
  /** For example "trixie-backports of Debian". */
  readonly from: string;
  readonly names: readonly string[];
  readonly suite?: string;
  readonly env: AptHost['env'];
}

/**
 * Unpacks the newest toolchain of the distribution into the cache, and reports its size before the download.
 * Returns the reason if that fails.
 */
export async function debianToolchain(host: AptHost, context: Context): Promise<Toolchain | string> {
  const path = pathOf(host.env);
  if (!(await findProgram('apt-get', path)) || !(await findProgram('apt-cache', path)))
    return 'this host has no apt to take rustc and cargo from';
  if (!(await findProgram('cc', path)))
    return 'packages of Rust are started by a program that needs the C compiler cc, which is not installed';
  const mirror = await hostMirror();
  const ways = mirror
    ? suites.map(
        ({ suite, base }) =>
          () =>
            offerOf(suite, base, mirror, host, context),
      )
    : [() => ownOffer(host, context)];
  const refusals: string[] = [];
  for (const way of ways) {
    try {
      const offer = await way();
      if (typeof offer === 'string') return offer;
      return await keep(offer, { folder: keptToolchainsFolder(host.cacheDir), prefix: 'debian' }, host, context);
    } catch (error) {
      if (!(error instanceof Failure) || context.signal.aborted) throw error;
      refusals.push(complaintOf(error.detail ?? error.message));
    }
  }
  return `packages of Rust could not be taken (${refusals.join('; ')})`;
}

async function offerOf(suite: string, base: string | undefined, mirror: DebianMirror, host: AptHost, context: Context): Promise<Offer> {
  const { env } = await phase(`read Debian's index of ${suite}`, context.report, () => aptRoot(suite, mirror, host, context, { base }));
  return { from: `${suite} of Debian`, names: ['rustc', 'cargo', 'rust-src'], suite, env };
}

/** Returns Ubuntu's packages, whose names contain the version, or the reason why no package is suitable. */
async function ownOffer({ env }: AptHost, { signal }: Context): Promise<Offer | string> {
  const argv = [await tool('apt-cache', pathOf(env)), 'pkgnames', 'rustc-1.'];
  const printed = await outputOf('list packages of Rust', argv, { cwd: '/', env, signal });
  const version = newestVersioned(printed);
  if (version === undefined) return 'this host has no mirror of Debian, and its own release has no packages of a new rustc';
  return { from: 'the release of this host', names: [`rustc-${version}`, `cargo-${version}`, `rust-${version}-src`], env };
}

/**
 * The location of a toolchain. `folder` has one folder for each, named by `prefix` and the release of its
 * rustc.
 */
interface Place {
  readonly folder: string;
  readonly prefix: string;
}

/**
 * Returns the toolchain of a release of Debian ("trixie"), for tests of the compiler. It is kept in `folder`,
 * which builds do not use. It is downloaded if it is missing or if the release has a newer one. If the mirror
 * does not answer, the toolchain in `folder` is returned. Throws a Failure (host).
 */
export async function releaseToolchain(suite: string, folder: string, host: AptHost, context: Context): Promise<Toolchain> {
  const mirror = await hostMirror();
  if (!mirror) throw cannot(`get the Rust of Debian ${suite}`, 'this host has no mirror of Debian', { blame: 'host' });
  const offer = await offerOf(suite, undefined, mirror, host, context).catch((error: unknown) => {
    if (!(error instanceof Failure) || context.signal.aborted) throw error;
    return error;
  });
  if (!(offer instanceof Failure)) return await keep(offer, { folder, prefix: suite }, host, context);
  const kept = await newestKept(suite, folder, host, context);
  if (!kept) throw offer;
  context.report({
    kind: 'note',
    text: `taking rustc ${kept.release} of ${suite} from ${folder}, because the mirror of Debian does not answer`,
  });
  return kept;
}

async function newestKept(suite: string, folder: string, host: AptHost, context: Context): Promise<Toolchain | undefined> {
  const names = ((await absentAsUndefined(readdir(folder))) ?? []).filter((name) => name.startsWith(`${suite}-`));
  const found = await Promise.all(names.map((name) => toolchainAt(join(folder, name), name, 'path', host, context)));
  return found.filter((toolchain) => toolchain !== undefined).sort((a, b) => compareReleases(b.release, a.release))[0];
}

async function keep({ from, names, suite, env }: Offer, place: Place, host: AptHost, context: Context): Promise<Toolchain> {
  const { folder, prefix } = place;
  await mkdir(folder, { recursive: true });
  await removeLeftovers(folder);
  const partial = await mkdtemp(join(folder, `${partialName}${process.pid}-`));
  try {
    const source = { env, suite, folder: partial };
    // The linker of the same LLVM version. rustc calls it rust-lld, and links programs without an operating
    // system with it.
    const linker = linkersPackage(await packagesFor(source, names, context));
    const all = linker === undefined ? names : [...names, linker];
    const files = await packagesFor(source, all, context);
    const name = `${prefix}-${versionOf(files, names[0] ?? 'rustc')}`;
    const present = await toolchainAt(join(folder, name), name, 'cache', host, context);
    if (present) return present;
    const sizeBytes = files.reduce((sum, file) => sum + file.sizeBytes, 0);
    context.report({
      kind: 'note',
      text:
        `taking rustc and cargo ${versionOf(files, names[0] ?? 'rustc')} from ${from}: ${plural(files.length, 'package')}, ` +
        `${formatBytes(sizeBytes)} to download, unpacked in ${folder}; nothing of it is installed on this host`,
    });
    const unpacked = join(partial, 'unpacked');
    await unpackPackages(source, files, all, unpacked, context);
    const sysroot = join(partial, 'sysroot');
    await arrange(unpacked, sysroot, host, context);
    return await publish(sysroot, join(folder, `${prefix}-${await tried(sysroot, context)}`), host, context);
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
}

const partialName = '.partial-';

/** Removes files that a killed process has unpacked, about 600 MB. */
async function removeLeftovers(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const pid = name.startsWith(partialName) ? Number.parseInt(name.slice(partialName.length), 10) : Number.NaN;
    if (Number.isInteger(pid) && !isRunning(pid)) await rm(join(folder, name), { recursive: true, force: true });
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errnoOf(error) !== 'ESRCH';
  }
}

/**
 * Arranges unpacked packages in the layout of rustup's toolchains. The libraries of its programs have their
 * own folder, because actions have the sysroot's lib in LD_LIBRARY_PATH. Programs of the host must not find
 * another C library there.
 */
async function arrange(unpacked: string, sysroot: string, host: AptHost, context: Context): Promise<void> {
  const usr = join(unpacked, 'usr');
  // the layout of Ubuntu
  const versioned = (await readdir(join(usr, 'lib'))).find((name) => /^rust-\d/.test(name));
  const home = versioned === undefined ? usr : join(usr, 'lib', versioned);
  const rustlibs = join(home, 'lib/rustlib');
  const triple = (await readdir(rustlibs)).find((name) => /-linux-gnu/.test(name));
  const library = await libraryIn(join(usr, 'src'));
  if (triple === undefined || !library) throw cannot('use packages of Rust', 'they have no standard library', { blame: 'host' });
  const own = join(sysroot, privateLibraries);
  const rustlib = join(sysroot, 'lib/rustlib', triple);
  for (const path of [own, join(sysroot, 'bin'), join(rustlib, 'bin'), join(sysroot, 'lib/rustlib/src/rust')]) {
    await mkdir(path, { recursive: true });
  }
  const driver = (await filesOfLibraries(join(home, 'lib'))).find(({ name }) => /^librustc_driver-.*\.so$/.test(name));
  if (!driver) throw cannot('use packages of Rust', 'they have no compiler', { blame: 'host' });
  // rustc finds its sysroot by the path of this library
  await rename(driver.path, join(sysroot, 'lib', driver.name));
  const lld =
    versioned === undefined ? join((await foundIn(unpacked, /^llvm-\d+$/)).path, 'bin/lld') : join(rustlibs, triple, 'bin/rust-lld');
  await rename(lld, join(own, 'lld'));
  // The folder in which cc finds that linker, for a rustc that links all programs with it. The program in it
  // starts ../rust-lld.
  await absentAsUndefined(rename(join(rustlibs, triple, 'bin/gcc-ld'), join(rustlib, 'bin/gcc-ld')));
  const loader = await gatherLibraries(unpacked, own);
  await rename(join(rustlibs, triple, 'lib'), join(rustlib, 'lib'));
  await rename(library, join(sysroot, 'lib/rustlib/src/rust/library'));
  for (const program of programs) {
    await rename(join(home, 'bin', program), join(own, program));
    await writeLauncher(join(sysroot, 'bin', program), { program, up: '..', own: privateLibraries, loader }, host, context);
  }
  const launched = { program: 'lld', up: '../../../..', own: privateLibraries, loader };
  await writeLauncher(join(rustlib, 'bin/rust-lld'), launched, host, context);
}

/** Starts each program once. Returns the release of rustc, for example "1.97.1". */
async function tried(sysroot: string, { signal }: Context): Promise<string> {
  const options = { cwd: '/', env: { HOME: '/' }, signal };
  const what = 'try packages of Rust';
  const verbose = await outputOf(what, [join(sysroot, 'bin/rustc'), '-vV'], options);
  await outputOf(what, [join(sysroot, 'bin/cargo'), '-V'], options);
  const release = /^release: (\S+)$/m.exec(verbose)?.[1];
  if (release === undefined) throw cannot(what, 'rustc did not print its release', { blame: 'host', detail: verbose });
  return release;
}

/**
 * Publishes the toolchain. If another process has published one of the same release first, that one is
 * returned.
 */
async function publish(sysroot: string, folder: string, host: AptHost, context: Context): Promise<Toolchain> {
  await rename(sysroot, folder).catch((error: unknown) => {
    if (errnoOf(error) !== 'ENOTEMPTY' && errnoOf(error) !== 'EEXIST') throw error;
  });
  const toolchain = await toolchainAt(folder, basename(folder), 'cache', host, context);
  if (!toolchain) throw new Error(`"${folder}" has no rustc`);
  return toolchain;
}
