// Cargo as a planner: its own programs are started with a closed environment and without the network, and its answers are text for
// the readers in unit-graph.ts and package.ts. Nothing here compiles.
import { mkdir, mkdtemp, readdir, realpath, rename, rm, stat, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { digestRecord } from '../../core/digest.ts';
import { absentAsUndefined, cannot } from '../../core/errors.ts';
import type { Context } from '../../core/events.ts';
import { hasRelativePaths, namesTargets, withAbsolutePaths } from './cargo-config.ts';
import type { CargoConfig } from './cargo-config.ts';
import { cargoHome, configFiles, planningVariables } from './config-files.ts';
import { lockedPackages, parseMetadata, workspaceRootOf } from './package.ts';
import type { Metadata } from './package.ts';
import { askCargo } from '../plan/planning.ts';
import type { Cargo, Planning } from '../plan/planning.ts';
import { selectionArgs, triplesOf } from '../project.ts';
import type { Project } from '../project.ts';
import type { RustSrc } from '../toolchain/rust-src.ts';
import { isNightly } from '../toolchain/toolchain.ts';
import { parseUnitGraph } from '../plan/unit-graph.ts';
import type { UnitGraph } from '../plan/unit-graph.ts';

/** All packages that a project's build could need, and what cargo says on standard error. A stable cargo refuses here what it refuses. */
export async function metadata(
  planning: Planning,
  sources: readonly string[],
  context: Context,
): Promise<{ readonly metadata: Metadata; readonly warnings: string }> {
  const { cargo, project, rustc, overrides } = planning;
  const args = [
    'metadata',
    '--format-version',
    '1',
    ...(await lockArgs(planning)),
    ...project.cargoConfigs.flatMap((file) => ['--config', file]),
    ...sources,
    ...overrides,
  ];
  const env = { RUSTC: rustc.program, CARGO_TARGET_DIR: rustc.targetDir, CARGO_BUILD_BUILD_DIR: rustc.targetDir };
  const { stdout, stderr } = await askCargo(cargo, project.dir, [cargo.toolchain.cargo, ...args], env, context);
  return { metadata: parseMetadata(stdout), warnings: stderr };
}

/**
 * Returns the packages of the standard library's own workspace, which uses unstable features of cargo. A unit graph may turn on any of its features.
 * `sources`: those of the unit graph, so that both have a package in the same folder.
 */
export async function stdMetadata(
  { cargo, rustc }: Planning,
  { libraryDir, vendorDir }: RustSrc,
  sources: readonly string[],
  context: Context,
): Promise<Metadata> {
  // The library's own configuration names its vendored packages, and cargo refuses two sources with one folder.
  const own = vendorDir !== undefined && sources.join() === sourceArgs(vendorDir).join() ? [] : sources;
  const argv = [cargo.toolchain.cargo, 'metadata', '--format-version', '1', '--all-features', '--offline', '--locked', ...own];
  const env = { RUSTC: rustc.program, CARGO_TARGET_DIR: rustc.targetDir, CARGO_BUILD_BUILD_DIR: rustc.targetDir, RUSTC_BOOTSTRAP: '1' };
  return parseMetadata((await askCargo(cargo, libraryDir, argv, env, context)).stdout);
}

/** The values of --target: as cargo is called, or the host where nothing else is named; none leaves the choice to cargo's configuration. */
export function targetsOf({ cargo: { toolchain, hostEnv }, project, config }: Planning): readonly string[] {
  const asked = triplesOf(project);
  if (asked.length > 0) return asked;
  return namesTargets(config, planningVariables(hostEnv, false)) ? [] : [toolchain.host];
}

/** `targets`: for what it is built; none leaves the choice to the project's configuration. */
export async function unitGraph(
  planning: Planning,
  targets: readonly string[],
  rustSrc: RustSrc | undefined,
  sources: readonly string[],
  context: Context,
): Promise<{ readonly graph: UnitGraph; readonly warnings: string }> {
  const { cargo, project, rustc, overrides, hiding } = planning;
  const args = [
    'build',
    '--unit-graph',
    '-Z',
    'unstable-options',
    ...(await lockArgs(planning)),
    ...selectionArgs(project, targets),
    ...sources,
    ...overrides,
  ];
  const env = {
    RUSTC: rustc.program,
    CARGO_TARGET_DIR: rustc.targetDir,
    CARGO_BUILD_BUILD_DIR: rustc.targetDir,
    ...stableEnv(cargo),
    // The variable is cargo's own way to name another place than the sysroot.
    ...(rustSrc ? { __CARGO_TESTS_ONLY_SRC_ROOT: rustSrc.libraryDir } : {}),
  };
  const { stdout, stderr } = await askCargo(cargo, project.dir, [...hiding, cargo.toolchain.cargo, ...args], env, context);
  return { graph: parseUnitGraph(stdout), warnings: stderr };
}

/** The configuration that holds for a folder, merged by cargo from all its files. Its paths are absolute. Starts no rustc. */
export async function configuration(cargo: Cargo, project: Project, context: Context): Promise<CargoConfig> {
  if (configFiles(project, cargo.hostEnv).files.length === 0) return {};
  const get = async (...what: readonly string[]): Promise<string> => {
    const files = project.cargoConfigs.flatMap((file) => ['--config', file]);
    const argv = [cargo.toolchain.cargo, '-Z', 'unstable-options', 'config', 'get', ...what, ...files];
    return (await askCargo(cargo, project.dir, argv, stableEnv(cargo), context)).stdout;
  };
  const config: CargoConfig = JSON.parse(await get('--format', 'json'));
  return hasRelativePaths(config) ? withAbsolutePaths(config, await get('--show-origin')) : config;
}

/** What a stable cargo needs for its unstable commands. */
function stableEnv({ toolchain }: Cargo): Readonly<Record<string, string>> {
  return isNightly(toolchain) ? {} : { RUSTC_BOOTSTRAP: '1' };
}

/**
 * Configuration that lets one run of cargo see both the project's vendored packages and those of the standard library: a folder of links to
 * both, in place of every other source. Only build-std needs it.
 */
export async function stdSources({ cache }: Cargo, { vendorDir }: RustSrc, packages: Metadata): Promise<readonly string[]> {
  if (!vendorDir) return [];
  const registry = [...packages.packages.values()].filter(
    (candidate) => candidate.source?.startsWith('registry+') || candidate.source?.startsWith('sparse+'),
  );
  if (registry.length === 0) return sourceArgs(vendorDir);
  const links = new Map<string, string>();
  for (const name of await readdir(vendorDir)) links.set(name, join(vendorDir, name));
  for (const { name, version, dir } of registry) {
    if (!(await absentAsUndefined(stat(join(dir, '.cargo-checksum.json'))))) {
      throw cannot(`compile the standard library for "${packages.workspaceRoot}"`, 'its dependencies are not vendored', {
        hint: 'run cargo vendor in the project and put what it prints into .cargo/config.toml',
      });
    }
    links.set(`${name}-${version}`, await realpath(dir));
  }
  for (const [name, dir] of await lockedPackages(packages.workspaceRoot, registry)) links.set(name, await realpath(dir));
  const folder = join(cache.dir, 'sources', digestRecord(Object.fromEntries(links)));
  if (!(await absentAsUndefined(stat(folder)))) {
    const partial = await mkdtemp(join(cache.tmpDir, 'sources-'));
    for (const [name, dir] of links) await symlink(dir, join(partial, name));
    await mkdir(dirname(folder), { recursive: true });
    await rename(partial, folder).catch(async (error: unknown) => {
      await rm(partial, { recursive: true, force: true });
      if (!(await absentAsUndefined(stat(folder)))) throw error; // else another project was first
    });
  }
  return sourceArgs(folder);
}

function sourceArgs(folder: string): readonly string[] {
  return [
    '--config',
    'source.crates-io.replace-with="bloomery-std"',
    '--config',
    `source.bloomery-std.directory=${JSON.stringify(folder)}`,
  ];
}

/** Lets cargo update a lock file that does not fit the manifests, as `cargo build` does. Fails where that needs the network. */
export async function updateLock({ cargo, project, rustc, overrides }: Planning, context: Context): Promise<void> {
  const configs = project.cargoConfigs.flatMap((file) => ['--config', file]);
  const argv = [cargo.toolchain.cargo, 'metadata', '--format-version', '1', '--offline', ...configs, ...overrides];
  const env = { RUSTC: rustc.program, CARGO_TARGET_DIR: rustc.targetDir, CARGO_BUILD_BUILD_DIR: rustc.targetDir };
  await askCargo(cargo, project.dir, argv, env, context);
}

/** An existing lock file has to fit, so that cargo's runs next to each other do not write it; without one cargo writes it. */
async function lockArgs({ project, cargo }: Planning): Promise<readonly string[]> {
  return (await isLocked(project.dir, cargo.hostEnv)) ? ['--offline', '--locked'] : ['--offline'];
}

/** Whether the workspace of the project in `dir` has a lock file. One of a member's own does not count. */
export async function isLocked(dir: string, hostEnv: Cargo['hostEnv']): Promise<boolean> {
  const lock = join(workspaceRootOf(dir, cargoHome(hostEnv)), 'Cargo.lock');
  return (await absentAsUndefined(stat(lock))) !== undefined;
}
