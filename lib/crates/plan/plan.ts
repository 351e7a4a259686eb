// Creates one plan from projects: cargo resolves each project, the results are joined, and every unit gets an identity. Units that two projects
// have in common (same package, features, profile, target, toolchain) are one unit of the plan.
import { itemOf, present } from '../../core/errors.ts';
import { join, relative } from 'node:path';
import pLimit from 'p-limit';
import { checkoutAt } from '../../cache/checkouts.ts';
import { digestRecord } from '../../core/digest.ts';
import type { Digest, Json } from '../../core/digest.ts';
import type { Context } from '../../core/events.ts';
import { configEnvOf, overrideOf } from '../cargo/cargo-config.ts';
import { planningVariables } from '../cargo/config-files.ts';
import type { LintArgs, ManifestFacts, Package } from '../cargo/package.ts';
import type { PlannedUnit } from './planned-unit.ts';
import type { Cargo } from './planning.ts';
import { platformsOf, unstableFeatures, wrappersFor } from './platforms.ts';
import type { Platform, UnstableFeatures } from './platforms.ts';
import { resolveProject } from './resolution.ts';
import type { Resolution } from './resolve-anew.ts';
import { isBuildScript, isLibrary, isProcMacro, isScriptRun } from './unit-graph.ts';
import type { Unit } from './unit-graph.ts';
import { sysrootDigest } from '../project.ts';
import type { Project } from '../project.ts';
import type { RustSrc } from '../toolchain/rust-src.ts';
import { compareReleases } from '../toolchain/toolchain.ts';
import type { Toolchain } from '../toolchain/toolchain.ts';
import { mayReadSysroot } from '../unit/inputs.ts';
import { ownTrees, placeOf, places, userHome } from '../unit/places.ts';
import type { OwnTrees, Place, Wrappers } from '../unit/places.ts';
import { ltoStates, plannedArgs } from '../unit/rustc-args.ts';
import type { Compilation, Lto } from '../unit/rustc-args.ts';

export interface Plan {
  readonly units: readonly PlannedUnit[];
  /** For each project, the indexes of the requested units. */
  readonly roots: readonly PlanRoots[];
}

export interface PlanRoots {
  readonly project: Project;
  readonly units: readonly number[];
  /** Units of mode doctest, which are not compiled: rustdoc runs them when the libraries that they depend on are built. */
  readonly docTests?: readonly number[];
}

/** A project with the toolchain that plans and compiles it. */
export interface ProjectRequest {
  readonly cargo: Cargo;
  readonly project: Project;
  /** Present if it compiles the standard library. */
  readonly rustSrc: RustSrc | undefined;
}

/** Number of projects that are planned at once: the first compiler of seven began after 3.2 s, with two at once after 3.6 s. */
const planners = 8;

/** Plans projects and joins them. Cargo's errors are Failures. Of several, that of the first project is thrown. */
export async function plan(requests: readonly ProjectRequest[], context: Context): Promise<Plan> {
  const limit = pLimit(planners);
  const plans = requests.map((request) => limit(() => planProject(request, context)));
  await Promise.allSettled(plans);
  const units: PlannedUnit[] = [];
  const known = new Map<string, number>();
  const roots: PlanRoots[] = [];
  for (const [at, { project }] of requests.entries()) {
    const own = (await plans[at]) ?? { units: [], roots: [], docTests: [] };
    const joined: number[] = [];
    for (const unit of own.units) {
      const renamed = {
        ...unit,
        dependencies: unit.dependencies.map((dependency) => ({ ...dependency, index: itemOf(joined, dependency.index) })),
      };
      const identity = JSON.stringify([
        unit.hash,
        renamed.dependencies.map(({ index }) => index),
        unit.place.immutable ? null : [unit.trees.common, ...unit.trees.roots],
        unit.place.immutable && !isScriptRun(unit.unit) ? null : { ...unit.declaredEnv },
        { ...unit.configEnv },
        unit.profileName,
        unit.testing ? { runner: unit.testing.runner ? { ...unit.testing.runner } : null, rustdocflags: unit.testing.rustdocflags } : null,
        unit.sysroot ? sysrootDigest(unit.sysroot) : null,
      ]);
      const index = known.get(identity) ?? units.push(renamed) - 1;
      known.set(identity, index);
      joined.push(index);
    }
    const inPlan = (indexes: readonly number[]): readonly number[] => indexes.map((index) => itemOf(joined, index));
    roots.push({ project, units: inPlan(own.roots), ...(own.docTests.length > 0 ? { docTests: inPlan(own.docTests) } : {}) });
  }
  return { units, roots };
}

