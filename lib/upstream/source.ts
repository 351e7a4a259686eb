// Where the source of an upstream project is, as facts: a git repository, or an archive.

export type UpstreamSource = GitSource | TarSource;

export interface GitSource {
  readonly git: string;
  /** At most one of branch, tag and rev. Without one, the repository's own default branch. */
  readonly branch?: string;
  readonly tag?: string;
  /** A full revision, 40 hexadecimal digits. */
  readonly rev?: string;
}

export interface TarSource {
  /** URL of an archive that tar unpacks. Its single top folder is left out. */
  readonly tar: string;
  /** Digest of the archive, 64 hexadecimal digits. */
  readonly blake3?: string;
}

/** A source that a build needs. */
export interface NamedSource {
  readonly name: string;
  readonly source: UpstreamSource;
  /** Folders within the source whose Cargo.lock names crates that the build needs. Folders without a Cargo.lock are ignored. */
  readonly cargoFolders: readonly string[];
  /** Absolute paths of patches, in the order in which they are applied. */
  readonly patches?: readonly string[];
  /** A file that is written into the source, with its revision as the text. */
  readonly revisionFile?: string;
}

/** Returns the words for the pin of a git source: `branch "main"`. */
export function refWords({ branch, tag, rev }: GitSource): string {
  if (rev !== undefined) return `revision ${rev.slice(0, 12)}`;
  if (tag !== undefined) return `tag "${tag}"`;
  return branch === undefined ? 'default branch' : `branch "${branch}"`;
}

/** Returns the pin of a git source for lists: `branch main`. */
export function pinWords(source: GitSource): string {
  return refWords(source).replaceAll('"', '');
}

/** Returns the address of a source. */
export function urlOf(source: UpstreamSource): string {
  return 'git' in source ? source.git : source.tar;
}
