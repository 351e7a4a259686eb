// Runs cargo as a planner. Its own programs are started with a closed environment and without the network. Their output is parsed by
// unit-graph.ts and package.ts. Nothing is compiled here.
import { mkdir, mkdtemp, readdir, readFile, realpath, rename, rm, stat, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { digestRecord } from '../../core/digest.ts';
import { absentAsUndefined, cannot } from '../../core/errors.ts';
import type { Context } from '../../core/events.ts';
import { hasRelativePaths, isCargoConfig, namesTargets, withAbsolutePaths } from '../cargo/cargo-config.ts';
import type { CargoConfig } from '../cargo/cargo-config.ts';
import { cargoHome, configFiles, mayName, parseToml, planningVariables, tableOf } from '../cargo/config-files.ts';
import { lintArgs, lockedPackages, manifestFacts, parseMetadata, workspaceRootOf } from '../cargo/package.ts';
import type { LintArgs, ManifestFacts, Metadata, Package } from '../cargo/package.ts';
import { withMetadataIds } from './unit-graph.ts';
import { askCargo, isStaleLock, openPlanning } from './planning.ts';
import type { Cargo, Planning } from './planning.ts';
import { parseUnitGraph, withTested } from './unit-graph.ts';
import type { UnitGraph } from './unit-graph.ts';
import { selectionArgs, triplesOf } from '../project.ts';
import type { CargoCommand, Project } from '../project.ts';
import type { RustSrc } from '../toolchain/rust-src.ts';

export interface Resolution {
  readonly graph: UnitGraph;
  /** The packages of the graph's units. */
  readonly packages: readonly Package[];
  readonly stdPackages: readonly Package[];
  /** Absolute path. */
  readonly workspaceRoot: string;
  readonly config: CargoConfig;
  /** Data in the manifest of each package that cargo's answers lack. */
  readonly manifests: readonly { readonly manifestPath: string; readonly lints: LintArgs; readonly facts: ManifestFacts }[];
  readonly profileRoot: ProfileRoot;
  /** The workspace's members that have units. */
  readonly members: readonly { readonly id: string }[];
  /** Whether cargo was called without a target. Then flags are for the host's own units too. */
  readonly flagsForHost: boolean;
  /** Cargo's warnings. */
  readonly warnings: readonly { readonly warning: string }[];
}

/** Whether a value has the shape of a resolution without its configuration. The items of its lists are not checked. */
export function isResolution(value: unknown): value is Omit<Resolution, 'config'> {
  const isTable = (one: unknown): one is Readonly<Record<string, unknown>> =>
    typeof one === 'object' && one !== null && !Array.isArray(one);
  const areTables = (one: unknown): boolean => Array.isArray(one) && one.every(isTable);
  if (!isTable(value) || !isTable(value['graph'])) return false;
  const { graph, workspaceRoot, profileRoot: root, flagsForHost } = value;
  const lists = [graph['units'], value['packages'], value['stdPackages'], value['manifests'], value['members'], value['warnings']];
  const isRoot = root === 'debug' || root === 'release';
  return (
    lists.every(areTables) &&
    Array.isArray(graph['roots']) &&
    typeof workspaceRoot === 'string' &&
    isRoot &&
    typeof flagsForHost === 'boolean'
  );
}

interface Answer {
  readonly resolution: Resolution;
  /** All packages that cargo knows, including those without units in the graph. */
  readonly known: readonly Package[];
}

/** Runs cargo, and lets it update a lock file that does not match unless the project is locked. */
export async function resolveAnew(cargo: Cargo, project: Project, rustSrc: RustSrc | undefined, context: Context): Promise<Answer> {
  try {
    return await ask(cargo, project, rustSrc, context);
  } catch (error) {
    if (project.locked || !isStaleLock(error)) throw error;
    await updateLock(await openPlanning(cargo, project, await configuration(cargo, project, context), context), context);
    context.report({ kind: 'note', text: `Cargo.lock of ${project.name} was updated, because it did not fit the manifests` });
    return await ask(cargo, project, rustSrc, context);
  }
}

async function ask(cargo: Cargo, project: Project, rustSrc: RustSrc | undefined, context: Context): Promise<Answer> {
  // This call starts no rustc. Its result decides the arguments of the others, unless no configuration file can affect them.
  const configured = configuration(cargo, project, context);
  configured.catch(() => undefined); // it is awaited below
  const planning = await openPlanning(cargo, project, mayDecide(project, cargo.hostEnv) ? await configured : {}, context);
  const asked = metadata(planning, [], context);
  // No call waits for another one, except for the standard library's packages and for a lock file that cargo has yet to write.
  const sources = rustSrc ? await stdSources(cargo, rustSrc, (await asked).metadata) : [];
  if (!(await isLocked(project.dir, cargo.hostEnv))) await asked;
  const answers = [
    asked,
    sources.length > 0 ? metadata(planning, sources, context) : asked,
    rustSrc ? stdMetadata(planning, rustSrc, sources, context) : undefined,
    graphOf(planning, asked, rustSrc, sources, context),
    configured,
  ] as const;
  await Promise.allSettled(answers); // of several errors, always the same one is reported
  const [{ metadata: plain }, { metadata: known }, std, { graph: printed, warnings, flagsForHost }, config] = await Promise.all(answers);
  const graph = withMetadataIds(printed, [...known.packages.values(), ...(std?.packages.values() ?? [])]);
  const used = new Set(graph.units.map(({ pkgId }) => pkgId));
  const usedOf = (from: Metadata | undefined): readonly Package[] => [...(from?.packages.values() ?? [])].filter(({ id }) => used.has(id));
  const [packages, stdPackages] = [usedOf(known), usedOf(std)];
  const { workspaceRoot } = known;
  const home = cargoHome(cargo.hostEnv);
  const tested = new Set(graph.units.filter((unit) => unit.tested).map(({ pkgId }) => pkgId));
  const manifests = await Promise.all(
    [...packages, ...stdPackages].map(async ({ id, manifestPath, dir, source }) => ({
      manifestPath,
      lints: await lintArgs(manifestPath, () => workspaceRootOf(dir, home)),
      facts: source === undefined || tested.has(id) ? await manifestFacts(manifestPath) : {},
    })),
  );
  const resolution: Resolution = {
    graph,
    packages,
    stdPackages,
    workspaceRoot,
    config,
    manifests,
    profileRoot: await profileRoot(project.profile, workspaceRoot, config),
    members: known.members.filter((id) => used.has(id)).map((id) => ({ id })),
    flagsForHost,
    warnings: warningsOf(warnings, cargo.toolchain.unstableCargo).map((warning) => ({ warning })),
  };
  return { resolution, known: [...plain.packages.values()] };
}

/** Whether a configuration file may change cargo's arguments: its variables, targets, flags, unstable features. */
function mayDecide(project: Project, hostEnv: Cargo['hostEnv']): boolean {
  return configFiles(project, hostEnv).files.some(({ text }) => mayName(text, 'env', 'unstable', 'build', 'target', 'rustflags'));
}

/** Returns the unit graph. A nightly package may name a target that is used only if no target is given (default-target). Then none is given. */
async function graphOf(
  planning: Planning,
  asked: ReturnType<typeof metadata>,
  rustSrc: RustSrc | undefined,
  sources: readonly string[],
  context: Context,
): Promise<Awaited<ReturnType<typeof unitGraph>> & { readonly flagsForHost: boolean }> {
  const targets = targetsOf(planning);
  const answer = unitGraph(planning, targets, rustSrc, sources, context);
  if (!planning.cargo.toolchain.unstableCargo || targets.length === 0 || triplesOf(planning.project).length > 0) {
    return { ...(await answer), flagsForHost: false };
  }
  const [plain, { metadata: known }] = await Promise.all([answer, asked]);
  const own = [...known.packages.values()].filter(({ source }) => source === undefined);
  const texts = await Promise.all(own.map(({ manifestPath }) => readFile(manifestPath, 'utf8')));
  if (!texts.some((text) => text.includes('default-target'))) return { ...plain, flagsForHost: false };
  return { ...(await unitGraph(planning, [], rustSrc, sources, context)), flagsForHost: true };
}

/** Returns the warnings in cargo's standard error, each with its further lines. */
export function warningsOf(stderr: string, unstableCargo: boolean): readonly string[] {
  const parts = stderr.split(/^(?=warning: )/m).filter((part) => part.startsWith('warning: '));
  // A stable cargo ignores [unstable]. The one that prints a unit graph does not.
  const said = parts.filter((part) => unstableCargo || !part.startsWith('warning: unused config key `unstable.'));
  return [...new Set(said.map((part) => part.trimEnd()))];
}

/** Returns all packages that a project's build could need, and cargo's standard error. A stable cargo reports its errors here. */
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
    ...optionalArgs(project),
    ...project.cargoConfigs.flatMap((file) => ['--config', file]),
    ...sources,
    ...overrides,
  ];
  const env = { RUSTC: rustc.program, CARGO_TARGET_DIR: rustc.targetDir, CARGO_BUILD_BUILD_DIR: rustc.targetDir };
  const { stdout, stderr } = await askCargo(cargo, project.dir, [cargo.toolchain.cargo, ...args], env, context);
  return { metadata: parseMetadata(stdout), warnings: stderr };
}

