// The lock of a system's sources: the archives with their digests. It has one line per archive, so that a
// change of one package is a change of one line. Only fetch writes it. A build only reads it.
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { byCodeUnit } from '../core/digest.ts';
import { absentAsUndefined, cannot, cannotBecause } from '../core/errors.ts';

/** An archive of the mirror: a package, or the tarball of a source package. */
export interface LockedArchive {
  /** Name of the package. */
  readonly name: string;
  readonly version: string;
  /** Path below the mirror's root. */
  readonly path: string;
  readonly sizeBytes: number;
  readonly sha256: string;
  /** Its uses: "crates", "base systemd", "kernel", "tarball". */
  readonly uses: readonly string[];
}

export interface SourceLock {
  /** Sorted by path. */
  readonly archives: readonly LockedArchive[];
}

const version = 1;

/** Returns the lock at `path`, or undefined if it does not exist. An invalid one is a Failure. */
export async function readLock(path: string): Promise<SourceLock | undefined> {
  const text = await absentAsUndefined(readFile(path, 'utf8'));
  if (text === undefined) return undefined;
  const what = `read "${path}"`;
  let record: unknown;
  try {
    record = JSON.parse(text);
  } catch (error) {
    throw cannotBecause(what, error, 'fetch --update writes it again');
  }
  if (!isLock(record)) throw cannot(what, 'it is not a lock of this version', { hint: 'fetch --update writes it again' });
  return record;
}

export async function writeLock(path: string, { archives }: SourceLock): Promise<void> {
  const partial = `${path}.partial`;
  try {
    await writeFile(partial, lockText({ archives }));
    await rename(partial, path);
  } catch (error) {
    throw cannotBecause(`write "${path}"`, error);
  } finally {
    await rm(partial, { force: true });
  }
}

export function lockText({ archives }: SourceLock): string {
  const lines = [...archives].sort((a, b) => byCodeUnit(a.path, b.path)).map((archive) => `    ${JSON.stringify(archive)}`);
  return `{\n  "version": ${version},\n  "archives": [\n${lines.join(',\n')}\n  ]\n}\n`;
}

/**
 * Merges archives, so that an archive with several uses is listed once. One path with two digests is a
 * Failure, because the mirror changed meanwhile.
 */
export function mergeArchives(all: readonly LockedArchive[]): SourceLock {
  const byPath = new Map<string, LockedArchive>();
  for (const archive of all) {
    const there = byPath.get(archive.path);
    if (there && there.sha256 !== archive.sha256) {
      throw cannot(`lock "${archive.path}"`, 'the archive has it with two digests', { blame: 'host' });
    }
    byPath.set(archive.path, there ? { ...there, uses: [...new Set([...there.uses, ...archive.uses])].sort(byCodeUnit) } : archive);
  }
  return { archives: [...byPath.values()].sort((a, b) => byCodeUnit(a.path, b.path)) };
}

export function archivesFor({ archives }: SourceLock, use: string): readonly LockedArchive[] {
  return archives.filter(({ uses }) => uses.includes(use));
}

function isLock(value: unknown): value is SourceLock {
  if (typeof value !== 'object' || value === null || !('version' in value) || !('archives' in value)) return false;
  return value.version === version && Array.isArray(value.archives) && value.archives.every(isArchive);
}

function isArchive(value: unknown): value is LockedArchive {
  if (typeof value !== 'object' || value === null) return false;
  const { name, version: ofPackage, path, sizeBytes, sha256, uses } = value as Record<string, unknown>;
  const words = [name, ofPackage, path, sha256].every((word) => typeof word === 'string');
  const digest = typeof sha256 === 'string' && /^[0-9a-f]{64}$/.test(sha256);
  // A path becomes part of a URI, and its last part becomes the name of a file.
  const plain = typeof path === 'string' && /^(?:[\w.+~%:-]+\/)*[\w+~%:-][\w.+~%:-]*$/.test(path) && !path.split('/').includes('..');
  return words && digest && plain && Number.isSafeInteger(sizeBytes) && Array.isArray(uses) && uses.every((use) => typeof use === 'string');
}
