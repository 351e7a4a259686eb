// From projects to one plan: cargo resolves each project, the answers are joined and every unit gets an identity. Units that two
// projects have in common (same package, features, profile, target, toolchain) are one unit of the plan.
import { join, relative } from 'node:path';
import pLimit from 'p-limit';
import { checkoutAt } from '../../cache/checkouts.ts';
import { digestRecord } from '../../core/digest.ts';
import type { Digest, Json } from '../../core/digest.ts';
import type { Context } from '../../core/events.ts';
import { configEnvOf, overrideOf, wrappersOf } from '../cargo/cargo-config.ts';
import type { CargoConfig } from '../cargo/cargo-config.ts';
import { planningVariables } from '../cargo/config-files.ts';
import type { LintArgs, Package } from '../cargo/package.ts';
import type { PlannedUnit } from './planned-unit.ts';
import type { Cargo } from './planning.ts';
import { platformsOf, unstableFeatures } from './platforms.ts';
import { resolveProject } from './resolution.ts';
import { isBuildScript, isLibrary, isProcMacro, isScriptRun } from './unit-graph.ts';
import type { Unit } from './unit-graph.ts';
import { sysrootDigest } from '../project.ts';
import type { Project } from '../project.ts';
import type { RustSrc } from '../toolchain/rust-src.ts';
import { compareReleases, isNightly } from '../toolchain/toolchain.ts';
import type { Toolchain } from '../toolchain/toolchain.ts';
import { hostProgram, isCompilerCache, ownTrees, placeOf, places, userHome } from '../unit/places.ts';
import type { ConfigPath, HostProgram, OwnTrees, Place, Wrappers } from '../unit/places.ts';
import { ltoStates, plannedArgs } from '../unit/rustc-args.ts';
import type { Compilation } from '../unit/rustc-args.ts';
import { mayReadSysroot } from '../unit/inputs.ts';

export interface Plan {
  readonly units: readonly PlannedUnit[];
  /** For each project the indexes of the units that were asked for. */
  readonly roots: readonly { readonly project: Project; readonly units: readonly number[] }[];
}

/** A project with what plans and compiles it. */
export interface ProjectRequest {
  readonly cargo: Cargo;
  readonly project: Project;
  /** Present when it compiles the standard library. */
  readonly rustSrc: RustSrc | undefined;
}

/** So many projects are planned at once: the first compiler of seven began after 3.2 s, with two at once after 3.6 s. */
const planners = 8;

/** Plans projects and joins them. Cargo's refusals are Failures; of several, that of the first project. */
export async function plan(requests: readonly ProjectRequest[], context: Context): Promise<Plan> {
  const limit = pLimit(planners);
  const plans = requests.map(({ cargo, project, rustSrc }) => limit(() => planProject(cargo, project, rustSrc, context)));
  await Promise.allSettled(plans);
  const units: PlannedUnit[] = [];
  const known = new Map<string, number>();
  const roots: { project: Project; units: number[] }[] = [];
  for (const [at, { project }] of requests.entries()) {
    const own = (await plans[at]) ?? { units: [], roots: [] };
    const joined: number[] = [];
    for (const unit of own.units) {
      const renamed = {
        ...unit,
        dependencies: unit.dependencies.map((dependency) => ({ ...dependency, index: joined[dependency.index] ?? -1 })),
      };
      const identity = JSON.stringify([
        unit.hash,
        renamed.dependencies.map(({ index }) => index),
        unit.place.immutable ? null : [unit.trees.common, ...unit.trees.roots],
        unit.place.immutable && !isScriptRun(unit.unit) ? null : { ...unit.declaredEnv },
        { ...unit.configEnv },
        unit.profileName,
        unit.sysroot ? sysrootDigest(unit.sysroot) : null,
      ]);
      const index = known.get(identity) ?? units.push(renamed) - 1;
      known.set(identity, index);
      joined.push(index);
    }
    roots.push({ project, units: own.roots.map((root) => joined[root] ?? -1) });
  }
  return { units, roots };
}

