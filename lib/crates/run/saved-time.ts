// How long units took when they were made, for those that a build did not even have to visit.
import type { Cache } from '../../cache/cache.ts';
import type { Json } from '../../core/digest.ts';
import { digestBytes, digestRecord } from '../../core/digest.ts';

/**
 * Milliseconds, added up over the units (of each its hash, as in the plan); one that was never timed counts nothing. The sum is remembered for
 * the same units, because a build with nothing to do should not read a record for each of hundreds.
 */
export async function recordedMs(hashes: readonly string[], cache: Cache): Promise<number> {
  if (hashes.length === 0) return 0;
  const durations = await cache.records<number>('durations', (value): value is number & Json => typeof value === 'number');
  const all = digestRecord(['sum', ...hashes]);
  const known = await durations.get(all);
  if (known !== undefined) return known;
  const each = await Promise.all(hashes.map((hash) => durations.get(digestBytes(hash))));
  const sum = each.reduce<number>((total, durationMs) => total + (durationMs ?? 0), 0);
  await durations.put(all, sum);
  return sum;
}
