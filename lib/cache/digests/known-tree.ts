// The digest of a tree, remembered with everything that was looked at: to ask what git ignores, and to read the memory of all files for a tree of some
// hundred, takes longer than all the rest of a build with nothing new.
import { digestRecord } from '../../core/digest.ts';
import type { Digest, Json } from '../../core/digest.ts';
import type { Cache } from '../cache.ts';
import type { TreeOptions } from './observations.ts';
import { isWrittenLooks } from './written-looks.ts';
import type { WrittenLooks } from './written-looks.ts';

interface KnownTree {
  readonly [key: string]: Json;
  readonly digest: Digest;
  readonly looks: WrittenLooks;
}

/** As `tree` of the cache's digests. */
export async function knownTree(cache: Cache, dir: string, options: TreeOptions): Promise<Digest> {
  const records = await cache.records<KnownTree>('trees', isKnownTree);
  const key = digestRecord([dir, { ...options }]);
  const kept = await records.get(key);
  const now = kept && (await cache.digests.holds(kept.looks));
  if (kept && now) {
    if (now !== kept.looks) await records.put(key, { ...kept, looks: now });
    return kept.digest;
  }
  const digest = await cache.digests.tree(dir, options);
  const looks = cache.digests.again(); // the cache's own have looked at more
  if ((await looks.tree(dir, options)) === digest) await records.put(key, { digest, looks: looks.record() });
  return digest;
}

function isKnownTree(value: Json): value is KnownTree {
  return typeof value === 'object' && value !== null && 'digest' in value && 'looks' in value && isWrittenLooks(value.looks);
}
