// Describes the requested Cargo projects: the arguments of cargo's command line as data, and set files, which
// define several projects for one graph in TOML: `[[project]] path, name?, bins?, features?,
// default-features?, triple?, profile?, env?, build-std?`.
import { basename, dirname, resolve } from 'node:path';
import { parse } from 'smol-toml';
import { digestRecord } from '../core/digest.ts';
import type { Digest } from '../core/digest.ts';
import { cannot, nearest } from '../core/errors.ts';

/** The C library and other files that programs of a triple are linked with. */
export interface Sysroot {
  /** The triple of the programs that are linked with it. */
  readonly triple: string;
  /** Files by their path in the sysroot: "usr/lib/libc.a". */
  readonly files: Readonly<Record<string, Digest>>;
  /** Empty folders and links by their path. */
  readonly layout: Readonly<Record<string, 'folder' | `link ${string}`>>;
  /**
   * Variables of build scripts that see the sysroot: the C compiler for the triple and its flags. A declared
   * variable overrides them.
   */
  readonly env: Readonly<Record<string, string>>;
  /** The programs that these variables name, by content. */
  readonly tools: Readonly<Record<string, Digest>>;
}

/** `test` builds what `cargo test` runs; `check` compiles metadata only. */
export type CargoCommand = 'build' | 'test' | 'check';

export interface Project {
  /** Names its results if several projects are built at once. */
  readonly name: string;
  /** Absolute folder with Cargo.toml. */
  readonly dir: string;
  /** Empty: cargo's default members. */
  readonly packages: readonly string[];
  /** Empty and no `lib`: everything that `cargo build` builds. */
  readonly bins: readonly string[];
  readonly lib: boolean;
  /** Further arguments of cargo that select targets, packages and features: "--tests", "--example=x", "--workspace". */
  readonly selection?: readonly string[];
  /** The command of cargo that plans it. Absent: build. */
  readonly command?: CargoCommand;
  /** Its own packages are compiled by clippy-driver with these further arguments, as `cargo clippy` does. */
  readonly clippy?: readonly string[] | undefined;
  readonly features: readonly string[];
  readonly defaultFeatures: boolean;
  /** "dev", "release", "system" or one that the project declares. */
  readonly profile: string;
  /** A triple or the absolute path of a JSON target. Undefined is the host. */
  readonly triple: string | undefined;
  /** Further targets of the same run. */
  readonly moreTriples?: readonly string[];
  /** Crates of the standard library to compile. An empty list uses the toolchain's own. */
  readonly buildStd: readonly string[];
  readonly buildStdFeatures: readonly string[];
  /** Absolute paths of further configuration files. */
  readonly cargoConfigs: readonly string[];
  /** Refuses a Cargo.lock that does not match, as `cargo --locked` does. Otherwise cargo updates it. */
  readonly locked?: boolean;
  /** Declared variables. Build scripts and env!() see only these. */
  readonly env: Readonly<Record<string, string>>;
  /** A declared variable whose value is the version of the toolchain: "rustc 1.97.0-nightly". */
  readonly rustcVariable?: string | undefined;
  /** The files that programs of its triple are linked with. Absent: no sysroot is used. */
  readonly sysroot?: Sysroot | undefined;
}

/**
 * The profile of images. It is the same for all components, so that they share units. It has no LTO, so that
 * an edit is built quickly.
 */
export const systemProfile: Readonly<Record<string, string>> = {
  'opt-level': '3',
  lto: 'false',
  'codegen-units': '16',
  panic: '"unwind"',
  debug: '0',
  strip: '"symbols"',
  'debug-assertions': 'false',
  'overflow-checks': 'false',
  incremental: 'false',
};

/**
 * Returns the arguments of `cargo build` that select what is built and how. `targets`: the values of
 * --target. An empty list leaves the choice to cargo's configuration.
 */
export function selectionArgs(project: Project, targets: readonly string[]): readonly string[] {
  const repeated = (flag: string, values: readonly string[]): string[] => values.flatMap((value) => [flag, value]);
  return [
    ...repeated('--target', targets),
    ...profileArgs(project),
    ...repeated('--package', project.packages),
    ...repeated('--bin', project.bins),
    ...(project.lib ? ['--lib'] : []),
    ...(project.selection ?? []),
    ...(project.features.length > 0 ? ['--features', project.features.join(',')] : []),
    ...(project.defaultFeatures ? [] : ['--no-default-features']),
    ...repeated('--config', project.cargoConfigs),
    ...(project.buildStd.length > 0 ? ['-Z', `build-std=${project.buildStd.join(',')}`] : []),
    ...(project.buildStdFeatures.length > 0 ? ['-Z', `build-std-features=${project.buildStdFeatures.join(',')}`] : []),
    ...(triplesOf(project).some((triple) => triple.endsWith('.json')) ? ['-Z', 'json-target-spec'] : []),
  ];
}

/** Returns the requested targets. An empty list means the host, or the targets of the project's configuration. */
export function triplesOf({ triple, moreTriples = [] }: Project): readonly string[] {
  return triple === undefined ? [] : [...new Set([triple, ...moreTriples])];
}

