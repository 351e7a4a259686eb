// sources.lock: the revision or the digest of each upstream source. One line per source, so that a changed pin is one changed line. Only fetch writes it.
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { byCodeUnit } from '../core/digest.ts';
import { absentAsUndefined, cannot, cannotBecause } from '../core/errors.ts';
import { revisionShape } from './remote.ts';
import type { UpstreamSource } from './source.ts';

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
const hint = 'remove the file, or take it from version control; fetch writes it anew';

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
