// Fetches upstream sources: resolves the sources that the lock does not have, downloads those that the cache
// does not have, and vendors crates. Every finished part is kept if a later one fails, so the next call
// continues from there.
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import pLimit from 'p-limit';
import { byCodeUnit } from '../core/digest.ts';
import { cannot, cannotBecause, nearest } from '../core/errors.ts';
import type { Context } from '../core/events.ts';
import type { DownloadHost } from './download.ts';
import { historyBetween, resolveRevision } from './git.ts';
import type { History } from './git.ts';
import { isLockOf, readUpstreamLock, upstreamLockText, writeUpstreamLock, refWords, urlOf } from './lock.ts';
import type { LockedGit, LockedSource, UpstreamLock, NamedSource } from './lock.ts';
import { patched } from './patched.ts';
import type { Changes } from './patched.ts';
import { snapshot, snapshotFolder } from './snapshot.ts';
import { fetchTar, tarFolder } from './tarball.ts';
import { vendorConfig, vendorCrates } from './vendor.ts';

export interface UpstreamRequest {
  /** All sources that the lock is about. */
  readonly sources: readonly NamedSource[];
  /** Names of the sources to fetch; empty: all. */
  readonly only: readonly string[];
  /** Takes the revisions that branches have now. */
  readonly update: boolean;
  /** Reports what would be downloaded, and downloads nothing. */
  readonly dryRun: boolean;
  readonly lockPath: string;
  readonly cacheDir: string;
  readonly host: DownloadHost;
  /** Returns the folder of the toolchain whose cargo vendors crates. */
  readonly sysroot: () => Promise<string>;
}

export interface FetchedSource {
  readonly name: string;
  readonly locked: LockedSource;
  /** With its patches. Absent if it was not fetched (a dry run). */
  readonly folder?: string;
  /** Whether something was downloaded now. */
  readonly fetched: boolean;
}

export interface UpstreamUpdate {
  readonly name: string;
  readonly from: string;
  readonly to: string;
  readonly history: History;
}

export interface FetchedUpstream {
  readonly sources: readonly FetchedSource[];
  readonly updates: readonly UpstreamUpdate[];
  /** Whether the lock changed. */
  readonly wroteLock: boolean;
}

const atOnce = 4;

/** Returns the folder of a locked source, which need not exist. */
export function lockedFolder(locked: LockedSource, cacheDir: string): string {
  return 'rev' in locked ? snapshotFolder(cacheDir, locked.rev) : tarFolder(cacheDir, locked.sha256);
}

/** Returns the files and patches by which the copy of a locked source differs from the source. */
export function changesOf({ patches = [], revisionFile }: Pick<NamedSource, 'patches' | 'revisionFile'>, locked: LockedSource): Changes {
  return { patches, files: revisionFile !== undefined && 'rev' in locked ? { [revisionFile]: `${locked.rev}\n` } : {} };
}

/** Fetches sources. Throws the first Failure after all other sources were fetched. */
export async function fetchUpstream(request: UpstreamRequest, context: Context): Promise<FetchedUpstream> {
  const before = (await readUpstreamLock(request.lockPath)) ?? new Map<string, LockedSource>();
  const chosen = chosenSources(request);
  const revisions = await resolvedRevisions(chosen, before, request, context);
  announce(chosen, revisions, before, request, context);
  const updates = await updatesOf(chosen, revisions, before, request, context);
  if (request.dryRun) {
    const sources = chosen.flatMap(({ name }) => {
      const locked = revisions.get(name) ?? before.get(name);
      return locked ? [{ name, locked, fetched: false }] : [];
    });
    return { sources, updates, wroteLock: false };
  }
  await mkdir(join(request.cacheDir, 'upstream'), { recursive: true }).catch((error: unknown) => {
    throw cannotBecause(`write to "${request.cacheDir}"`, error);
  });
  const after = new Map(before);
  const known = new Set(request.sources.map(({ name }) => name));
  for (const name of before.keys()) if (!known.has(name)) after.delete(name);
  for (const [name, locked] of revisions) after.set(name, locked);
  let wroteLock = await keepLock(after, before, request.lockPath);
  const limit = pLimit(atOnce);
  let done = 0;
  const results = await Promise.allSettled(
    chosen.map((one) =>
      limit(async () => {
        context.signal.throwIfAborted();
        const fetched = await fetchOne(one, after.get(one.name), request, context);
        context.report({ kind: 'progress', phase: 'fetching sources', done: ++done, total: chosen.length });
        return fetched;
      }),
    ),
  );
  const sources = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  for (const { name, locked } of sources) after.set(name, locked);
  wroteLock = (await keepLock(after, before, request.lockPath)) || wroteLock;
  for (const result of results) if (result.status === 'rejected') throw result.reason;
  return { sources: await vendored(chosen, sources, request, context), updates, wroteLock };
}

function chosenSources({ sources, only }: UpstreamRequest): readonly NamedSource[] {
  const names = sources.map(({ name }) => name);
  const unknown = only.find((name) => !names.includes(name));
  if (unknown !== undefined) {
    const near = nearest(unknown, names);
    const hint = near === undefined ? `the sources are ${names.join(', ')}` : `did you mean ${near}?`;
    throw cannot(`fetch "${unknown}"`, 'there is no source of that name', { blame: 'usage', hint });
  }
  const chosen = only.length === 0 ? sources : sources.filter(({ name }) => only.includes(name));
  return [...chosen].sort((a, b) => byCodeUnit(a.name, b.name));
}

