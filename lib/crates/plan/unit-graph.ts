// Parses cargo's unit graph (`cargo build --unit-graph`, version 1; unstable, so fields may be added). One
// unit is one compilation: package x target x profile x features x platform. Only the fields that affect a
// compilation are kept.
// Cargo before about 1.86 prints ids of packages in the form of old lock files ("p 0.1.0 (path+file:///p)"),
// although its metadata has package id specifications ("path+file:///p#0.1.0"). `withMetadataIds` converts them.
import { cannot } from '../../core/errors.ts';
import type { Package } from '../cargo/package.ts';

/**
 * The mode of a unit: a crate is compiled as its target type, compiled to a program that tests or measures
 * it, only checked, or tested by rustdoc, or a compiled build script is run.
 */
export type Mode = 'build' | 'test' | 'check' | 'doctest' | 'run-custom-build';

export interface Target {
  /** "lib", "bin", "proc-macro", "custom-build", "cdylib", ... */
  readonly kind: readonly string[];
  readonly crateTypes: readonly string[];
  readonly name: string;
  /** Absolute path. */
  readonly srcPath: string;
  readonly edition: string;
  readonly requiredFeatures: readonly string[];
  /**
   * Fields of the manifest that cargo's messages repeat: whether the target is documented, and whether its
   * doc tests and tests are run.
   */
  readonly doc: boolean;
  readonly doctest: boolean;
  readonly test: boolean;
}

export interface Profile {
  readonly name: string;
  readonly optLevel: string;
  /** "false" (thin-local), "true", "off", "thin", "fat". */
  readonly lto: string;
  readonly codegenBackend: string | undefined;
  readonly codegenUnits: number | undefined;
  /** "0", "1", "2", "line-tables-only", ... */
  readonly debuginfo: string;
  readonly splitDebuginfo: string | undefined;
  readonly debugAssertions: boolean;
  readonly overflowChecks: boolean;
  readonly rpath: boolean;
  readonly incremental: boolean;
  readonly panic: string;
  /** "none", "debuginfo", "symbols". */
  readonly strip: string;
  readonly rustflags: readonly string[];
  /**
   * Scopes joined by commas, or "". Undefined if cargo prints null, which means all scopes, or that the
   * feature is off.
   */
  readonly trimPaths: string | undefined;
}

export interface Dependency {
  /** Index into the graph's units. */
  readonly index: number;
  readonly externCrateName: string;
  /** Options before the name at `--extern`: "noprelude", "nounused". */
  readonly options: readonly string[];
  readonly isPublic: boolean;
}

export interface Unit {
  readonly pkgId: string;
  readonly target: Target;
  readonly profile: Profile;
  /** A triple or the path of a JSON target. Undefined is the host. */
  readonly platform: string | undefined;
  readonly mode: Mode;
  /**
   * Whether its tests are compiled: in mode test, or in a check with tests. The graph does not contain the
   * latter (`withTested`).
   */
  readonly tested: boolean;
  readonly features: readonly string[];
  readonly isStd: boolean;
  readonly dependencies: readonly Dependency[];
}

export interface UnitGraph {
  readonly units: readonly Unit[];
  readonly roots: readonly number[];
}

/** Parses cargo's output. Another version or a missing field is a Failure that names it. */
export function parseUnitGraph(text: string): UnitGraph {
  const graph = record(JSON.parse(text), 'the unit graph');
  if (graph['version'] !== 1) {
    throw cannot('read the unit graph', `this cargo prints version ${String(graph['version'])}, and only version 1 is known`, {
      blame: 'host',
      hint: 'use another toolchain with --toolchain',
    });
  }
  const units = list(graph['units'], 'units').map((unit, index) => parseUnit(record(unit, `units[${index}]`), `units[${index}]`));
  return { units, roots: list(graph['roots'], 'roots').map(Number) };
}

export function isProcMacro(unit: Unit): boolean {
  return unit.target.kind.includes('proc-macro');
}