/** Returns the units of one project, each after its dependencies. */
async function planProject(
  request: ProjectRequest,
  context: Context,
): Promise<{ readonly units: readonly PlannedUnit[]; readonly roots: readonly number[]; readonly docTests: readonly number[] }> {
  const { cargo, project, rustSrc } = request;
  const resolution = await resolveProject(cargo, project, rustSrc, context);
  const tell = (text: string): void => context.report({ kind: 'diagnostic', unit: project.name, text });
  for (const { warning } of resolution.warnings) tell(warning);
  const common = await commonOf(request, resolution, context);
  const { graph } = resolution;
  const order = topological(graph.units);
  const position = new Map(order.map((index, at) => [index, at]));
  const planned: PlannedUnit[] = [];
  for (const index of order) planned.push(plannedUnit(index, common, position, planned));
  const all = graph.roots.map((root) => present(position.get(root), `unit ${root} of the graph`));
  const isDocTest = (root: number): boolean => planned[root]?.unit.mode === 'doctest';
  const [docTests, roots] = [all.filter(isDocTest), all.filter((root) => !isDocTest(root))];
  for (const text of collisions(roots.flatMap((root) => planned[root] ?? []))) tell(text);
  return { units: planned, roots, docTests };
}

/** The data that the units of a project share. */
interface Common extends ProjectRequest {
  readonly resolution: Resolution;
  readonly trees: OwnTrees;
  readonly ownerOf: (unit: Unit) => Package;
  readonly platformOf: (unit: Unit) => Platform;
  /** By the path of the manifest. */
  readonly manifests: ReadonlyMap<string, Resolution['manifests'][number]>;
  /** By index in the graph. */
  readonly lto: readonly Lto[];
  readonly wrappers: Wrappers;
  readonly features: UnstableFeatures;
  readonly configEnv: Readonly<Record<string, string>>;
  readonly declaredEnv: Readonly<Record<string, string>>;
  /** Ids of the workspace's members, and of the requested packages. */
  readonly members: ReadonlySet<string>;
  readonly primaries: ReadonlySet<string | undefined>;
}

async function commonOf(request: ProjectRequest, resolution: Resolution, context: Context): Promise<Common> {
  const { cargo, project } = request;
  const { graph, packages, stdPackages, workspaceRoot, config, flagsForHost } = resolution;
  const own = packages.filter(({ source }) => source === undefined);
  const { digests } = cargo.cache;
  const trees = await ownTrees({ workspaceRoot, packages: own.map(({ dir }) => dir), home: userHome(cargo.hostEnv), digests });
  const manifests = new Map(resolution.manifests.map((manifest) => [manifest.manifestPath, manifest]));
  const { unstableCargo } = cargo.toolchain;
  const { env: configEnv, forced } = configEnvOf(config, project.env, trees);
  return {
    ...request,
    resolution,
    trees,
    ownerOf: ownersOf(packages, stdPackages),
    platformOf: await platformsOf(graph.units, { cargo, project, config, trees, flagsForHost }, context),
    manifests,
    lto: ltoStates(graph),
    wrappers: await wrappersFor(cargo, project, config, trees, context),
    features: unstableFeatures(
      project.dir,
      unstableCargo ? (config.unstable ?? {}) : {},
      unstableCargo ? planningVariables(cargo.hostEnv, true) : {},
      own.flatMap(({ manifestPath }) => manifests.get(manifestPath)?.facts.features ?? []),
    ),
    configEnv,
    declaredEnv: Object.fromEntries(Object.entries(project.env).filter(([name]) => !forced.includes(name))),
    members: new Set(resolution.members.map(({ id }) => id)),
    primaries: new Set(graph.roots.map((root) => graph.units[root]?.pkgId)),
  };
}

