// Obtains a Rust toolchain with rustup. The rustup of the host installs it in its own folder of toolchains.
// If the host has no rustup, the distribution's package of rustup is unpacked for one call, and the toolchain is put
// into the cache. That package is not installed, because it would replace the distribution's rustc.
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf, Failure } from '../core/errors.ts';
import { phase } from '../core/events.ts';
import type { Context } from '../core/events.ts';
import { findProgram, run } from '../core/sh.ts';
import type { RunOptions } from '../core/sh.ts';
import { cargoHome } from '../crates/cargo/config-files.ts';
import { keptToolchainsFolder, rustupHome, toolchainAt } from '../crates/toolchain/toolchain.ts';
import type { Toolchain, ToolchainSearch } from '../crates/toolchain/toolchain.ts';
import { complaintOf } from './complaint.ts';
import { programScript } from './debian-packages.ts';
import { gatherLibraries, packagesFor, unpackPackages, writeProgram } from './private-packages.ts';
import { pathOf } from '../core/paths.ts';

type Env = ToolchainSearch['env'];

const timeoutMs = 5 * 60_000;

/** Returns the path of rustup, which is on PATH or in cargo's folder of programs. */
export async function findRustup(env: Env): Promise<string | undefined> {
  return findProgram('rustup', `${pathOf(env)}:${cargoHome(env)}/bin`);
}

/** Returns the options with which rustup is started. */
export function rustupOptions(env: Env, { signal }: Context): RunOptions {
  return { cwd: '/', env: { ...env, RUSTUP_HOME: rustupHome(env), RUST_BACKTRACE: '0' }, signal, timeoutMs };
}

/** Obtains the stable toolchain with rust-src. Returns the reason if that fails. */
export async function rustupToolchain(search: ToolchainSearch, context: Context): Promise<Toolchain | string> {
  const rustup = await findRustup(search.env);
  if (!rustup) return byPackage(search, context);
  const folder = await installed(rustup, search.env, context);
  return typeof folder === 'string' ? folder : await found(folder.path, folder.name, 'rustup', search, context);
}

/** Installs the toolchain. Returns its folder, or the reason of the failure. */
async function installed(rustup: string, env: Env, context: Context): Promise<{ readonly path: string; readonly name: string } | string> {
  const argv = [rustup, 'toolchain', 'install', 'stable', '--profile', 'minimal', '--component', 'rust-src', '--no-self-update'];
  // rustup does not report sizes in advance. This is the size of its archives of 1.97.
  const title = 'download the stable toolchain by rustup (about 130 MB)';
  const result = await phase(title, context.report, () => run(argv, rustupOptions(env, context)));
  if (result.exitCode !== 0) return `rustup could not install a toolchain (${complaintOf(result.stderr)})`;
  const toolchains = join(rustupHome(env), 'toolchains');
  const name = (await readdir(toolchains).catch(() => [])).find((entry) => entry.startsWith('stable-'));
  return name === undefined ? 'rustup installed no toolchain named stable' : { path: join(toolchains, name), name };
}

async function found(
  path: string,
  name: string,
  origin: Toolchain['origin'],
  search: ToolchainSearch,
  context: Context,
): Promise<Toolchain | string> {
  return (await toolchainAt(path, name, origin, search, context)) ?? `rustup's toolchain ${name} has no rustc or cargo`;
}

/** Runs the distribution's package of rustup once, with the libraries of its dependencies. */
async function byPackage(search: ToolchainSearch, context: Context): Promise<Toolchain | string> {
  if (!(await findProgram('apt-get', pathOf(search.env)))) return 'rustup is not installed';
  const kept = keptToolchainsFolder(search.cacheDir);
  await mkdir(kept, { recursive: true });
  const folder = await mkdtemp(join(kept, '.rustup-'));
  const unpacked = join(folder, 'unpacked');
  try {
    const source = { env: search.env, folder };
    await unpackPackages(source, await packagesFor(source, ['rustup'], context), ['rustup'], unpacked, context);
    const loader = await gatherLibraries(unpacked, join(folder, 'own'));
    await rename(join(unpacked, 'usr/bin/rustup'), join(folder, 'own/rustup'));
    await writeProgram(join(folder, 'rustup'), programScript('rustup', '.', 'own', loader));
    const toolchain = await installed(join(folder, 'rustup'), { ...search.env, RUSTUP_HOME: join(folder, 'home') }, context);
    if (typeof toolchain === 'string') return toolchain;
    await rename(toolchain.path, join(kept, toolchain.name)).catch((error: unknown) => {
      if (errnoOf(error) !== 'ENOTEMPTY' && errnoOf(error) !== 'EEXIST') throw error;
    });
    return await found(join(kept, toolchain.name), toolchain.name, 'cache', search, context);
  } catch (error) {
    if (!(error instanceof Failure) || context.signal.aborted) throw error;
    return `rustup is not installed, and its package could not be taken (${complaintOf(error.detail ?? error.message)})`;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
