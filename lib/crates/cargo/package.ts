// Data about packages. `cargo metadata` has data that the unit graph lacks: the values of CARGO_PKG_*,
// `links`, the declared features, the source of a package. Manifests and lock files have data that neither
// contains: lints, the workspace, file names of programs, vendored packages that no unit needs.
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { parse } from 'smol-toml';
import type { TomlTable, TomlValue } from 'smol-toml';
import { byCodeUnit } from '../../core/digest.ts';
import { absentAsUndefined, cannot } from '../../core/errors.ts';
import { foldersUp, mayName, parseToml, tableOf } from './config-files.ts';

export interface Package {
  /** The id in the unit graph. */
  readonly id: string;
  readonly name: string;
  readonly version: string;
  /** "registry+...", "git+...#rev". Undefined for a package of the user's own file system. */
  readonly source: string | undefined;
  /** Absolute folder of Cargo.toml. */
  readonly dir: string;
  readonly manifestPath: string;
  readonly authors: readonly string[];
  readonly description: string;
  readonly homepage: string;
  readonly repository: string;
  readonly license: string;
  readonly licenseFile: string;
  readonly readme: string;
  readonly rustVersion: string;
  /** The native library that its build script provides. */
  readonly links: string | undefined;
  /** All declared features, sorted as cargo prints them. */
  readonly features: readonly string[];
  /** Names of its targets of kind bin. */
  readonly bins: readonly string[];
  readonly hasLibrary: boolean;
  /** Dependencies whose artifacts it uses (nightly): the package's name, and its name in the manifest. */
  readonly artifacts: readonly { readonly name: string; readonly as: string }[];
  /** Kinds of all its targets: lib, bin, test, ... */
  readonly kinds: readonly string[];
}

export interface Metadata {
  /** Ids of the workspace's members. */
  readonly members: readonly string[];
  readonly packages: ReadonlyMap<string, Package>;
  /** Absolute path. */
  readonly workspaceRoot: string;
}

/** Parses the output of `cargo metadata --format-version 1`. */
export function parseMetadata(text: string): Metadata {
  const answer: { packages?: readonly RawPackage[]; workspace_members?: readonly string[]; workspace_root?: string } = JSON.parse(text);
  if (!answer.packages || !answer.workspace_root) throw cannot('read the metadata of cargo', 'it has no packages or no workspace_root');
  const packages = new Map(answer.packages.map((raw) => [raw.id, packageOf(raw)]));
  return { packages, members: answer.workspace_members ?? [], workspaceRoot: answer.workspace_root };
}

interface RawPackage {
  readonly id: string;
  readonly name: string;
  readonly version: string;
  readonly source: string | null;
  readonly manifest_path: string;
  readonly authors: readonly string[];
  readonly description: string | null;
  readonly homepage: string | null;
  readonly repository: string | null;
  readonly license: string | null;
  readonly license_file: string | null;
  readonly readme: string | null;
  readonly rust_version: string | null;
  readonly links: string | null;
  readonly features: Readonly<Record<string, unknown>>;
  readonly dependencies: readonly { readonly name: string; readonly rename: string | null; readonly artifact?: unknown }[];
  readonly targets: readonly { readonly kind: readonly string[]; readonly name: string }[];
}

const libraryKinds = ['lib', 'rlib', 'dylib', 'cdylib', 'staticlib', 'proc-macro'];

function packageOf(raw: RawPackage): Package {
  return {
    id: raw.id,
    name: raw.name,
    version: raw.version,
    source: raw.source ?? undefined,
    dir: dirname(raw.manifest_path),
    manifestPath: raw.manifest_path,
    authors: raw.authors,
    description: raw.description ?? '',
    homepage: raw.homepage ?? '',
    repository: raw.repository ?? '',
    license: raw.license ?? '',
    licenseFile: raw.license_file ?? '',
    readme: raw.readme ?? '',
    rustVersion: raw.rust_version ?? '',
    links: raw.links ?? undefined,
    features: Object.keys(raw.features),
    bins: raw.targets.filter((target) => target.kind.includes('bin')).map((target) => target.name),
    kinds: [...new Set(raw.targets.flatMap((target) => target.kind))],
    artifacts: raw.dependencies.flatMap(({ name, rename, artifact }) =>
      artifact === null || artifact === undefined ? [] : [{ name, as: rename ?? name }],
    ),
    hasLibrary: raw.targets.some((target) => target.kind.some((kind) => libraryKinds.includes(kind))),
  };
}