/** The units of one project, each after its dependencies. */
async function planProject(
  cargo: Cargo,
  project: Project,
  rustSrc: RustSrc | undefined,
  context: Context,
): Promise<{ units: readonly PlannedUnit[]; roots: readonly number[] }> {
  const resolution = await resolveProject(cargo, project, rustSrc, context);
  const { graph, packages, stdPackages, workspaceRoot, config, manifests, warnings, profileRoot, flagsForHost, members } = resolution;
  const trees = await ownTrees({
    workspaceRoot,
    packages: packages.filter(({ source }) => source === undefined).map(({ dir }) => dir),
    home: userHome(cargo.hostEnv),
    digests: cargo.cache.digests,
  });
  const owners = ownersOf(packages, stdPackages);
  for (const { warning } of warnings) context.report({ kind: 'diagnostic', unit: project.name, text: warning });
  const manifestOf = new Map(manifests.map((manifest) => [manifest.manifestPath, manifest]));
  const { toolchain } = cargo;
  const lto = ltoStates(graph);
  const platformOf = await platformsOf(graph.units, { cargo, project, config, trees, flagsForHost }, context);
  const wrappers = await wrappersFor(cargo, project, config, trees, context);
  const nightly = isNightly(toolchain);
  const manifestFeatures = packages.flatMap(({ manifestPath, source }) =>
    source === undefined ? (manifestOf.get(manifestPath)?.facts.features ?? []) : [],
  );
  const features = unstableFeatures(
    project.dir,
    nightly ? (config.unstable ?? {}) : {},
    nightly ? planningVariables(cargo.hostEnv, true) : {},
    manifestFeatures,
  );
  const { env: configEnv, forced } = configEnvOf(config, project.env, trees);
  const declaredEnv = Object.fromEntries(Object.entries(project.env).filter(([name]) => !forced.includes(name)));
  const memberIds = new Set(members.map(({ id }) => id));
  const primaries = new Set(graph.roots.map((root) => graph.units[root]?.pkgId));

  const order = topological(graph.units);
  const position = new Map(order.map((index, at) => [index, at]));
  const planned: PlannedUnit[] = [];
  for (const index of order) {
    const unit = graph.units[index];
    if (!unit) continue;
    const owner = owners(unit);
    const platform = platformOf(unit);
    const isOverridden = isScriptRun(unit) && !unit.dependencies.some(({ index: on }) => isBuildScript(graph.units[on] ?? unit));
    const scriptOutput = isOverridden ? (overrideOf(config, platform.triple, owner.links) ?? []) : undefined;
    const manifest = manifestOf.get(owner.manifestPath);
    const place = placeOf(owner, unit.isStd, workspaceRoot, rustSrc?.libraryDir, trees);
    const trimPaths = features.trimPaths ? (unit.profile.trimPaths ?? 'all') : '';
    const compilation: Compilation = {
      unit,
      owner,
      place,
      source: sourceOf(unit, owner, place),
      lto: lto[index] ?? { kind: 'only-object' },
      lints: lintsFor(manifest?.lints, place, toolchain),
      target: platform.target,
      linker: platform.linker?.word,
      rustflags: platform.rustflags,
      trimmed: trimArgs(trimPaths, place, owner, toolchain),
      primary: primaries.has(unit.pkgId) && !unit.isStd,
    };
    const tellsPrivate = isLibrary(unit) && (features.publicDependency || manifest?.facts.features?.includes('public-dependency'));
    const dependencies = unit.dependencies.map(({ index: on, externCrateName, options, isPublic }) => ({
      index: position.get(on) ?? -1,
      name: externCrateName,
      options: tellsPrivate && !isPublic ? ['priv', ...options] : options,
    }));
    const below = dependencies.flatMap(({ index: on }) => planned[on] ?? []);
    const sysroot =
      project.sysroot && platform.target === project.sysroot.triple && mayReadSysroot(compilation, below) ? project.sysroot : undefined;
    // A wrapper of the workspace is for its members; all wrappers are for what cargo starts rustc for, and so for scripts' variables.
    const unitWrappers = { all: wrappers.all, members: memberIds.has(unit.pkgId) && !unit.isStd ? wrappers.members : undefined };
    planned.push({
      ...compilation,
      label: `${owner.name} ${owner.version}${labelSuffix(unit)}`,
      hash: identityOf(
        compilation,
        dependencies.map(({ index: on, name, options }) => [name, planned[on]?.hash ?? '', ...options]),
        toolchain,
        platform.targetFile?.digest,
        unitWrappers,
        scriptOutput,
      ),
      ...(scriptOutput ? { scriptOutput } : {}),
      ...(sysroot ? { sysroot } : {}),
      dependencies,
      triple: platform.triple,
      cfgs: platform.cfgs,
      targetFile: platform.targetFile,
      linkerProgram: platform.linker,
      wrappers: unitWrappers,
      toolchain,
      rustSrc,
      declaredEnv,
      configEnv,
      profileName: profileRoot,
      trimPaths,
      checkout: unit.profile.incremental && !isScriptRun(unit) ? checkoutAt(place.inWorkspace ? workspaceRoot : owner.dir) : undefined,
      trees,
      filename: unit.target.kind.includes('bin') ? manifest?.facts.filenames?.[unit.target.name] : undefined,
    });
  }
  const roots = graph.roots.map((root) => position.get(root) ?? -1);
  for (const text of collisions(roots.flatMap((root) => planned[root] ?? [])))
    context.report({ kind: 'diagnostic', unit: project.name, text });
  return { units: planned, roots };
}

