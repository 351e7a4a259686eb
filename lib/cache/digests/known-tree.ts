// Stored digests of trees, each with the observations that it depends on. Computing the digest of a tree
// needs the ignore rules of git and the memory of all files. That takes longer than the rest of a build with
// nothing new.
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
  /** False if a file has changed since this run observed it. The observations then do not belong to the digest. */
  readonly isKept: boolean;
}

/**
 * Returns the digest that `compute` returned for `question` in this run or an earlier one, as long as each of
 * its observations still holds. Records are of the kind `kind`.
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
  const looks = cache.digests.again(); // the cache's own observations cover more files
  const { digest, isKept } = await compute(looks);
  if (isKept) await records.put(key, { digest, looks: looks.record() });
  return digest;
}

/** Like `tree` of the cache's digests, with stored results. */
export async function knownTree(cache: Cache, dir: string, options: TreeOptions): Promise<Digest> {
  return await knownDigest(cache, 'trees', [dir, { ...options }], async (looks) => {
    const digest = await cache.digests.tree(dir, options);
    return { digest, isKept: (await looks.tree(dir, options)) === digest };
  });
}

function isKnownDigest(value: Json): value is KnownDigest {
  return typeof value === 'object' && value !== null && 'digest' in value && 'looks' in value && isWrittenLooks(value.looks);
}