export interface ManifestFacts {
  /** `cargo-features`. */
  readonly features?: readonly string[];
  /** `filename` of [[bin]], by the program's name. */
  readonly filenames?: Readonly<Record<string, string>>;
  /** Targets whose tests have their own main function (`harness = false`): "lib", "test name". */
  readonly withoutHarness?: readonly string[];
}

/** Reads the facts of a manifest. It is only parsed if it contains `cargo-features` or `harness`. */
export async function manifestFacts(manifestPath: string): Promise<ManifestFacts> {
  const text = await readFile(manifestPath, 'utf8');
  if (!mayName(text, 'cargo-features', 'harness')) return {};
  const manifest = parseToml(text);
  const withoutHarness = [
    ...(tableOf(manifest['lib'])['harness'] === false ? ['lib'] : []),
    ...['bin', 'example', 'test', 'bench'].flatMap((kind) => {
      const tables = manifest[kind];
      const own = Array.isArray(tables) ? tables.map(tableOf) : [];
      return own.flatMap(({ name, harness }) => (typeof name === 'string' && harness === false ? [`${kind} ${name}`] : []));
    }),
  ];
  const features = manifest['cargo-features'];
  const bins = Array.isArray(manifest['bin']) ? manifest['bin'].map(tableOf) : [];
  const filenames = bins.flatMap(({ name, filename }) =>
    typeof name === 'string' && typeof filename === 'string' ? [[name, filename] as const] : [],
  );
  return {
    ...(Array.isArray(features) ? { features: features.map(String) } : {}),
    ...(filenames.length > 0 ? { filenames: Object.fromEntries(filenames) } : {}),
    ...(withoutHarness.length > 0 ? { withoutHarness } : {}),
  };
}

export interface LintArgs {
  /** `--warn=unexpected_cfgs`, ... */
  readonly flags: readonly string[];
  /** The expectations of `unexpected_cfgs.check-cfg`, unchanged. */
  readonly checkCfg: readonly string[];
}

/**
 * Returns the lint flags of the package with the given manifest. `workspaceRoot` returns the folder of the
 * workspace whose table the package may inherit.
 */
export async function lintArgs(manifestPath: string, workspaceRoot: () => string): Promise<LintArgs> {
  const own = tableOf((await readToml(manifestPath))['lints']);
  if (own['workspace'] !== true) return flagsOf(own);
  return flagsOf(tableOf(tableOf((await readToml(join(workspaceRoot(), 'Cargo.toml')))['workspace'])['lints']));
}

export function flagsOf(lints: TomlTable): LintArgs {
  const rows: { flag: string; name: string; priority: number }[] = [];
  const checkCfg: string[] = [];
  for (const [tool, entries] of Object.entries(lints)) {
    if (tool === 'cargo') continue;
    for (const [name, value] of Object.entries(tableOf(entries))) {
      const config = typeof value === 'string' ? { level: value } : tableOf(value);
      const level = typeof config['level'] === 'string' ? config['level'] : 'warn';
      const priority = typeof config['priority'] === 'bigint' || typeof config['priority'] === 'number' ? Number(config['priority']) : 0;
      rows.push({ flag: `--${level}=${tool === 'rust' ? name : `${tool}::${name}`}`, name, priority });
      const expected = config['check-cfg'];
      if (tool === 'rust' && name === 'unexpected_cfgs' && Array.isArray(expected)) checkCfg.push(...expected.map(String));
    }
  }
  rows.sort((a, b) => a.priority - b.priority || byCodeUnit(b.name, a.name) || byCodeUnit(a.flag, b.flag));
  return { flags: rows.map((row) => row.flag), checkCfg: checkCfg.flatMap((expectation) => ['--check-cfg', expectation]) };
}