/** `position`: maps indexes of the graph to those of the plan. `planned`: the units before this one, which include its dependencies. */
function plannedUnit(index: number, common: Common, position: ReadonlyMap<number, number>, planned: readonly PlannedUnit[]): PlannedUnit {
  const { cargo, project, rustSrc, resolution, trees, features } = common;
  const { toolchain } = cargo;
  const compilation = compilationOf(index, common);
  const { unit, owner, place } = compilation;
  const platform = common.platformOf(unit);
  const facts = common.manifests.get(owner.manifestPath)?.facts;
  const tellsPrivate = isLibrary(unit) && (features.publicDependency || facts?.features?.includes('public-dependency'));
  const dependencies = unit.dependencies.map(({ index: on, externCrateName, options, isPublic }) => ({
    index: present(position.get(on), `unit ${on} of the graph`),
    name: externCrateName,
    options: tellsPrivate && !isPublic ? ['priv', ...options] : options,
  }));
  const below = dependencies.flatMap(({ index: on }) => planned[on] ?? []);
  const readsSysroot = platform.target === project.sysroot?.triple && mayReadSysroot(compilation, below);
  const isOverridden = isScriptRun(unit) && !below.some((one) => isBuildScript(one.unit));
  const scriptOutput = isOverridden ? (overrideOf(resolution.config, platform.triple, owner.links) ?? []) : undefined;
  // A wrapper of the workspace is for its members. All wrappers are for calls by cargo itself, and so for scripts' variables.
  const isMember = common.members.has(unit.pkgId) && !unit.isStd;
  const { all, members, memberEnv } = common.wrappers;
  const wrappers = { all, members: isMember ? members : undefined, memberEnv: isMember ? memberEnv : undefined };
  const belowHashes = dependencies.map(({ index: on, name, options }) => [name, itemOf(planned, on).hash, ...options]);
  return {
    ...compilation,
    label: `${owner.name} ${owner.version}${labelSuffix(unit)}`,
    hash: identityOf(compilation, belowHashes, { toolchain, targetDigest: platform.targetFile?.digest, wrappers, scriptOutput }),
    ...(scriptOutput ? { scriptOutput } : {}),
    ...(unit.tested || unit.mode === 'doctest' ? { testing: { runner: platform.runner, rustdocflags: platform.rustdocflags } } : {}),
    ...(project.sysroot && readsSysroot ? { sysroot: project.sysroot } : {}),
    dependencies,
    triple: platform.triple,
    cfgs: platform.cfgs,
    targetFile: platform.targetFile,
    linkerProgram: platform.linker,
    wrappers,
    toolchain,
    rustSrc,
    declaredEnv: common.declaredEnv,
    configEnv: common.configEnv,
    profileName: resolution.profileRoot,
    trimPaths: trimScopes(unit, features),
    checkout:
      unit.profile.incremental && !isScriptRun(unit) ? checkoutAt(place.inWorkspace ? resolution.workspaceRoot : owner.dir) : undefined,
    trees,
    filename: unit.target.kind.includes('bin') && !unit.tested ? facts?.filenames?.[unit.target.name] : undefined,
  };
}

/** Returns the part of a unit's command line that follows from the graph. */
function compilationOf(index: number, common: Common): Compilation {
  const { cargo, project, rustSrc, resolution, trees, features } = common;
  const unit = resolution.graph.units[index];
  if (!unit) throw new Error(`the unit graph has no unit ${index}`);
  const owner = common.ownerOf(unit);
  const platform = common.platformOf(unit);
  const place = placeOf(owner, unit.isStd, resolution.workspaceRoot, rustSrc?.libraryDir, trees);
  return {
    unit,
    owner,
    place,
    source: sourceOf(unit, owner, place),
    lto: common.lto[index] ?? { kind: 'only-object' },
    lints: lintsFor(common.manifests.get(owner.manifestPath)?.lints, place, cargo.toolchain),
    target: platform.target,
    linker: platform.linker?.word,
    rustflags: platform.rustflags,
    harness: !withoutHarness(unit, common.manifests.get(owner.manifestPath)?.facts),
    profileDir: profileDir(project.profile),
    ...(compareReleases(cargo.toolchain.release, '1.88.0') < 0 ? { searchesByScript: true } : {}),
    ...(compareReleases(cargo.toolchain.release, '1.93.0') < 0 ? { programsInChecks: true } : {}),
    trimmed: trimArgs(trimScopes(unit, features), place, owner, cargo.toolchain),
    primary: common.primaries.has(unit.pkgId) && !unit.isStd,
  };
}

/** Scopes of -Ztrim-paths, or "". */
function trimScopes({ profile }: Unit, { trimPaths }: UnstableFeatures): string {
  return trimPaths ? (profile.trimPaths ?? 'all') : '';
}

/** Returns the package of a unit. The standard library's workspace and the project's may both have a package of one name and version. */
function ownersOf(packages: readonly Package[], stdPackages: readonly Package[]): (unit: Unit) => Package {
  const own = new Map(packages.map((candidate) => [candidate.id, candidate]));
  const std = new Map(stdPackages.map((candidate) => [candidate.id, candidate]));
  return ({ pkgId, isStd }) => {
    const owner = (isStd ? std.get(pkgId) : undefined) ?? own.get(pkgId) ?? std.get(pkgId);
    if (!owner) throw new Error(`cargo's metadata lacks ${pkgId}, which its unit graph has`);
    return owner;
  };
}