/** Programs that are started in front of rustc, of all packages and of the workspace's members alone; a cache of results is left out. */
async function wrappersFor(
  { cache, hostEnv }: Cargo,
  project: Project,
  config: CargoConfig,
  trees: OwnTrees,
  { report }: Context,
): Promise<Wrappers> {
  const named = wrappersOf(config, hostEnv, project.dir);
  const found = async (path: ConfigPath | undefined): Promise<HostProgram | undefined> => {
    if (path === undefined) return undefined;
    if (!isCompilerCache(path)) return hostProgram(path, trees, cache);
    const name = typeof path === 'string' ? path : path.file;
    report({ kind: 'note', text: `${project.name} is compiled without the wrapper "${name}": results are kept in the cache anyway` });
    return undefined;
  };
  return { all: await found(named.all), members: await found(named.members) };
}

/** The package of a unit. The standard library's workspace and the project's may both know a package of one name and version. */
function ownersOf(packages: readonly Package[], stdPackages: readonly Package[]): (unit: Unit) => Package {
  const own = new Map(packages.map((candidate) => [candidate.id, candidate]));
  const std = new Map(stdPackages.map((candidate) => [candidate.id, candidate]));
  return ({ pkgId, isStd }) => {
    const owner = (isStd ? std.get(pkgId) : undefined) ?? own.get(pkgId) ?? std.get(pkgId);
    if (!owner) throw new Error(`cargo's metadata lacks ${pkgId}, which its unit graph has`);
    return owner;
  };
}

/** Paths as -Ztrim-paths has them: of the workspace relative, of another package below its name, of the standard library as rustc's own. */
function trimArgs(scopes: string, place: Place, owner: Package, { commitHash, release }: Toolchain): readonly string[] {
  if (scopes === '') return [];
  const remaps = {
    ...(place.inWorkspace ? { [place.cwd]: '.' } : { [place.dir]: `${owner.name}-${owner.version}` }),
    [places.build]: '/cargo/build-dir',
    [`${places.toolchain}/lib/rustlib/src/rust`]: `/rustc/${commitHash || release}`,
  };
  return [`--remap-path-scope=${scopes}`, ...Object.entries(remaps).map(([from, to]) => `--remap-path-prefix=${from}=${to}`)];
}