/** `cargo test` uses its own profile instead of dev. */
function profileArgs({ profile, command }: Project): readonly string[] {
  if (profile === 'dev' && command === 'test') return ['--profile', 'test'];
  if (profile !== 'system') return ['--profile', profile];
  return [
    '--profile',
    'release',
    ...Object.entries(systemProfile).flatMap(([key, value]) => ['--config', `profile.release.${key}=${value}`]),
  ];
}

/** Returns the digest of everything in a sysroot. */
export function sysrootDigest(sysroot: Sysroot): Digest {
  const { triple, files, layout, env, tools } = sysroot;
  const digest =
    digests.get(sysroot) ?? digestRecord({ triple, files: { ...files }, layout: { ...layout }, env: { ...env }, tools: { ...tools } });
  digests.set(sysroot, digest);
  return digest;
}

const digests = new WeakMap<Sysroot, Digest>();

const fields = [
  'path',
  'name',
  'package',
  'bins',
  'lib',
  'features',
  'default-features',
  'triple',
  'profile',
  'env',
  'build-std',
  'build-std-features',
];

/**
 * Returns the projects of a set file. `defaults` has the values that a table leaves out. Paths are relative
 * to the file.
 */
export function projectSet(text: string, file: string, defaults: Project): readonly Project[] {
  const projects = tablesOf(text, file).map((table, index): Project => {
    const where = `project[${index}]`;
    const wrong = (field: string, wanted: string): Error =>
      cannot(`read "${file}"`, `${where}.${field} must be ${wanted}`, { blame: 'usage' });
    for (const field of Object.keys(table)) {
      if (fields.includes(field)) continue;
      const near = nearest(field, fields);
      const hint = near ? `did you mean ${near}?` : `the fields are ${fields.join(', ')}`;
      throw cannot(`read "${file}"`, `${where} has an unknown field "${field}"`, { blame: 'usage', hint });
    }
    const text = (field: string): string | undefined => {
      const value = table[field];
      if (value !== undefined && typeof value !== 'string') throw wrong(field, 'a text');
      return value;
    };
    const list = (field: string): readonly string[] | undefined => {
      const value = table[field];
      if (value === undefined) return undefined;
      if (!Array.isArray(value)) throw wrong(field, 'a list of texts');
      return value.map((item: unknown) => {
        if (typeof item !== 'string') throw wrong(field, 'a list of texts');
        return item;
      });
    };
    const flag = (field: string): boolean | undefined => {
      const value = table[field];
      if (value !== undefined && typeof value !== 'boolean') throw wrong(field, 'true or false');
      return value;
    };
    const path = text('path');
    if (path === undefined) throw wrong('path', 'given');
    const dir = resolve(dirname(file), path);
    const triple = text('triple') ?? defaults.triple;
    return {
      ...defaults,
      dir,
      name: text('name') ?? basename(dir),
      packages: list('package') ?? defaults.packages,
      bins: list('bins') ?? defaults.bins,
      lib: flag('lib') ?? defaults.lib,
      features: list('features') ?? defaults.features,
      defaultFeatures: flag('default-features') ?? defaults.defaultFeatures,
      triple: triple?.endsWith('.json') ? resolve(dirname(file), triple) : triple,
      ...(text('triple') === undefined || !defaults.moreTriples ? {} : { moreTriples: [] }),
      profile: text('profile') ?? defaults.profile,
      buildStd: list('build-std') ?? defaults.buildStd,
      buildStdFeatures: list('build-std-features') ?? defaults.buildStdFeatures,
      env: { ...defaults.env, ...envOf(table['env'], () => wrong('env', 'a table of texts')) },
    };
  });
  const twice = projects.find(({ name }, index) => projects.findIndex((other) => other.name === name) !== index);
  if (twice)
    throw cannot(`read "${file}"`, `two projects are called "${twice.name}"`, {
      blame: 'usage',
      hint: 'give one of them another with name = "..."',
    });
  return projects;
}

function tablesOf(text: string, file: string): readonly Readonly<Record<string, unknown>>[] {
  let parsed: Readonly<Record<string, unknown>>;
  try {
    parsed = parse(text);
  } catch (error) {
    throw cannot(`read "${file}"`, 'it is not valid TOML', {
      blame: 'usage',
      detail: error instanceof Error ? error.message : String(error),
    });
  }
  const { project, ...others } = parsed;
  for (const field of Object.keys(others)) {
    const hint = nearest(field, ['project']) ? 'did you mean project?' : 'it is a list of [[project]]';
    throw cannot(`read "${file}"`, `it has an unknown field "${field}"`, { blame: 'usage', hint });
  }
  if (!Array.isArray(project) || project.length === 0) throw cannot(`read "${file}"`, 'it has no [[project]]', { blame: 'usage' });
  return project.map((item: unknown, index) => {
    if (!isTable(item)) throw cannot(`read "${file}"`, `project[${index}] must be a table`, { blame: 'usage' });
    return item;
  });
}

function isTable(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

function envOf(value: unknown, wrong: () => Error): Readonly<Record<string, string>> {
  if (value === undefined) return {};
  if (!isTable(value)) throw wrong();
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => {
      if (typeof item !== 'string') throw wrong();
      return [name, item];
    }),
  );
}
