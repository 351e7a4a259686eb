// From projects to one plan: cargo resolves each project, the answers are joined and every unit gets an identity. Units that two
// projects have in common (same package, features, profile, target, toolchain) are one unit of the plan.
import { basename, join, relative } from 'node:path';
import pLimit from 'p-limit';
import type { Cache } from '../cache/cache.ts';
import { checkoutAt } from '../cache/checkouts.ts';
import type { Checkout } from '../cache/checkouts.ts';
import type { Digest, Json } from '../core/digest.ts';
import { digestRecord } from '../core/digest.ts';
import { cannot } from '../core/errors.ts';
import type { Context } from '../core/events.ts';
import type { Granted } from './allowance.ts';
import { configEnvOf, linkerOf, rustflagsOf, withPlacedEnv } from './cargo-config.ts';
import type { Cargo } from './cargo.ts';
import { ltoStates } from './lto.ts';
import { ownPlace, ownTrees } from './own-trees.ts';
import type { OwnTrees } from './own-trees.ts';
import type { Package } from './package.ts';
import { placeOf, places } from './places.ts';
import type { Place } from './places.ts';
import type { Project } from './project.ts';
import { resolveProject } from './resolution.ts';
import type { RustSrc } from './rust-src.ts';
import { plannedArgs } from './rustc-args.ts';
import type { Compilation } from './rustc-args.ts';
import { targetCfgs } from './target-info.ts';
import type { Toolchain } from './toolchain.ts';
import { isBuildScript, isProcMacro, isScriptRun } from './unit-graph.ts';
import type { Unit } from './unit-graph.ts';

/** A unit with everything that its action needs from the plan. */
export interface PlannedUnit extends Compilation {
  /** "serde 1.0.2 (build script)", for people. */
  readonly label: string;
  /** Names its files: 16 hex digits over what it is and what it depends on, and never over where it lies. */
  readonly hash: string;
  readonly dependencies: readonly { readonly index: number; readonly name: string; readonly options: readonly string[] }[];
  /** What it is compiled for: cfgs, and the digest of a JSON target. */
  readonly triple: string;
  readonly cfgs: readonly string[];
  readonly targetFile: { readonly path: string; readonly digest: Digest } | undefined;
  readonly toolchain: Toolchain;
  readonly rustSrc: RustSrc | undefined;
  readonly declaredEnv: Readonly<Record<string, string>>;
  /** [env] of cargo's configuration. */
  readonly configEnv: Readonly<Record<string, string>>;
  readonly profileName: string;
  /** Where cargo would keep half-done work: whose it is. */
  readonly checkout: Checkout | undefined;
  /** The folders of the user's own packages in its project. */
  readonly trees: OwnTrees;
  /** What the user allowed its package (lib/crates/allowance.ts). */
  readonly granted?: Granted;
}

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
  const { graph, packages, stdPackages, workspaceRoot, lints, profileRoot } = resolution;
  const trees = await ownTrees({
    workspaceRoot,
    packages: packages.filter(({ source }) => source === undefined).map(({ dir }) => dir),
    home: cargo.hostEnv['HOME'],
    digests: cargo.cache.digests,
  });
  const config = withPlacedEnv(resolution.config, workspaceRoot, (path) => ownPlace(trees, path) ?? path);
  const owners = ownersOf(packages, stdPackages);
  const lintsOf = new Map(lints.map(({ manifestPath, args }) => [manifestPath, args]));
  const { toolchain } = cargo;
  const lto = ltoStates(graph);
  const triple = project.triple ?? toolchain.host;
  const isJson = triple.endsWith('.json');
  const targetFile = isJson ? await targetFileAt(triple, cargo.cache) : undefined;
  const target = isJson ? `${places.target}/${basename(triple)}` : triple;
  const ask = (of: string, flags: readonly string[]): Promise<readonly string[]> =>
    targetCfgs(toolchain, of, flags, cargo.cache.root, context);
  const [plainCfgs, hostCfgs] = await Promise.all([ask(triple, []), ask(toolchain.host, [])]);
  // A flag may hold only under a condition, and may change what conditions hold: cargo asks a second time, and so do we.
  const cfgs = await ask(triple, rustflagsOf(config, triple, plainCfgs));
  const flags = rustflagsOf(config, triple, cfgs);
  // Flags are for the target alone; the linker of the host's triple is for the host's units too.
  const linkers = { target: linkerOf(config, triple, cfgs), host: linkerOf(config, toolchain.host, hostCfgs) };
  const { env: configEnv, forced } = configEnvOf(config, project.env);
  const declaredEnv = Object.fromEntries(Object.entries(project.env).filter(([name]) => !forced.includes(name)));
  const primaries = new Set(graph.roots.map((root) => graph.units[root]?.pkgId));

  const order = topological(graph.units);
  const position = new Map(order.map((index, at) => [index, at]));
  const planned: PlannedUnit[] = [];
  for (const index of order) {
    const unit = graph.units[index];
    if (!unit) continue;
    const owner = owners(unit);
    if (isScriptRun(unit) && !unit.dependencies.some(({ index: on }) => isBuildScript(graph.units[on] ?? unit))) {
      throw cannot(
        `build ${owner.name}`,
        `the configuration speaks for its build script (target.<triple>.${owner.links}), which is not supported`,
        {
          hint: 'let the script run: take that table out of .cargo/config.toml',
        },
      );
    }
    const forTarget = unit.platform !== undefined;
    const place = placeOf(owner, unit.isStd, workspaceRoot, rustSrc?.libraryDir, trees);
    const compilation: Compilation = {
      unit,
      owner,
      place,
      source: sourceOf(unit, owner, place),
      lto: lto[index] ?? { kind: 'only-object' },
      lints: lintsOf.get(owner.manifestPath) ?? { flags: [], checkCfg: [] },
      target: forTarget ? target : undefined,
      linker: forTarget ? linkers.target : linkers.host,
      rustflags: forTarget ? flags : [],
      primary: primaries.has(unit.pkgId) && !unit.isStd,
    };
    const dependencies = unit.dependencies.map(({ index: on, externCrateName, options }) => ({
      index: position.get(on) ?? -1,
      name: externCrateName,
      options,
    }));
    planned.push({
      ...compilation,
      label: `${owner.name} ${owner.version}${labelSuffix(unit)}`,
      hash: identityOf(
        compilation,
        dependencies.map(({ index: on, name }) => [name, planned[on]?.hash ?? '']),
        toolchain,
        targetFile?.digest,
      ),
      dependencies,
      triple: forTarget ? (isJson ? basename(triple, '.json') : triple) : toolchain.host,
      cfgs: forTarget ? cfgs : hostCfgs,
      targetFile: forTarget ? targetFile : undefined,
      toolchain,
      rustSrc,
      declaredEnv,
      configEnv,
      profileName: profileRoot,
      checkout: unit.profile.incremental && !isScriptRun(unit) ? checkoutAt(place.inWorkspace ? workspaceRoot : owner.dir) : undefined,
      trees,
    });
  }
  return { units: planned, roots: graph.roots.map((root) => position.get(root) ?? -1) };
}