/** The features that bring optional packages, which cargo leaves out of its metadata otherwise. The default ones stay on: more packages do no harm. */
function optionalArgs({ features, selection = [] }: Project): readonly string[] {
  return [...(features.length > 0 ? ['--features', features.join(',')] : []), ...selection.filter((word) => word === '--all-features')];
}

/**
 * Returns the packages of the standard library's own workspace, which uses unstable features of cargo. A unit graph may enable any of its
 * features. `sources`: those of the unit graph, so that both have a package in the same folder.
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

/**
 * Returns the values of --target: those of the call, or the host if nothing else is named. An empty list leaves the choice to cargo's
 * configuration.
 */
export function targetsOf({ cargo: { toolchain, hostEnv }, project, config }: Planning): readonly string[] {
  const asked = triplesOf(project);
  if (asked.length > 0) return asked;
  return namesTargets(config, planningVariables(hostEnv, false)) ? [] : [toolchain.host];
}

/** `targets`: the targets of the build. An empty list leaves the choice to the project's configuration. */
export async function unitGraph(
  planning: Planning,
  targets: readonly string[],
  rustSrc: RustSrc | undefined,
  sources: readonly string[],
  context: Context,
): Promise<{ readonly graph: UnitGraph; readonly warnings: string }> {
  const { command = 'build', selection = [] } = planning.project;
  const ask = (asked: CargoCommand): ReturnType<typeof unitGraph> => graphFor(planning, asked, targets, { rustSrc, sources }, context);
  const mayTest = command === 'check' && selection.some((word) => /^--(?:tests?|bench(?:es)?|examples?|all-targets)(?:=|$)/.test(word));
  if (!mayTest) return await ask(command);
  const [checked, built] = await Promise.all([ask(command), ask('build')]);
  return { ...checked, graph: withTested(checked.graph, built.graph) };
}