/** Returns the new pins of git sources: those that the lock lacks, and all of them for an update. The same pin of a repository is resolved once. */
async function resolvedRevisions(
  chosen: readonly NamedSource[],
  before: UpstreamLock,
  { update, only, host }: UpstreamRequest,
  context: Context,
): Promise<ReadonlyMap<string, LockedGit>> {
  const limit = pLimit(atOnce);
  const failed = new AbortController(); // the first failure ends the others
  const signal = AbortSignal.any([context.signal, failed.signal]);
  const asked = new Map<string, Promise<string>>();
  const results = chosen.map(async ({ name, source }): Promise<[string, LockedGit][]> => {
    const locked = before.get(name);
    if ('tar' in source || (locked && !update && isLockOf(locked, source))) return [];
    const { git, branch, tag } = source;
    const question = JSON.stringify(source);
    const revision = asked.get(question) ?? limit(() => resolveRevision(name, source, host, { ...context, signal }));
    asked.set(question, revision);
    const rev = await revision;
    const moved = tag !== undefined && locked && 'rev' in locked && locked.tag === tag && locked.git === git && locked.rev !== rev;
    if (moved && !only.includes(name)) {
      throw cannot(`update ${name}`, `its tag "${tag}" has moved from ${locked.rev} to ${rev}`, {
        hint: `tags do not move without a reason; if you know it, name the source: --update ${name}`,
      });
    }
    return [[name, { name, git, ...(branch === undefined ? {} : { branch }), ...(tag === undefined ? {} : { tag }), rev }]];
  });
  const found = await Promise.all(results).catch(async (error: unknown) => {
    failed.abort();
    await Promise.allSettled(results);
    throw error;
  });
  return new Map(found.flat());
}

/** Reports the downloads before they begin. */
function announce(
  chosen: readonly NamedSource[],
  revisions: ReadonlyMap<string, LockedGit>,
  before: UpstreamLock,
  { cacheDir }: UpstreamRequest,
  { report }: Context,
): void {
  const missing = chosen.filter(({ name }) => {
    const locked = revisions.get(name) ?? before.get(name);
    return !locked || !existsSync(lockedFolder(locked, cacheDir));
  });
  for (const { name, source } of missing) {
    const rev = revisions.get(name)?.rev ?? ('git' in source ? revOf(before.get(name)) : undefined);
    const pin =
      'git' in source ? `, ${refWords(source)}${rev === undefined || source.rev !== undefined ? '' : ` at ${rev.slice(0, 12)}`}` : '';
    report({ kind: 'note', text: `to download: ${name} from ${urlOf(source)}${pin}` });
  }
  if (missing.length > 0) {
    report({
      kind: 'note',
      text: `${missing.length} of ${chosen.length} sources will be downloaded; then the crates that their Cargo.lock files name`,
    });
  }
}

function revOf(locked: LockedSource | undefined): string | undefined {
  return locked && 'rev' in locked ? locked.rev : undefined;
}

async function updatesOf(
  chosen: readonly NamedSource[],
  revisions: ReadonlyMap<string, LockedGit>,
  before: UpstreamLock,
  { update, cacheDir, host }: UpstreamRequest,
  context: Context,
): Promise<readonly UpstreamUpdate[]> {
  if (!update) return [];
  const updates: UpstreamUpdate[] = [];
  for (const { name, source } of chosen) {
    const [from, to] = [revOf(before.get(name)), revisions.get(name)?.rev];
    if (from === undefined || to === undefined || from === to || 'tar' in source) continue;
    const history = await historyBetween({ source, from, to, cacheDir, host }, context);
    updates.push({ name, from, to, history });
  }
  return updates;
}

async function keepLock(after: UpstreamLock, before: UpstreamLock, path: string): Promise<boolean> {
  if (existsSync(path) && upstreamLockText(after) === upstreamLockText(before)) return false;
  await mkdir(dirname(path), { recursive: true });
  await writeUpstreamLock(path, after);
  return true;
}

async function fetchOne(
  one: NamedSource,
  locked: LockedSource | undefined,
  { cacheDir, host, update }: UpstreamRequest,
  context: Context,
): Promise<FetchedSource> {
  const { name, source } = one;
  if ('tar' in source) {
    const same = locked && 'tar' in locked && isLockOf(locked, source) && !update ? locked : undefined;
    const there = same !== undefined && existsSync(tarFolder(cacheDir, same.sha256));
    const found = await fetchTar({ name, source, locked: same, cacheDir, host }, context);
    const folder = await patched({ name, folder: tarFolder(cacheDir, found.sha256), changes: changesOf(one, found), host }, context);
    return { name, locked: found, folder, fetched: !there };
  }
  if (!locked || !('rev' in locked)) throw new Error(`the source ${name} was not resolved`);
  const there = existsSync(snapshotFolder(cacheDir, locked.rev));
  const plain = await snapshot({ name, source, rev: locked.rev, cacheDir, host }, context);
  return { name, locked, folder: await patched({ name, folder: plain, changes: changesOf(one, locked), host }, context), fetched: !there };
}

/** Vendors crates one lock at a time, because cargo locks its home. */
async function vendored(
  chosen: readonly NamedSource[],
  sources: readonly FetchedSource[],
  { cacheDir, host, sysroot }: UpstreamRequest,
  context: Context,
): Promise<readonly FetchedSource[]> {
  const result: FetchedSource[] = [];
  for (const one of sources) {
    let { fetched } = one;
    const { folder = '', name } = one;
    for (const part of chosen.find((source) => source.name === name)?.cargoFolders ?? []) {
      const project = join(folder, part);
      const config = await vendorConfig(project, cacheDir);
      if (config === undefined || existsSync(config)) continue;
      fetched = (await vendorCrates({ name, project, sysroot: await sysroot(), cacheDir, host }, context)) || fetched;
    }
    result.push({ ...one, fetched });
  }
  return result;
}