/** The source file as rustc is told: relative in a workspace, so that file!() says what it says under cargo. */
function sourceOf(unit: Unit, owner: Package, { dir, cwd, inWorkspace }: Place): string {
  const absolute = join(dir, relative(owner.dir, unit.target.srcPath));
  return inWorkspace ? relative(cwd, absolute) : absolute;
}

/** What a unit is, without where it lies: two checkouts, machines or projects agree on it. */
function identityOf(
  compilation: Compilation,
  dependencies: readonly (readonly string[])[],
  toolchain: Toolchain,
  targetDigest: Digest | undefined,
  wrappers: Wrappers,
  scriptOutput: readonly string[] | undefined,
): string {
  const { unit, owner, place, rustflags } = compilation;
  const started = [wrappers.all?.word ?? null, wrappers.members?.word ?? null];
  const record: Json = {
    package: [owner.name, owner.version, owner.source ?? place.dir],
    mode: unit.mode,
    target: [unit.target.name, ...unit.target.kind],
    args: [...plannedArgs(compilation), ...rustflags],
    profile: unit.profile.name === 'dev' ? 'dev' : 'release',
    rustc: toolchain.verbose,
    targetDigest: targetDigest ?? null,
    dependencies: dependencies.map((words) => [...words]),
    ...(started.some((word) => word !== null) ? { wrappers: started } : {}),
    ...(scriptOutput ? { scriptOutput: [...scriptOutput] } : {}),
  };
  return digestRecord(record).slice(0, 16);
}

/** Since 1.99 cargo passes no lints to packages whose lints are capped. */
function lintsFor(lints: LintArgs | undefined, { foreign }: Place, { release }: Toolchain): LintArgs {
  const { flags, checkCfg } = lints ?? { flags: [], checkCfg: [] };
  return { flags: foreign && compareReleases(release, '1.99.0') >= 0 ? [] : flags, checkCfg };
}

function labelSuffix(unit: Unit): string {
  const script = unit.target.name.replace(/^build-script-(?:build$)?/, '');
  const name = script === '' ? '' : `${script} `; // a nightly package may have several
  if (isScriptRun(unit)) return ` (run ${name}build script)`;
  if (isBuildScript(unit)) return ` (${name}build script)`;
  if (isProcMacro(unit)) return ' (proc macro)';
  if (unit.target.kind.includes('bin')) return ` (bin ${unit.target.name})`;
  return '';
}

/** Indexes with every unit after its dependencies; stable for one graph. */
function topological(units: readonly Unit[]): readonly number[] {
  const order: number[] = [];
  const seen = new Set<number>();
  const visit = (index: number): void => {
    if (seen.has(index)) return;
    seen.add(index);
    for (const dependency of units[index]?.dependencies ?? []) visit(dependency.index);
    order.push(index);
  };
  units.forEach((_, index) => visit(index));
  return order;
}

/** A collisionOf in cargo's words for each program that takes the place of another. */
export function collisions(roots: readonly PlannedUnit[]): readonly string[] {
  const first = new Map<string, PlannedUnit>();
  const warnings: string[] = [];
  for (const root of roots) {
    if (!root.unit.target.kind.includes('bin')) continue;
    const name = `${root.triple}/${root.filename ?? root.unit.target.name}`;
    const other = first.get(name);
    if (!other) first.set(name, root);
    else if (other.hash !== root.hash) warnings.push(collisionOf(root, other));
  }
  return warnings;
}

function collisionOf(one: PlannedUnit, other: PlannedUnit): string {
  const described = ({ owner, unit }: PlannedUnit): string =>
    `the bin target \`${unit.target.name}\` in package \`${owner.name} v${owner.version} (${owner.dir})\``;
  return [
    `collisionOf: output filename collision at bin/${one.filename ?? one.unit.target.name}`,
    '  |',
    `  = note: ${described(one)} has the same output filename as ${described(other)}`,
    '  = help: consider changing their names to be unique or compiling them separately',
  ].join('\n');
}
