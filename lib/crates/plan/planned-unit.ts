// Units of a plan: their planned data, the units below them after these are built, and the edges between
// them.
import type { ActionResult } from '../../actions/action.ts';
import type { Edge } from '../../actions/walk.ts';
import type { Runner } from '../cargo/cargo-config.ts';
import type { Checkout } from '../../cache/checkouts.ts';
import type { Digest } from '../../core/digest.ts';
import { isLinkable, isPlainLibrary, isProcMacro, isScriptRun, needsOnlyMetadata } from './unit-graph.ts';
import type { Sysroot } from '../project.ts';
import type { RustSrc } from '../toolchain/rust-src.ts';
import type { Toolchain } from '../toolchain/toolchain.ts';
import type { Directives } from '../unit/directives.ts';
import type { HostProgram, OwnTrees, Wrappers } from '../unit/places.ts';
import type { Compilation } from '../unit/rustc-args.ts';

/** A unit with everything that its action needs from the plan. */
export interface PlannedUnit extends Compilation {
  /** "serde 1.0.2 (build script)", for messages. */
  readonly label: string;
  /**
   * The hash in the names of its files: 16 hex digits over its identity and its dependencies. It does not
   * depend on locations.
   */
  readonly hash: string;
  readonly dependencies: readonly { readonly index: number; readonly name: string; readonly options: readonly string[] }[];
  /** The platform: cfgs, and the digest of a JSON target. */
  readonly triple: string;
  readonly cfgs: readonly string[];
  readonly targetFile: { readonly path: string; readonly digest: Digest } | undefined;
  /** The configured linker, and the configured wrappers of rustc. */
  readonly linkerProgram: HostProgram | undefined;
  readonly wrappers: Wrappers;
  readonly toolchain: Toolchain;
  readonly rustSrc: RustSrc | undefined;
  readonly declaredEnv: Readonly<Record<string, string>>;
  /** [env] of cargo's configuration. */
  readonly configEnv: Readonly<Record<string, string>>;
  readonly profileName: string;
  /** Scopes of -Ztrim-paths, or "". */
  readonly trimPaths: string;
  /** The name of its program, if that is not the name of its target. */
  readonly filename: string | undefined;
  /** The checkout with its incremental state, if cargo would use incremental compilation. */
  readonly checkout: Checkout | undefined;
  /** The folders of the user's own packages in its project. */
  readonly trees: OwnTrees;
  /** Lines of the configuration that replace its build script's output. */
  readonly scriptOutput?: readonly string[];
  /** Present for units of the sysroot's triple that may read it. */
  readonly sysroot?: Sysroot;
  /** The runner of a test program, and the flags of rustdoc for tests of documentation. */
  readonly testing?: { readonly runner: Runner | undefined; readonly rustdocflags: readonly string[] };
  /** The permissions of its package (--allow). */
  readonly granted?: Granted;
}

/** An allowance with the present content of its paths, which is part of keys. */
export interface Granted {
  readonly network: boolean;
  /** Absolute path of the host -> digest of the file or of the whole folder. */
  readonly paths: Readonly<Record<string, Digest | null>>;
}

/** A unit that is done. `directives` are those of a build script's run. */
export interface BuiltUnit {
  readonly planned: PlannedUnit;
  readonly result: ActionResult;
  readonly directives: Directives | undefined;
}

/** Returns everything below a unit: libraries, macros, build scripts and their runs. */
export function below(planned: PlannedUnit, built: ReadonlyMap<number, BuiltUnit>): readonly BuiltUnit[] {
  const found = new Set<BuiltUnit>();
  const visit = (unit: PlannedUnit): void => {
    for (const { index } of unit.dependencies) {
      const dependency = built.get(index);
      if (!dependency || found.has(dependency)) continue;
      found.add(dependency);
      visit(dependency.planned);
    }
  };
  visit(planned);
  return [...found];
}

/**
 * Returns everything that rustc may load for this unit: the libraries below it, and proc macros without the
 * libraries below them.
 */
export function linkClosure(planned: PlannedUnit, built: ReadonlyMap<number, BuiltUnit>): readonly BuiltUnit[] {
  const found = new Set<BuiltUnit>();
  const visit = (unit: PlannedUnit): void => {
    for (const { index } of unit.dependencies) {
      const dependency = built.get(index);
      if (!dependency || found.has(dependency) || isScriptRun(dependency.planned.unit) || !isLinkable(dependency.planned.unit)) continue;
      found.add(dependency);
      if (!isProcMacro(dependency.planned.unit)) visit(dependency.planned);
    }
  };
  visit(planned);
  return [...found];
}

/** Returns the runs of the unit's own build scripts. A nightly package may have several. */
export function ownScripts(planned: PlannedUnit, built: ReadonlyMap<number, BuiltUnit>): readonly BuiltUnit[] {
  return planned.dependencies.flatMap(({ index }) => built.get(index) ?? []).filter((dependency) => isScriptRun(dependency.planned.unit));
}

/** Returns the units and everything below them, except the units below those for which `ends` is true. */
export function reachable(
  units: readonly PlannedUnit[],
  from: readonly number[],
  ends = (_node: number): boolean => false,
): ReadonlySet<number> {
  const seen = new Set<number>();
  const open = [...from];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (seen.has(node)) continue;
    seen.add(node);
    if (ends(node)) continue;
    for (const { index } of units[node]?.dependencies ?? []) open.push(index);
  }
  return seen;
}

/** Returns the edges between missing units as a separate graph: node n of the graph is the unit `missing[n]`. */
export function missingEdges(units: readonly PlannedUnit[], missing: readonly number[]): readonly (readonly Edge[])[] {
  const positions = new Map(missing.map((node, position) => [node, position]));
  return missing.map((node) =>
    edgesOf(node, units, (other) => positions.has(other)).flatMap(({ on, early }) => {
      const position = positions.get(on);
      return position === undefined ? [] : [{ on: position, early }];
    }),
  );
}

/** Whether dependents of the unit can start when its metadata is available. */
export function hasEarlyMetadata({ unit }: Pick<PlannedUnit, 'unit'>): boolean {
  return isPlainLibrary(unit) && !isScriptRun(unit);
}

/**
 * Returns the missing units that a unit waits for. A plain library needs only the metadata of plain
 * libraries, which is available early. A linked unit needs all libraries below it completely. If a library is
 * complete or cached, libraries below it may still be missing because of a damaged blob, and rustc reads the
 * metadata of all of them.
 */
function edgesOf(node: number, units: readonly PlannedUnit[], isMissing: (node: number) => boolean): readonly Edge[] {
  const early = (unit: PlannedUnit | undefined): boolean => unit !== undefined && hasEarlyMetadata(unit);
  const unit = units[node];
  const direct = (unit?.dependencies ?? []).map(({ index }) => index);
  if (unit && !needsOnlyMetadata(unit.unit)) return [...reachable(units, direct)].filter(isMissing).map((on) => ({ on, early: false }));
  return [...reachable(units, direct, isMissing)].filter(isMissing).map((on) => ({ on, early: early(units[on]) }));
}