async function targetFileAt(path: string, { digests }: Cache): Promise<PlannedUnit['targetFile']> {
  const digest = await digests.file(path);
  if (digest === undefined) throw cannot(`read the target "${path}"`, 'it does not exist');
  return { path, digest };
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

/** The source file as rustc is told: relative in a workspace, so that file!() says what it says under cargo. */
function sourceOf(unit: Unit, owner: Package, { dir, cwd, inWorkspace }: Place): string {
  const absolute = join(dir, relative(owner.dir, unit.target.srcPath));
  return inWorkspace ? relative(cwd, absolute) : absolute;
}

/** What a unit is, without where it lies: two checkouts, machines or projects agree on it. */
function identityOf(
  compilation: Compilation,
  dependencies: readonly (readonly [string, string])[],
  toolchain: Toolchain,
  targetDigest: Digest | undefined,
): string {
  const { unit, owner, place, rustflags } = compilation;
  const record: Json = {
    package: [owner.name, owner.version, owner.source ?? place.dir],
    mode: unit.mode,
    target: [unit.target.name, ...unit.target.kind],
    args: [...plannedArgs(compilation), ...rustflags],
    profile: unit.profile.name === 'dev' ? 'dev' : 'release',
    rustc: toolchain.verbose,
    targetDigest: targetDigest ?? null,
    dependencies: dependencies.map(([name, hash]) => [name, hash]),
  };
  return digestRecord(record).slice(0, 16);
}

function labelSuffix(unit: Unit): string {
  if (isScriptRun(unit)) return ' (run build script)';
  if (isBuildScript(unit)) return ' (build script)';
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
