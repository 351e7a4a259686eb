// The sources of a page's reference kernels. They have a separate lock and are fetched when they are first
// needed.
import { join } from 'node:path';
import { cannot } from '../core/errors.ts';
import type { Context } from '../core/events.ts';
import type { ReferenceFacts, System } from '../system/system.ts';
import { missingArchives } from './archives.ts';
import { fetchSources } from './fetch.ts';
import type { Fetched } from './fetch.ts';
import { lockPath } from './fetched-sources.ts';
import type { SourceHost } from './fetched-sources.ts';
import { readLock } from './source-lock.ts';
import type { SourceLock } from './source-lock.ts';

export type WithReference = Pick<System, 'name' | 'reference'>;

/** Fetches the sources of the kernels. Returns undefined for a system without reference kernels. */
export async function fetchReference(
  { name, reference }: WithReference,
  host: SourceHost,
  options: { readonly update: boolean; readonly mirror?: Parameters<typeof fetchSources>[0]['mirror'] },
  context: Context,
): Promise<Fetched | undefined> {
  if (!reference) return undefined;
  return await fetchSources({ system: sourcesOf(name, reference), host, ...options }, context);
}

/**
 * Returns the lock of the kernels' sources, and fetches them if necessary. A system without reference kernels
 * is a Failure.
 */
export async function referenceLock({ name, reference }: WithReference, host: SourceHost, context: Context): Promise<SourceLock> {
  if (!reference) throw cannot(`find packages for ${name}`, 'its page names no sources');
  const path = lockPath(host, sourcesOf(name, reference).name);
  const lock = await readLock(path);
  if (lock && missingArchives(host.cacheDir, lock.archives).length === 0) return lock;
  context.report({ kind: 'note', text: `fetching ${Object.values(reference.sources.single).join(', ')}` });
  await fetchReference({ name, reference }, host, { update: false }, context);
  const fetched = await readLock(path);
  if (!fetched) throw new Error(`no lock at ${path}`);
  return fetched;
}

/**
 * Returns the sources as those of a system without components. Its lock is in the folder "reference" of the
 * real system.
 */
function sourcesOf(name: string, { sources }: ReferenceFacts): Pick<System, 'name' | 'title' | 'sources' | 'components'> {
  return { name: join(name, 'reference'), title: name, sources, components: {} };
}