/** Returns an empty table for a manifest without lints, which is not parsed. */
async function readToml(path: string): Promise<TomlTable> {
  const text = await absentAsUndefined(readFile(path, 'utf8'));
  if (text === undefined || !mayName(text, 'lints')) return {};
  try {
    return parseToml(text);
  } catch (error) {
    throw cannot(`read "${path}"`, error instanceof Error ? (error.message.split('\n')[0] ?? '') : 'it is not TOML', { cause: error });
  }
}

/**
 * Returns the absolute folder of the workspace of the package in `dir`, or `dir` itself if it has none or its
 * manifest cannot be read.
 */
export function workspaceRootOf(dir: string, cargoHome: string): string {
  const own = manifestIn(dir);
  if (!own || own['workspace'] !== undefined) return dir;
  const pointer = tableOf(own['package'])['workspace'];
  if (typeof pointer === 'string') return resolve(dir, pointer);
  for (const folder of foldersUp(dirname(dir))) {
    if (folder === cargoHome) return dir; // downloaded packages do not belong to a workspace above cargo's own folder
    const above = manifestIn(folder);
    if (!above) continue;
    const workspace = above['workspace'];
    if (workspace === undefined) {
      const further = tableOf(above['package'])['workspace'];
      if (typeof further === 'string') return resolve(folder, further);
    } else if (!excludes(tableOf(workspace), folder, dir)) return folder;
  }
  return dir;
}

/**
 * Whether the workspace excludes the package. An excluded package is a member if `members` contains it or a
 * folder above it.
 */
function excludes(workspace: TomlTable, root: string, dir: string): boolean {
  const around = (value: TomlValue | undefined): boolean =>
    Array.isArray(value) && value.some((path) => typeof path === 'string' && !relative(resolve(root, path), dir).startsWith('..'));
  return around(workspace['exclude']) && !around(workspace['members']);
}

/** Parses a manifest only if it may matter: one without either word has no workspace. */
function manifestIn(folder: string): TomlTable | undefined {
  try {
    const text = readFileSync(join(folder, 'Cargo.toml'), 'utf8');
    return mayName(text, 'workspace') ? parseToml(text) : {};
  } catch {
    return undefined; // it is missing, or cargo reports the error better
  }
}

/**
 * Returns the folders of locked packages by "<name>-<version>". They are searched for next to `known`
 * packages: `cargo vendor` names a folder with or without the version.
 */
export async function lockedPackages(workspaceRoot: string, known: readonly Package[]): Promise<ReadonlyMap<string, string>> {
  const there = new Set(known.map(({ name, version }) => `${name}-${version}`));
  const folders = [...new Set(known.map(({ dir }) => dirname(dir)))];
  const found = new Map<string, string>();
  for (const { name, version } of await lockedIn(join(workspaceRoot, 'Cargo.lock'))) {
    if (there.has(`${name}-${version}`)) continue;
    const names = [`${name}-${version}`, `${name}-${version.split('+')[0]}`, name];
    for (const folder of folders.flatMap((one) => names.map((word) => join(one, word)))) {
      if (!(await isVendored(folder, version))) continue;
      found.set(`${name}-${version}`, folder);
      break;
    }
  }
  return found;
}

/** Returns the external packages of a lock file. The list is empty if there is no file yet. */
async function lockedIn(path: string): Promise<readonly { readonly name: string; readonly version: string }[]> {
  const text = await readFile(path, 'utf8').catch(() => '');
  const { package: packages } = parse(text);
  if (!Array.isArray(packages)) return [];
  return packages.flatMap((one) => {
    if (typeof one !== 'object' || one instanceof Date || Array.isArray(one)) return [];
    const { name, version, source } = one;
    return typeof name === 'string' && typeof version === 'string' && source !== undefined ? [{ name, version }] : [];
  });
}

async function isVendored(folder: string, version: string): Promise<boolean> {
  const [manifest, checksum] = await Promise.all(
    ['Cargo.toml', '.cargo-checksum.json'].map((name) => readFile(join(folder, name), 'utf8').catch(() => undefined)),
  );
  if (manifest === undefined || checksum === undefined) return false;
  return /^\s*version\s*=\s*"([^"]*)"/m.exec(manifest)?.[1] === version;
}
