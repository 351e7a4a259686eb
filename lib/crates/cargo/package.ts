// What `cargo metadata` knows of a package and the unit graph does not: the words behind CARGO_PKG_*, `links`, the declared features,
// where it comes from. Reads the answer; starts nothing.
import { dirname } from 'node:path';
import { cannot } from '../../core/errors.ts';

export interface Package {
  /** As the unit graph names it. */
  readonly id: string;
  readonly name: string;
  readonly version: string;
  /** "registry+...", "git+...#rev"; undefined for a package of the user's own file system. */
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
  /** The native library that its build script speaks for. */
  readonly links: string | undefined;
  /** All declared features, sorted as cargo prints them. */
  readonly features: readonly string[];
  /** Names of its targets of kind bin. */
  readonly bins: readonly string[];
  readonly hasLibrary: boolean;
  /** Dependencies of which it takes artifacts (nightly): the package's name, and what the manifest calls it. */
  readonly artifacts: readonly { readonly name: string; readonly as: string }[];
  /** Kinds of all its targets: lib, bin, test, ... */
  readonly kinds: readonly string[];
}

export interface Metadata {
  /** Ids of the workspace's members. */
  readonly members: readonly string[];
  readonly packages: ReadonlyMap<string, Package>;
  /** Absolute. */
  readonly workspaceRoot: string;
}

/** Reads what `cargo metadata --format-version 1` printed. */
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
    artifacts: raw.dependencies.flatMap(({ name, rename, artifact }) => (artifact == null ? [] : [{ name, as: rename ?? name }])),
    hasLibrary: raw.targets.some((target) => target.kind.some((kind) => libraryKinds.includes(kind))),
  };
}
