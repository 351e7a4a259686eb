// Obtains the source of the standard library if no source fits an installed toolchain: from rustup, else from
// Debian's package of the same minor version with a private apt. Only `doctor --install` calls this.
import { Failure } from '../core/errors.ts';
import { phase } from '../core/events.ts';
import type { Context } from '../core/events.ts';
import { findProgram, run } from '../core/sh.ts';
import { findRustSrc, fits, keepArchive } from '../crates/toolchain/rust-src.ts';
import type { RustSrc } from '../crates/toolchain/rust-src.ts';
import { compareReleases } from '../crates/toolchain/toolchain.ts';
import type { Toolchain } from '../crates/toolchain/toolchain.ts';
import { aptRoot, hostMirror, offeredVersion, withPackage } from '../sources/debian/apt-root.ts';
import type { AptHost } from '../sources/debian/apt-root.ts';
import { complaintOf } from './complaint.ts';
import { findRustup, rustupOptions } from './rustup-toolchain.ts';
import { pathOf } from '../core/paths.ts';

export interface Obtained {
  readonly toolchain: Toolchain;
  readonly rustSrc: RustSrc;
}

/**
 * Suites in which Debian's package is searched, the newest first, because it has the package for a current
 * compiler.
 */
const suites = ['sid', 'trixie', 'bookworm'] as const;

/**
 * Debian's packages of older versions lack the dependencies of the library. 1.93 was found to lack them, and
 * 1.95 to have them.
 */
const leastDebianVersion = '1.95.0';

/**
 * Obtains a source for one of `toolchains` (the preferred one first). Reports each attempt and the result.
 * Returns the reason of each way if all fail.
 */
export async function obtainRustSrc(
  toolchains: readonly Toolchain[],
  host: AptHost,
  context: Context,
): Promise<Obtained | readonly string[]> {
  const refusals: string[] = [];
  for (const way of [byRustup, fromDebian]) {
    const result = await way(toolchains, host, context);
    if (typeof result !== 'string') return result;
    context.signal.throwIfAborted();
    refusals.push(result);
  }
  return refusals;
}

/**
 * Runs `rustup component add rust-src` for the first toolchain that rustup manages. Returns the reason if
 * that fails.
 */
async function byRustup(toolchains: readonly Toolchain[], host: AptHost, context: Context): Promise<Obtained | string> {
  const toolchain = toolchains.find(({ origin }) => origin === 'rustup');
  if (!toolchain) return 'no toolchain is managed by rustup';
  const rustup = await findRustup(host.env);
  if (!rustup) return 'rustup is not installed';
  const argv = [rustup, 'component', 'add', 'rust-src', '--toolchain', toolchain.name];
  const result = await phase(`add rust-src to ${toolchain.name}`, context.report, () => run(argv, rustupOptions(host.env, context)));
  const rustSrc = result.exitCode === 0 ? await findRustSrc(toolchain, host, context) : undefined;
  if (!rustSrc) return `rustup could not add it (${complaintOf(result.stderr)})`;
  context.report({ kind: 'note', text: `rust-src: rustup added it to ${toolchain.name}` });
  return { toolchain, rustSrc };
}

/**
 * Obtains Debian's package from the first suite whose version fits one of the toolchains. Otherwise returns
 * the versions in the suites.
 */
async function fromDebian(toolchains: readonly Toolchain[], host: AptHost, context: Context): Promise<Obtained | string> {
  const candidates = toolchains.filter(({ release }) => compareReleases(release, leastDebianVersion) >= 0);
  if (candidates.length === 0)
    return `Debian's rust-src has its dependencies since ${leastDebianVersion}, and the installed toolchains are older`;
  const mirror = await hostMirror();
  if (!mirror || !(await findProgram('apt-get', pathOf(host.env))))
    return 'this host has no Debian mirror to take its package rust-src from';
  const offers: string[] = [];
  for (const suite of suites) {
    try {
      const root = await phase(`read Debian's index of ${suite}`, context.report, () => aptRoot(suite, mirror, host, context));
      const version = await offeredVersion(root, 'rust-src', context);
      offers.push(`${version ?? 'none'} in ${suite}`);
      const toolchain = version === undefined ? undefined : candidates.find((candidate) => fits(candidate, version));
      if (version === undefined || !toolchain) continue;
      const origin = `Debian's package rust-src ${version} (${suite})`;
      await phase('download rust-src', context.report, () =>
        withPackage(root, 'rust-src', (deb) => keepArchive(deb, origin, host, context), context),
      );
      const rustSrc = await findRustSrc(toolchain, host, context);
      if (!rustSrc) return `${origin} has no standard library`;
      context.report({ kind: 'note', text: `rust-src: took ${origin}, which fits ${toolchain.name} (${toolchain.release})` });
      return { toolchain, rustSrc };
    } catch (error) {
      if (!(error instanceof Failure) || context.signal.aborted) throw error;
      offers.push(`${suite} could not be read (${complaintOf(error.detail ?? error.message)})`);
    }
  }
  return `Debian's rust-src fits no installed toolchain: ${offers.join(', ')}`;
}
