// A digest, remembered with everything that was looked at for it: the digest of a tree needs what git ignores and the memory of all files, which takes longer
// than all the rest of a build with nothing new.
import { digestRecord } from '../../core/digest.ts';
import type { Digest, Json } from '../../core/digest.ts';
import type { Cache } from '../cache.ts';
import type { RecordedLooks } from './file-digests.ts';
import type { TreeOptions } from './observations.ts';
import { isWrittenLooks } from './written-looks.ts';
import type { WrittenLooks } from './written-looks.ts';

interface KnownDigest {
  readonly [key: string]: Json;
  readonly digest: Digest;
  readonly looks: WrittenLooks;
}

interface Computed {
  readonly digest: Digest;
  /** False: a file has changed since this run looked at it, so the looks are not those of the digest. */
  readonly isKept: boolean;
}

/**
 * Returns the digest that `compute` returned for `question` in this or an earlier run, as long as each of its looks would find the same. Records are of the
 * kind `kind`.
 */
export async function knownDigest(
  cache: Cache,
  kind: string,
  question: Json,
  compute: (looks: RecordedLooks) => Promise<Computed>,
): Promise<Digest> {
  const records = await cache.records<KnownDigest>(kind, isKnownDigest);
  const key = digestRecord(question);
  const kept = await records.get(key);
  const now = kept && (await cache.digests.holds(kept.looks));
  if (kept && now) {
    if (now !== kept.looks) await records.put(key, { ...kept, looks: now });
    return kept.digest;
  }
  const looks = cache.digests.again(); // the cache's own have looked at more
  const { digest, isKept } = await compute(looks);
  if (isKept) await records.put(key, { digest, looks: looks.record() });
  return digest;
}

/** As `tree` of the cache's digests. */
export async function knownTree(cache: Cache, dir: string, options: TreeOptions): Promise<Digest> {
  return await knownDigest(cache, 'trees', [dir, { ...options }], async (looks) => {
    const digest = await cache.digests.tree(dir, options);
    return { digest, isKept: (await looks.tree(dir, options)) === digest };
  });
}

function isKnownDigest(value: Json): value is KnownDigest {
  return typeof value === 'object' && value !== null && 'digest' in value && 'looks' in value && isWrittenLooks(value.looks);
}
