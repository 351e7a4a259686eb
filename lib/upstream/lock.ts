// Where the source of an upstream project is, as facts (a git repository, or an archive), and sources.lock, which has the revision or the digest of each.
// The lock has a line per source, so that a changed pin is one changed line. Only fetch writes it.
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { byCodeUnit } from '../core/digest.ts';
import { absentAsUndefined, cannot, cannotBecause } from '../core/errors.ts';

export type LockedSource = LockedGit | LockedTar;

export interface LockedGit {
  readonly name: string;
  readonly git: string;
  readonly branch?: string;
  readonly tag?: string;
  /** 40 hexadecimal digits. */
  readonly rev: string;
}

export interface LockedTar {
  readonly name: string;
  readonly tar: string;
  readonly sha256: string;
  readonly sizeBytes: number;
}

/** By name. */
export type UpstreamLock = ReadonlyMap<string, LockedSource>;

const version = 1;
const hint = 'remove the file, or restore it from version control; fetch writes it again';

/** Reads a lock. Returns undefined if it does not exist. Throws a Failure for one that cannot be read. */
export async function readUpstreamLock(path: string): Promise<UpstreamLock | undefined> {
  const text = await absentAsUndefined(readFile(path, 'utf8'));
  if (text === undefined) return undefined;
  let record: unknown;
  try {
    record = JSON.parse(text);
  } catch (error) {
    throw cannot(`read "${path}"`, 'it is not JSON', { hint, cause: error });
  }
  if (typeof record !== 'object' || record === null || !('version' in record) || record.version !== version || !('sources' in record))
    throw cannot(`read "${path}"`, `it is not a lock of version ${version}`, { hint });
  const sources: readonly unknown[] = Array.isArray(record.sources) ? record.sources : [];
  return new Map(
    sources.map((row, at) => {
      if (!isLocked(row)) throw cannot(`read "${path}"`, `its source ${at + 1} is not one`, { hint });
      return [row.name, row];
    }),
  );
}

export async function writeUpstreamLock(path: string, lock: UpstreamLock): Promise<void> {
  const partial = `${path}.partial-${process.pid}`;
  try {
    await writeFile(partial, upstreamLockText(lock));
    await rename(partial, path);
  } catch (error) {
    throw cannotBecause(`write "${path}"`, error);
  } finally {
    await rm(partial, { force: true });
  }
}

/** Returns the text of a lock. It depends on the sources alone, not on their order. */
export function upstreamLockText(lock: UpstreamLock): string {
  const rows = [...lock.values()].sort((a, b) => byCodeUnit(a.name, b.name)).map((row) => `    ${JSON.stringify(row)}`);
  return `{\n  "version": ${version},\n  "sources": [\n${rows.join(',\n')}\n  ]\n}\n`;
}

/** Whether a lock's row is for this source: the same address and the same pin. */
export function isLockOf(row: LockedSource, source: UpstreamSource): boolean {
  if ('tar' in source || 'tar' in row) return 'tar' in source && 'tar' in row && row.tar === source.tar;
  if (row.git !== source.git) return false;
  if (source.rev !== undefined) return row.rev === source.rev;
  return row.branch === source.branch && row.tag === source.tag;
}

const texts = ['name', 'git', 'branch', 'tag', 'rev', 'tar', 'sha256'] as const;

function isLocked(row: unknown): row is LockedSource {
  if (typeof row !== 'object' || row === null) return false;
  const fields = new Map<string, unknown>(Object.entries(row));
  if (texts.some((name) => fields.has(name) && typeof fields.get(name) !== 'string') || !fields.has('name')) return false;
  const [rev, sha256] = [fields.get('rev'), fields.get('sha256')];
  if (fields.has('git')) return typeof rev === 'string' && revisionShape.test(rev);
  return fields.has('tar') && typeof sha256 === 'string' && /^[0-9a-f]{64}$/.test(sha256) && Number.isSafeInteger(fields.get('sizeBytes'));
}

/** 40 hexadecimal digits. */
export const revisionShape = /^[0-9a-f]{40}$/;

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
