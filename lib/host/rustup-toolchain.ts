// A Rust toolchain by rustup: the host's own, else the distribution's package of it, which is unpacked for this one call and not installed, because it
// would replace the distribution's rustc. Where its server does not answer, rustup leaves nothing.
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findProgram, run } from '../core/sh.ts';
import type { RunOptions, RunResult } from '../core/sh.ts';
import { phase } from '../core/events.ts';
import type { Context } from '../core/events.ts';
import { cargoHome } from '../crates/cargo/config-files.ts';
import { listToolchains, rustupHome } from '../crates/toolchain/toolchain.ts';
import type { Toolchain, ToolchainSearch } from '../crates/toolchain/toolchain.ts';
import { complaintOf } from './complaint.ts';

type Env = ToolchainSearch['env'];

const timeoutMs = 5 * 60_000;

/** The path of rustup: on PATH or in cargo's folder of programs. */
export async function findRustup(env: Env): Promise<string | undefined> {
  return findProgram('rustup', `${env['PATH'] ?? ''}:${cargoHome(env)}/bin`);
}

/** How rustup is started. */
export function rustupOptions(env: Env, { signal }: Context): RunOptions {
  return { cwd: '/', env: { ...env, RUSTUP_HOME: rustupHome(env), RUST_BACKTRACE: '0' }, signal, timeoutMs };
}

/** Installs the stable toolchain with rust-src into the user's folder of toolchains. Returns why not where that fails. */
export async function rustupToolchain(search: ToolchainSearch, context: Context): Promise<Toolchain | string> {
  const rustup = await findRustup(search.env);
  const result = rustup ? await install(rustup, search, context) : await byPackage(search, context);
  if (typeof result === 'string') return result;
  if (result.exitCode !== 0) return `rustup could not install a toolchain (${complaintOf(result.stderr)})`;
  const toolchain = (await listToolchains(search, context)).find(({ name }) => name.startsWith('stable-'));
  return toolchain ?? 'rustup installed no toolchain named stable';
}

async function install(rustup: string, { env }: ToolchainSearch, context: Context): Promise<RunResult> {
  const argv = [rustup, 'toolchain', 'install', 'stable', '--profile', 'minimal', '--component', 'rust-src', '--no-self-update'];
  return phase(`install rustup's stable toolchain in ${rustupHome(env)}`, context.report, () => run(argv, rustupOptions(env, context)));
}

/** apt-get downloads a package without any permission, and dpkg-deb unpacks it. */
async function byPackage(search: ToolchainSearch, context: Context): Promise<RunResult | string> {
  const path = search.env['PATH'] ?? '';
  const [aptGet, dpkgDeb] = await Promise.all([findProgram('apt-get', path), findProgram('dpkg-deb', path)]);
  if (!aptGet || !dpkgDeb) return 'rustup is not installed';
  const folder = await mkdtemp(join(tmpdir(), 'bloomery-rustup-'));
  const options = { cwd: folder, env: search.env, signal: context.signal };
  try {
    const downloaded = await run([aptGet, 'download', 'rustup'], options);
    const deb = (await readdir(folder)).find((name) => name.endsWith('.deb'));
    if (downloaded.exitCode !== 0 || deb === undefined) return 'rustup is neither installed nor a package of this release';
    const unpacked = await run([dpkgDeb, '-x', join(folder, deb), folder], options);
    if (unpacked.exitCode !== 0) return `the package of rustup could not be unpacked (${complaintOf(unpacked.stderr)})`;
    return await install(join(folder, 'usr/bin/rustup'), search, context);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