/** Whether a unit is the crate of a build script, which is compiled before it is run. */
export function isBuildScript(unit: Unit): boolean {
  return unit.mode !== 'run-custom-build' && unit.target.kind.includes('custom-build');
}

export function isScriptRun(unit: Unit): boolean {
  return unit.mode === 'run-custom-build';
}

/** Whether a unit is only an rlib or lib, which other crates link to and no linker produces. */
export function isPlainLibrary(unit: Unit): boolean {
  return !unit.tested && unit.target.crateTypes.every((type) => type === 'lib' || type === 'rlib');
}

/** Whether the metadata of its dependencies is sufficient to compile it, because no linker runs. */
export function needsOnlyMetadata(unit: Unit): boolean {
  return !isScriptRun(unit) && (unit.mode === 'check' || isPlainLibrary(unit));
}

/** Whether a unit is a target of [lib], of any type. */
export function isLibrary({ target }: Unit): boolean {
  return !['bin', 'custom-build', 'example', 'test', 'bench'].some((kind) => target.kind.includes(kind));
}

/** Whether other crates of the same platform link to the unit's output. */
export function isLinkable(unit: Unit): boolean {
  return !unit.tested && unit.target.crateTypes.some((type) => ['lib', 'rlib', 'dylib', 'proc-macro'].includes(type));
}

function parseUnit(unit: Fields, path: string): Unit {
  const target = record(unit['target'], `${path}.target`);
  const mode = text(unit['mode'], `${path}.mode`);
  if (!isMode(mode)) throw cannot('read the unit graph', `${path} has the mode "${mode}", which is not known`);
  return {
    pkgId: text(unit['pkg_id'], `${path}.pkg_id`),
    target: {
      kind: list(target['kind'], `${path}.target.kind`).map(String),
      crateTypes: list(target['crate_types'], `${path}.target.crate_types`).map(String),
      name: text(target['name'], `${path}.target.name`),
      srcPath: text(target['src_path'], `${path}.target.src_path`),
      edition: text(target['edition'], `${path}.target.edition`),
      requiredFeatures:
        target['required-features'] === undefined ? [] : list(target['required-features'], `${path}.target.required-features`).map(String),
      doc: target['doc'] === true,
      doctest: target['doctest'] === true,
      test: target['test'] === true,
    },
    profile: parseProfile(record(unit['profile'], `${path}.profile`), `${path}.profile`),
    platform: typeof unit['platform'] === 'string' ? unit['platform'] : undefined,
    mode,
    tested: mode === 'test',
    features: list(unit['features'], `${path}.features`).map(String),
    isStd: unit['is_std'] === true,
    dependencies: list(unit['dependencies'], `${path}.dependencies`).map((item, index) => {
      const dependency = record(item, `${path}.dependencies[${index}]`);
      return {
        index: Number(dependency['index']),
        externCrateName: text(dependency['extern_crate_name'], `${path}.dependencies[${index}].extern_crate_name`),
        options: ['noprelude', 'nounused'].filter((option) => dependency[option] === true),
        isPublic: dependency['public'] === true,
      };
    }),
  };
}

function isMode(text: string): text is Mode {
  return ['build', 'test', 'check', 'doctest', 'run-custom-build'].includes(text);
}

/**
 * Returns the graph of a check with the targets that are checked with their tests, which cargo does not mark.
 * `built` is the graph of a build of the same selection: it has a root of mode test, with the same profile,
 * for each of them. If a target is a root twice with that profile, cargo prints the one without tests first.
 */
