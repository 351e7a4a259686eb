// The archives of a lock on this host: finds the missing ones and fetches them. apt's own downloader fetches
// them, with the host's proxies and mirrors. An archive is accepted if its digest is that of the lock. Each
// is published by rename, so an interrupted fetch is resumed.
import { existsSync, statSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import pLimit from 'p-limit';
import { digestFile } from '../core/digest.ts';
import { cannot, cannotBecause } from '../core/errors.ts';
import type { Context } from '../core/events.ts';
import { run } from '../core/sh.ts';
import type { AptRoot } from './debian/apt-root.ts';
import type { LockedArchive } from './source-lock.ts';

/** Part of Debian's apt. It is not meant for users and therefore not in PATH. */
const aptHelper = '/usr/lib/apt/apt-helper';

const archivesPerCall = 16;
const callsAtOnce = 4;

/** Returns the path of an archive. Its name contains the digest of its bytes. */
export function archivePath(cacheDir: string, { path, sha256 }: LockedArchive): string {
  return join(cacheDir, 'archives', `${sha256.slice(0, 16)}-${basename(path)}`);
}

/**
 * Returns the archives that are not in the cache. An archive was verified before it was published under its
 * name.
 */
export function missingArchives(cacheDir: string, archives: readonly LockedArchive[]): readonly LockedArchive[] {
  return archives.filter((archive) => {
    const path = archivePath(cacheDir, archive);
    return !existsSync(path) || statSync(path).size !== archive.sizeBytes;
  });
}

/**
 * Fetches archives from `uri` (a mirror's root). An archive that the mirror no longer has, and one whose
 * bytes differ from the lock, are Failures that name it. A mirror that does not respond is a Failure of the
 * host. Archives that were fetched and verified are kept in any case.
 */
export async function fetchArchives(
  archives: readonly LockedArchive[],
  { apt, uri, cacheDir }: { readonly apt: AptRoot; readonly uri: string; readonly cacheDir: string },
  { signal, report }: Context,
): Promise<void> {
  const partial = join(cacheDir, 'archives', `partial-${process.pid}`);
  await mkdir(partial, { recursive: true }).catch((error: unknown) => {
    throw cannotBecause(`write to "${partial}"`, error);
  });
  let done = 0;
  const limit = pLimit(callsAtOnce);
  const failed = new AbortController();
  const fetchSome = async (some: readonly LockedArchive[]): Promise<void> => {
    signal.throwIfAborted();
    if (failed.signal.aborted) return;
    const words = some.flatMap((archive) => [
      `${uri.replace(/\/+$/, '')}/${archive.path}`,
      join(partial, basename(archivePath(cacheDir, archive))),
      `SHA256:${archive.sha256}`,
    ]);
    const { exitCode, stderr } = await run([aptHelper, '-o', 'APT::Sandbox::User=root', 'download-file', ...words], {
      cwd: '/',
      env: apt.env,
      signal,
    });
    for (const archive of some) await keep(archive, partial, cacheDir);
    const [missing] = missingArchives(cacheDir, some);
    if (missing) throw fetchFailure(missing, exitCode, stderr);
    done += some.length;
    report({ kind: 'progress', phase: 'fetching archives', done, total: archives.length });
  };
  try {
    const calls = Array.from({ length: Math.ceil(archives.length / archivesPerCall) }, (_, i) =>
      limit(() =>
        fetchSome(archives.slice(i * archivesPerCall, (i + 1) * archivesPerCall)).catch((error: unknown) => {
          failed.abort();
          throw error;
        }),
      ),
    );
    const results = await Promise.allSettled(calls);
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
}

/** Publishes a fetched file if it has the lock's digest. */
async function keep(archive: LockedArchive, partial: string, cacheDir: string): Promise<void> {
  const to = archivePath(cacheDir, archive);
  const from = join(partial, basename(to));
  if (!existsSync(from) || statSync(from).size !== archive.sizeBytes || (await digestFile(from)) !== archive.sha256) return;
  await rename(from, to).catch((error: unknown) => {
    throw cannotBecause(`write "${to}"`, error);
  });
}

function fetchFailure({ name, version }: LockedArchive, exitCode: number | null, stderr: string): Error {
  const what = `fetch ${name} ${version}`;
  const detail = stderr.trim();
  if (/no space left/i.test(detail)) return cannot(what, 'no space left on the device', { blame: 'host', detail });
  if (/404 +Not Found|File not found/i.test(detail)) {
    return cannot(what, 'the archive no longer has it', { hint: 'fetch --update locks the versions that the archive has now', detail });
  }
  if (/Hash Sum mismatch|unexpected size/i.test(detail) || exitCode === 0) {
    return cannot(what, 'its bytes are not those of the lock', {
      hint: 'if you trust the mirror, fetch --update locks the digests of its signed index',
      detail,
    });
  }
  return cannot(what, `apt-helper ended with status ${exitCode}`, { blame: 'host', detail });
}