async function graphFor(
  planning: Planning,
  command: CargoCommand,
  targets: readonly string[],
  { rustSrc, sources }: { readonly rustSrc: RustSrc | undefined; readonly sources: readonly string[] },
  context: Context,
): ReturnType<typeof unitGraph> {
  const { cargo, project, rustc, overrides, hiding } = planning;
  const args = [
    command,
    ...(command === 'test' && !planning.project.selection?.includes('--doc') ? ['--no-run'] : []), // cargo refuses both; a graph runs nothing
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
    // Cargo's own variable for a standard library outside of the sysroot.
    ...(rustSrc ? { __CARGO_TESTS_ONLY_SRC_ROOT: rustSrc.libraryDir } : {}),
  };
  const { stdout, stderr } = await askCargo(cargo, project.dir, [...hiding, cargo.toolchain.cargo, ...args], env, context);
  return { graph: parseUnitGraph(stdout), warnings: stderr };
}

/** Returns the configuration for a folder, which cargo merges from all its files. Its paths are absolute. Starts no rustc. */
export async function configuration(cargo: Cargo, project: Project, context: Context): Promise<CargoConfig> {
  if (configFiles(project, cargo.hostEnv).files.length === 0) return {};
  const get = async (...what: readonly string[]): Promise<string> => {
    const files = project.cargoConfigs.flatMap((file) => ['--config', file]);
    const argv = [cargo.toolchain.cargo, '-Z', 'unstable-options', 'config', 'get', ...what, ...files];
    return (await askCargo(cargo, project.dir, argv, stableEnv(cargo), context)).stdout;
  };
  const config: unknown = JSON.parse(await get('--format', 'json'));
  if (!isCargoConfig(config)) throw cannot('read the configuration of cargo', 'it has something else in the place of a table');
  return hasRelativePaths(config) ? withAbsolutePaths(config, await get('--show-origin')) : config;
}

