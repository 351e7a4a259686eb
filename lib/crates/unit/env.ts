// The environment that cargo documents ("Environment Variables" of the Cargo Book): CARGO_PKG_* and others
// for rustc, and the variables of a build script. It is closed: it contains nothing of the user's own
// environment. Pure.
import type { Package } from '../cargo/package.ts';
import type { Unit } from '../plan/unit-graph.ts';
import { places } from './places.ts';
import { isExampleProgram } from './rustc-args.ts';
import type { Compilation } from './rustc-args.ts';
import type { Place } from './places.ts';

type Env = Readonly<Record<string, string>>;

/** Returns the variables of every call for a package. */
export function packageEnv(owner: Package, place: Place): Env {
  const [core = ''] = owner.version.split('+');
  const dash = core.indexOf('-');
  const [major = '', minor = '', patch = ''] = (dash < 0 ? core : core.slice(0, dash)).split('.');
  return {
    CARGO: `${places.toolchain}/bin/cargo`,
    CARGO_MANIFEST_DIR: place.dir,
    CARGO_MANIFEST_PATH: `${place.dir}/Cargo.toml`,
    CARGO_PKG_NAME: owner.name,
    CARGO_PKG_VERSION: owner.version,
    CARGO_PKG_VERSION_MAJOR: major,
    CARGO_PKG_VERSION_MINOR: minor,
    CARGO_PKG_VERSION_PATCH: patch,
    CARGO_PKG_VERSION_PRE: dash < 0 ? '' : core.slice(dash + 1),
    CARGO_PKG_AUTHORS: owner.authors.join(':'),
    CARGO_PKG_DESCRIPTION: owner.description,
    CARGO_PKG_HOMEPAGE: owner.homepage,
    CARGO_PKG_REPOSITORY: owner.repository,
    CARGO_PKG_LICENSE: owner.license,
    CARGO_PKG_LICENSE_FILE: owner.licenseFile,
    CARGO_PKG_RUST_VERSION: owner.rustVersion,
    CARGO_PKG_README: owner.readme,
  };
}

export interface RustcRun {
  /** OUT_DIR and similar variables: the output folders of the package's build scripts. */
  readonly outDirs: Env;
  /** The variables that they set. */
  readonly scriptEnv: Env;
  /** Whether to set RUSTC_BOOTSTRAP. */
  readonly bootstrap: boolean;
}

/** Returns the variables of a rustc call in addition to those of the package. */
export function rustcEnv(unit: Unit, options: RustcRun): Env {
  return {
    CARGO_CRATE_NAME: unit.target.name.replaceAll('-', '_'),
    ...(unit.target.kind.includes('bin') || isExampleProgram(unit.target) ? { CARGO_BIN_NAME: unit.target.name } : {}),
    ...options.outDirs,
    ...(options.bootstrap ? { RUSTC_BOOTSTRAP: '1' } : {}),
    ...options.scriptEnv,
    LD_LIBRARY_PATH: `${places.deps}:${places.toolchain}/lib`,
  };
}

/**
 * Returns the variables of an integration test or a benchmark: the programs of its package, and a folder for
 * files.
 */
export function testEnv(
  { unit, owner, profileDir, programsInChecks = false }: Pick<Compilation, 'unit' | 'owner' | 'profileDir' | 'programsInChecks'>,
  triple: string,
): Env {
  if (!unit.target.kind.some((kind) => kind === 'test' || kind === 'bench')) return {};
  const folder = `${places.target}/${triple}`;
  const programs = owner.bins.map((name) => [
    `CARGO_BIN_EXE_${name}`,
    unit.mode === 'check' && !programsInChecks ? `placeholder:${name}` : `${folder}/${profileDir}/${name}`,
  ]);
  return { ...Object.fromEntries(programs), CARGO_TARGET_TMPDIR: `${folder}/tmp` };
}

/**
 * Variables of a build script in addition to cargo's, so that its output does not depend on the time:
 * archives without dates (ar of cctools and the cc crate), and the time that tools use as the present (1980,
 * the first that a zip file can store). A declared variable overrides them.
 */
export const timelessEnv: Env = { SOURCE_DATE_EPOCH: '315532800', ZERO_AR_DATE: '1' };

export interface ScriptRun {
  readonly outDir: string;
  /** The triple that the package is built for, or the file name of a JSON target without its extension. */
  readonly target: string;
  readonly host: string;
  readonly cfgs: readonly string[];
  readonly linker: string | undefined;
  readonly rustflags: readonly string[];
  /** "release" or "debug". */
  readonly profileName: string;
  /** The scopes of -Ztrim-paths, or "". */
  readonly trimPaths: string;
  /** DEP_<LINKS>_<KEY> of direct dependencies. */
  readonly dependencies: Env;
}

/**
 * Returns the variables of a build script's run in addition to those of the package. `unit` is the run: its
 * profile is the library's.
 */
export function scriptEnv(unit: Unit, owner: Package, run: ScriptRun): Env {
  const features = unit.features.map((feature) => [`CARGO_FEATURE_${feature.toUpperCase().replaceAll('-', '_')}`, '1']);
  return {
    OUT_DIR: run.outDir,
    TARGET: run.target,
    HOST: run.host,
    OPT_LEVEL: unit.profile.optLevel,
    PROFILE: run.profileName,
    DEBUG: unit.profile.debuginfo === '0' || unit.profile.debuginfo === 'none' ? 'false' : 'true',
    RUSTC: `${places.toolchain}/bin/rustc`,
    RUSTDOC: `${places.toolchain}/bin/rustdoc`,
    CARGO_ENCODED_RUSTFLAGS: run.rustflags.join('\x1f'),
    ...(run.linker === undefined ? {} : { RUSTC_LINKER: run.linker }),
    ...(run.trimPaths === '' ? {} : { CARGO_TRIM_PATHS: run.trimPaths }),
    ...(owner.links === undefined ? {} : { CARGO_MANIFEST_LINKS: owner.links }),
    ...Object.fromEntries(features),
    ...cfgEnv(run.cfgs, unit.profile.debugAssertions, unit.features),
    ...run.dependencies,
    LD_LIBRARY_PATH: `${places.toolchain}/lib`,
  };
}

/** Returns DEP_<LINKS>_<KEY> for one dependency, in upper case and with underscores for dashes. */
export function depEnv(links: string, metadata: Env): Env {
  const upper = (text: string): string => text.toUpperCase().replaceAll('-', '_');
  return Object.fromEntries(Object.entries(metadata).map(([key, value]) => [`DEP_${upper(links)}_${upper(key)}`, value]));
}

/** Returns CARGO_CFG_<KEY>: flags are empty, and several values are joined by commas. */
export function cfgEnv(cfgs: readonly string[], debugAssertions: boolean, features: readonly string[]): Readonly<Record<string, string>> {
  const values = new Map<string, string[]>();
  for (const cfg of cfgs) {
    const at = cfg.indexOf('=');
    const key = at < 0 ? cfg : cfg.slice(0, at);
    if (key === 'debug_assertions' && !debugAssertions) continue;
    if (key === 'proc_macro') continue;
    const list = values.get(key) ?? [];
    values.set(key, at < 0 ? list : [...list, cfg.slice(at + 1).replace(/^"|"$/g, '')]);
  }
  if (debugAssertions) values.set('debug_assertions', []);
  values.set('feature', [...features]);
  return Object.fromEntries([...values].map(([key, list]) => [`CARGO_CFG_${key.toUpperCase().replaceAll('-', '_')}`, list.join(',')]));
}
