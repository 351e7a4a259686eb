// Gets the standard library's source when none fits an installed toolchain: by rustup, else Debian's package of the same minor version through a
// private apt. Called by doctor --install only; nothing else downloads it.
import { cannot, Failure } from '../core/errors.ts';
import { phase } from '../core/events.ts';
import type { Context } from '../core/events.ts';
import { findProgram, run } from '../core/sh.ts';
import { findRustSrc, fits, keepArchive } from '../crates/toolchain/rust-src.ts';
import type { RustSrc } from '../crates/toolchain/rust-src.ts';
import { rustupHome } from '../crates/toolchain/toolchain.ts';
import type { Toolchain } from '../crates/toolchain/toolchain.ts';
import { aptRoot, hostMirror, offeredVersion, withPackage } from '../sources/debian/apt-root.ts';
import type { AptHost } from '../sources/debian/apt-root.ts';

export interface Obtained {
  readonly toolchain: Toolchain;
  readonly rustSrc: RustSrc;
}

/** Where Debian's package is looked for: the newest first, since it is there that a current compiler finds its match. */
const suites = ['sid', 'trixie', 'bookworm'] as const;

const rustupTimeoutMs = 5 * 60_000;

/**
 * Gets a source for one of `toolchains` (the preferred first). Says in notes what it tries and takes. When every way fails: a Failure (host)
 * that tells why each did.
 */
export async function obtainRustSrc(toolchains: readonly Toolchain[], host: AptHost, context: Context): Promise<Obtained> {
  const refusals: string[] = [];
  for (const way of [byRustup, fromDebian]) {
    const result = await way(toolchains, host, context);
    if (typeof result !== 'string') return result;
    context.signal.throwIfAborted();
    refusals.push(result);
  }
  throw cannot('get the source of the standard library', refusals.join('; '), {
    blame: 'host',
    hint: 'give --rust-src DIR|ARCHIVE (or BLOOMERY_RUST_SRC) with a rust-src of the same minor version as an installed rustc',
  });
}

/** `rustup component add rust-src` for the first toolchain that rustup manages; else why not. */
async function byRustup(toolchains: readonly Toolchain[], host: AptHost, context: Context): Promise<Obtained | string> {
  const toolchain = toolchains.find(({ origin }) => origin === 'rustup');
  if (!toolchain) return 'no toolchain is managed by rustup';
  const rustup = await findProgram(
    'rustup',
    `${host.env['PATH'] ?? ''}:${host.env['CARGO_HOME'] || `${host.env['HOME'] ?? ''}/.cargo`}/bin`,
  );
  if (!rustup) return 'rustup itself is not there';
  const argv = [rustup, 'component', 'add', 'rust-src', '--toolchain', toolchain.name];
  const env = { ...host.env, RUSTUP_HOME: rustupHome(host.env), RUST_BACKTRACE: '0' };
  const result = await phase(`add rust-src to ${toolchain.name}`, context.report, () =>
    run(argv, { cwd: '/', env, signal: context.signal, timeoutMs: rustupTimeoutMs }),
  );
  const rustSrc = result.exitCode === 0 ? await findRustSrc(toolchain, host, context) : undefined;
  if (!rustSrc) return `rustup could not add it (${complaintOf(result.stderr)})`;
  context.report({ kind: 'note', text: `rust-src: rustup added it to ${toolchain.name}` });
  return { toolchain, rustSrc };
}

/** Debian's package from the first suite whose version fits one of the toolchains; else what the suites offer. */
async function fromDebian(toolchains: readonly Toolchain[], host: AptHost, context: Context): Promise<Obtained | string> {
  const mirror = await hostMirror();
  if (!mirror || !(await findProgram('apt-get', host.env['PATH'] ?? '')))
    return 'this host has no Debian mirror to take its package rust-src from';
  const offers: string[] = [];
  for (const suite of suites) {
    try {
      const root = await phase(`read Debian's index of ${suite}`, context.report, () => aptRoot(suite, mirror, host, context));
      const version = await offeredVersion(root, 'rust-src', context);
      offers.push(`${version ?? 'none'} in ${suite}`);
      const toolchain = version === undefined ? undefined : toolchains.find((candidate) => fits(candidate, version));
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

/** The line of a program's complaint that says what is wrong; back-traces and causes follow it. */
function complaintOf(text: string): string {
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  return (lines.find((line) => /^(error|E): /i.test(line)) ?? lines[0] ?? 'it said nothing').replace(/^(error|E): /i, '');
}