/**
 * Returns the flags of -Ztrim-paths: paths of the workspace are relative, those of another package start with its name, those of std are rustc's
 * own.
 */
function trimArgs(scopes: string, place: Place, owner: Package, { commitHash, release }: Toolchain): readonly string[] {
  if (scopes === '') return [];
  const remaps = {
    ...(place.inWorkspace ? { [place.cwd]: '.' } : { [place.dir]: `${owner.name}-${owner.version}` }),
    [places.build]: '/cargo/build-dir',
    [`${places.toolchain}/lib/rustlib/src/rust`]: `/rustc/${commitHash || release}`,
  };
  return [`--remap-path-scope=${scopes}`, ...Object.entries(remaps).map(([from, to]) => `--remap-path-prefix=${from}=${to}`)];
}

/** Returns the source file for rustc: relative in a workspace, so that file!() has the same value as with cargo. */
function sourceOf(unit: Unit, owner: Package, { dir, cwd, inWorkspace }: Place): string {
  const absolute = join(dir, relative(owner.dir, unit.target.srcPath));
  return inWorkspace ? relative(cwd, absolute) : absolute;
}

/** Data that decide the identity of a unit besides its arguments and its dependencies. */
interface Deciding {
  readonly toolchain: Toolchain;
  readonly targetDigest: Digest | undefined;
  readonly wrappers: Wrappers;
  readonly scriptOutput: readonly string[] | undefined;
}

/** Returns the identity of a unit without its location: it is the same in all checkouts, machines and projects. */
function identityOf(
  compilation: Compilation,
  dependencies: readonly (readonly string[])[],
  { toolchain, targetDigest, wrappers, scriptOutput }: Deciding,
): string {
  const { unit, owner, place, rustflags } = compilation;
  const started = [wrappers.all?.word ?? null, wrappers.members?.word ?? null];
  const record: Json = {
    package: [owner.name, owner.version, owner.source ?? place.dir],
    mode: unit.mode,
    ...(unit.target.kind.some((kind) => kind === 'test' || kind === 'bench') ? { profileDir: compilation.profileDir } : {}),
    target: [unit.target.name, ...unit.target.kind],
    args: [...plannedArgs(compilation), ...rustflags],
    profile: ['dev', 'test'].includes(unit.profile.name) ? 'dev' : 'release',
    rustc: toolchain.verbose,
    targetDigest: targetDigest ?? null,
    dependencies: dependencies.map((words) => [...words]),
    ...(started.some((word) => word !== null) ? { wrappers: started } : {}),
    ...(wrappers.memberEnv ? { memberEnv: { ...wrappers.memberEnv } } : {}),
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
  const kind = ['bin', 'example', 'test', 'bench'].find((one) => unit.target.kind.includes(one));
  const named = kind === undefined ? undefined : `${kind} ${unit.target.name}`;
  const tests = unit.tested && kind !== 'test' && kind !== 'bench' ? 'tests' : undefined;
  const words = [named ?? (tests ? 'lib' : undefined), tests, unit.mode === 'check' ? 'check' : undefined];
  const said = words.filter((word) => word !== undefined);
  return said.length > 0 ? ` (${said.join(' ')})` : '';
}

/** Whether the tests of a unit have their own main function. */
function withoutHarness(unit: Unit, facts: ManifestFacts | undefined): boolean {
  const kind = ['bin', 'example', 'test', 'bench'].find((one) => unit.target.kind.includes(one));
  return facts?.withoutHarness?.includes(kind === undefined ? 'lib' : `${kind} ${unit.target.name}`) === true;
}

/** Returns the name of cargo's folder for the programs of a profile. */
function profileDir(profile: string): string {
  if (profile === 'dev' || profile === 'test') return 'debug';
  return profile === 'bench' || profile === 'system' ? 'release' : profile;
}

/** Returns indexes with every unit after its dependencies. The order is stable for one graph. */
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

/** Returns cargo's warning for each program that overwrites another. */
export function collisions(roots: readonly PlannedUnit[]): readonly string[] {
  const first = new Map<string, PlannedUnit>();
  const warnings: string[] = [];
  for (const root of roots) {
    if (!root.unit.target.kind.includes('bin') || root.unit.mode !== 'build') continue;
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
