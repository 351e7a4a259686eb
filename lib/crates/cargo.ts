// Cargo as a planner: its own programs are started with a closed environment and without the network, and its answers are text for
// the readers in unit-graph.ts and package.ts. Nothing here compiles.
import { mkdir, readdir, realpath, rename, rm, stat, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Cache } from '../cache/cache.ts';
import { digestRecord } from '../core/digest.ts';
import { absentAsUndefined, cannot } from '../core/errors.ts';
import type { Context } from '../core/events.ts';
import { run } from '../core/sh.ts';
import { hasRelativeEnv, withAbsoluteEnv } from './cargo-config.ts';
import type { CargoConfig } from './cargo-config.ts';
import { parseMetadata } from './package.ts';
import type { Metadata } from './package.ts';
import { selectionArgs } from './project.ts';
import type { Project } from './project.ts';
import type { RustSrc } from './rust-src.ts';
import type { Toolchain } from './toolchain.ts';
import { parseUnitGraph } from './unit-graph.ts';
import type { UnitGraph } from './unit-graph.ts';

export interface Cargo {
  readonly toolchain: Toolchain;
  /** The person's variables: of these cargo sees PATH, HOME and CARGO_HOME. */
  readonly hostEnv: Readonly<Record<string, string>>;
  readonly cache: Cache;
}

/** All packages that a project's build could need. */
export async function metadata(cargo: Cargo, project: Project, sources: readonly string[], context: Context): Promise<Metadata> {
  const args = [
    'metadata',
    '--format-version',
    '1',
    ...(await lockArgs(project.dir)),
    ...project.cargoConfigs.flatMap((file) => ['--config', file]),
    ...sources,
  ];
  return parseMetadata(await ask(cargo, project.dir, args, {}, context));
}

/** The packages of the standard library's own workspace. */
export async function stdMetadata(cargo: Cargo, { libraryDir }: RustSrc, context: Context): Promise<Metadata> {
  return parseMetadata(await ask(cargo, libraryDir, ['metadata', '--format-version', '1', '--offline', '--locked'], {}, context));
}

export async function unitGraph(
  cargo: Cargo,
  project: Project,
  rustSrc: RustSrc | undefined,
  sources: readonly string[],
  context: Context,
): Promise<UnitGraph> {
  const args = [
    'build',
    '--unit-graph',
    '-Z',
    'unstable-options',
    ...(await lockArgs(project.dir)),
    ...selectionArgs(project, cargo.toolchain.host),
    ...sources,
  ];
  // The variable is cargo's own way to name another place than the sysroot.
  const env: Record<string, string> = rustSrc ? { __CARGO_TESTS_ONLY_SRC_ROOT: rustSrc.libraryDir } : {};
  return parseUnitGraph(await ask(cargo, project.dir, args, env, context));
}

/** The configuration that holds for a folder, merged by cargo from all its files. Paths in [env] are absolute. */
export async function configuration(cargo: Cargo, project: Project, context: Context): Promise<CargoConfig> {
  const get = (...what: readonly string[]): Promise<string> => {
    const files = project.cargoConfigs.flatMap((file) => ['--config', file]);
    return ask(cargo, project.dir, ['-Z', 'unstable-options', 'config', 'get', ...what, ...files], {}, context);
  };
  const config: CargoConfig = JSON.parse(await get('--format', 'json'));
  return hasRelativeEnv(config) ? withAbsoluteEnv(config, await get('env', '--show-origin')) : config;
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
  const folder = join(cache.dir, 'sources', digestRecord(Object.fromEntries(links)));
  if (!(await absentAsUndefined(stat(folder)))) {
    const partial = `${folder}.partial`;
    await rm(partial, { recursive: true, force: true });
    await mkdir(partial, { recursive: true });
    for (const [name, dir] of links) await symlink(dir, join(partial, name));
    await rename(partial, folder);
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

/** A lock file is law where there is one; without one cargo makes it, as it always does. */
async function lockArgs(dir: string): Promise<readonly string[]> {
  return (await isLocked(dir)) ? ['--offline', '--locked'] : ['--offline'];
}

/** Is there a lock file for the project in `dir`, there or above? */
export async function isLocked(dir: string): Promise<boolean> {
  for (let folder = dir; ; folder = join(folder, '..')) {
    if (await absentAsUndefined(stat(join(folder, 'Cargo.lock')))) return true;
    if (folder === '/') return false;
  }
}

async function ask(
  { toolchain, hostEnv, cache }: Cargo,
  cwd: string,
  args: readonly string[],
  more: Readonly<Record<string, string>>,
  { signal }: Context,
): Promise<string> {
  if (!(await absentAsUndefined(stat(join(cwd, 'Cargo.toml'))))) {
    throw cannot(`plan "${cwd}"`, 'there is no Cargo.toml', { hint: 'name the folder of a Cargo project' });
  }
  const inherited = ['HOME', 'CARGO_HOME'].flatMap((name) => (hostEnv[name] === undefined ? [] : [[name, hostEnv[name]] as const]));
  const env = {
    ...Object.fromEntries(inherited),
    PATH: hostEnv['PATH'] ?? '/usr/bin:/bin',
    RUSTC: toolchain.rustc,
    RUSTC_BOOTSTRAP: '1',
    CARGO_TERM_COLOR: 'never',
    CARGO_TARGET_DIR: join(cache.dir, 'planning'),
    CARGO_BUILD_RUSTC_WRAPPER: '',
    ...more,
  };
  const answer = await run([toolchain.cargo, ...args], { cwd, env, signal });
  if (answer.exitCode !== 0) throw refusal(cwd, answer.stderr.trim());
  return answer.stdout;
}

/** Cargo's refusal in one sentence, its own words above it, and what to do. */
function refusal(dir: string, words: string): Error {
  const first = /^error: (.*)$/m.exec(words)?.[1] ?? words.split('\n')[0] ?? 'cargo gave no reason';
  const hint = /--locked was passed|lock file needs to be updated|cannot update the lock file/.test(words)
    ? 'Cargo.lock does not fit Cargo.toml: run cargo update --workspace (or cargo generate-lockfile) in the project'
    : /no matching package|failed to get|can't checkout|--offline/.test(words)
      ? 'nothing is downloaded during a build: run cargo fetch or cargo vendor in the project first'
      : undefined;
  const why = /--locked was passed|cannot update the lock file/.test(words) ? 'its Cargo.lock is out of date' : first.replace(/\.$/, '');
  return cannot(`plan "${dir}"`, why, { detail: words, hint });
}
