// Functions of tasks/cache.ts that read results: the roles of their artifacts.
import { filesOfResult, resultOf } from '../../actions/action.ts';
import type { ActionResult, FileArtifact } from '../../actions/action.ts';
import type { CacheFolder } from '../../cache/cache-folder.ts';
import type { Digest, Json } from '../../core/digest.ts';
import { byCodeUnit } from '../../core/digest.ts';

/** Returns the role of every artifact of all results, by its digest. */
export async function artifactRoles(cache: CacheFolder): Promise<ReadonlyMap<Digest, string>> {
  const roles = new Map<Digest, string>();
  for (const [, result] of await resultsOf(cache))
    for (const artifact of filesOfResult(result)) roles.set(artifact.digest, roleOf(artifact));
  return roles;
}

export function roleOf({ path, executable }: Pick<FileArtifact, 'path' | 'executable'>): string {
  if (/\.(?:rlib|a|so|dylib)$/.test(path)) return 'libraries';
  if (path.endsWith('.rmeta')) return 'metadata';
  return executable && !path.endsWith('.d') ? 'programs' : 'other artifacts';
}

/** Returns results by the keys of their actions, in the order of the keys. */
export async function resultsOf(cache: CacheFolder): Promise<readonly (readonly [Digest, ActionResult])[]> {
  const records = await cache.records('actions', (value): value is Json => resultOf(value) !== undefined);
  const keys = [...(await records.keys())].sort(byCodeUnit);
  const rows = await Promise.all(keys.map(async (key) => [key, resultOf((await records.get(key)) ?? null)] as const));
  return rows.flatMap(([key, result]) => (result ? [[key, result] as const] : []));
}