/** Variables that a stable cargo needs for its unstable commands. */
function stableEnv({ toolchain }: Cargo): Readonly<Record<string, string>> {
  return toolchain.unstableCargo ? {} : { RUSTC_BOOTSTRAP: '1' };
}

/**
 * Returns configuration with which one run of cargo sees both the project's vendored packages and those of the standard library: a folder of
 * links to both, which replaces every other source. Only build-std needs it.
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
      if (!(await absentAsUndefined(stat(folder)))) throw error; // another project was first
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

/** Lets cargo update a lock file that does not match the manifests, as `cargo build` does. Fails if that needs the network. */
export async function updateLock({ cargo, project, rustc, overrides }: Planning, context: Context): Promise<void> {
  const configs = project.cargoConfigs.flatMap((file) => ['--config', file]);
  const argv = [cargo.toolchain.cargo, 'metadata', '--format-version', '1', '--offline', ...configs, ...overrides];
  const env = { RUSTC: rustc.program, CARGO_TARGET_DIR: rustc.targetDir, CARGO_BUILD_BUILD_DIR: rustc.targetDir };
  await askCargo(cargo, project.dir, argv, env, context);
}

/** An existing lock file must match, so that concurrent runs of cargo do not write it. If it is missing, cargo writes it. */
async function lockArgs({ project, cargo }: Planning): Promise<readonly string[]> {
  return (await isLocked(project.dir, cargo.hostEnv)) ? ['--offline', '--locked'] : ['--offline'];
}

/** Whether the workspace of the project in `dir` has a lock file. A member's own lock file does not count. */
export async function isLocked(dir: string, hostEnv: Cargo['hostEnv']): Promise<boolean> {
  const lock = join(workspaceRootOf(dir, cargoHome(hostEnv)), 'Cargo.lock');
  return (await absentAsUndefined(stat(lock))) !== undefined;
}

/** Cargo's own profiles, and the one for images: no manifest defines their parents. */
const builtIn = new Set(['dev', 'test', 'debug', 'release', 'bench', 'system']);

export type ProfileRoot = 'debug' | 'release';

/** Returns the built-in profile from which a profile of a workspace inherits. Cargo has read both files before and refused errors. */
export async function profileRoot(profile: string, workspaceRoot: string, config: CargoConfig): Promise<ProfileRoot> {
  if (builtIn.has(profile)) return rootOf(profile, () => undefined);
  const text = await absentAsUndefined(readFile(join(workspaceRoot, 'Cargo.toml'), 'utf8'));
  const profiles = tableOf((text === undefined ? {} : parseToml(text))['profile']);
  return rootOf(profile, (name) => {
    const inherits = config.profile?.[name]?.inherits ?? tableOf(profiles[name])['inherits'];
    return typeof inherits === 'string' ? inherits : undefined;
  });
}

/** Follows `inherits`. "system" is Bloomery's variant of release. */
export function rootOf(profile: string, inherits: (name: string) => string | undefined): ProfileRoot {
  const seen = new Set<string>();
  for (let name = profile; !seen.has(name); seen.add(name), name = inherits(name) ?? 'release') {
    if (['dev', 'test', 'debug'].includes(name)) return 'debug';
    if (['release', 'bench', 'system'].includes(name)) return 'release';
  }
  return 'release';
}