export function withTested(graph: UnitGraph, built: UnitGraph): UnitGraph {
  const nameOf = (unit: Unit | undefined): string => {
    const { pkgId, target, platform, profile } = unit ?? {};
    return JSON.stringify([pkgId, target?.kind, target?.name, platform ?? null, profile]);
  };
  const withTests = new Set(built.roots.map((root) => built.units[root]).flatMap((unit) => (unit?.mode === 'test' ? [nameOf(unit)] : [])));
  const last = new Map(graph.roots.toSorted((a, b) => a - b).map((root) => [nameOf(graph.units[root]), root]));
  const tested = new Set([...last].flatMap(([name, root]) => (withTests.has(name) ? [root] : [])));
  return { ...graph, units: graph.units.map((unit, index) => (tested.has(index) ? { ...unit, tested: true } : unit)) };
}

function parseProfile(profile: Fields, path: string): Profile {
  const optional = (name: string): string | undefined => absentOr(profile[name], String);
  const rustflags = profile['rustflags'];
  const trimPaths = profile['trim_paths'];
  return {
    name: text(profile['name'], `${path}.name`),
    optLevel: text(profile['opt_level'], `${path}.opt_level`),
    lto: text(profile['lto'], `${path}.lto`),
    codegenBackend: optional('codegen_backend'),
    codegenUnits: absentOr(profile['codegen_units'], Number),
    debuginfo: optional('debuginfo') ?? '0',
    splitDebuginfo: optional('split_debuginfo'),
    debugAssertions: profile['debug_assertions'] === true,
    overflowChecks: profile['overflow_checks'] === true,
    rpath: profile['rpath'] === true,
    incremental: profile['incremental'] === true,
    panic: text(profile['panic'], `${path}.panic`),
    strip: stripOf(profile['strip']),
    rustflags: Array.isArray(rustflags) ? rustflags.map(String) : [],
    trimPaths: Array.isArray(trimPaths) ? trimPaths.join() : undefined,
  };
}

/**
 * `{"resolved": {"Named": "debuginfo"}}`, `{"deferred": "None"}`, ...: only the value is used, whether it was
 * deferred or not.
 */
function stripOf(value: unknown): string {
  if (typeof value !== 'object' || value === null) return 'none';
  const inner: unknown = Object.values(value)[0];
  if (typeof inner === 'object' && inner !== null && 'Named' in inner) return String(inner.Named);
  return 'none';
}

type Fields = Readonly<Record<string, unknown>>;

function record(value: unknown, path: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw cannot('read the unit graph', `${path} is not an object`);
  return value as Fields;
}

function list(value: unknown, path: string): readonly unknown[] {
  if (!Array.isArray(value)) throw cannot('read the unit graph', `${path} is not a list`);
  return value;
}

function text(value: unknown, path: string): string {
  if (typeof value !== 'string') throw cannot('read the unit graph', `${path} is not a text`);
  return value;
}

/** Returns undefined for a field that is missing or null. */
function absentOr<T>(value: unknown, read: (value: unknown) => T): T | undefined {
  return value === undefined || value === null ? undefined : read(value);
}

type Named = Pick<Package, 'id' | 'name' | 'version' | 'source'>;

/**
 * Returns the graph with the ids of `packages`. An id that matches no package in either form is left
 * unchanged.
 */
export function withMetadataIds(graph: UnitGraph, packages: readonly Named[]): UnitGraph {
  if (!graph.units.some(({ pkgId }) => isOldId(pkgId))) return graph;
  const known = new Map(packages.map((one) => [oldIdOf(one), one.id]));
  return { ...graph, units: graph.units.map((unit) => ({ ...unit, pkgId: known.get(unit.pkgId) ?? unit.pkgId })) };
}

/** Whether an id is "p 0.1.0 (path+file:///p)". A package id specification is a URL, which contains no spaces. */
function isOldId(id: string): boolean {
  return /^\S+ \S+ \(.+\)$/.test(id);
}

/** The metadata has no source for a package in a folder, but its id begins with it: "path+file:///p#0.1.0". */
function oldIdOf({ id, name, version, source }: Named): string {
  return `${name} ${version} (${source ?? id.slice(0, id.lastIndexOf('#'))})`;
}
