// The digest of the modules that make something: a key with it is another one when a newer Bloomery may make another thing of the same inputs.
import { join, relative } from 'node:path';
import type { Cache } from '../cache/cache.ts';
import { isWrittenLooks } from '../cache/digests/written-looks.ts';
import type { WrittenLooks } from '../cache/digests/written-looks.ts';
import { digestRecord } from '../core/digest.ts';
import type { Digest, Json } from '../core/digest.ts';
import { importClosure } from '../core/modules/import-closure.ts';

interface KnownModules {
  readonly [key: string]: Json;
  readonly digest: Digest;
  readonly looks: WrittenLooks;
}

const repository = join(import.meta.dirname, '../..');

/**
 * Returns the digest of what is loaded to make something: the module `entry` (absolute), all that it imports, and the files beside them that they read.
 * Imports of types and tests do not count. The answer is remembered until one of these files changes.
 */
export async function makerModules(cache: Cache, entry: string): Promise<Digest> {
  const path = relative(repository, entry);
  const records = await cache.records<KnownModules>('makers', isKnownModules);
  const key = digestRecord([repository, path]);
  const kept = await records.get(key);
  const now = kept && (await cache.digests.holds(kept.looks));
  if (kept && now) {
    if (now !== kept.looks) await records.put(key, { ...kept, looks: now });
    return kept.digest;
  }
  const { files } = await importClosure(repository, [path], { types: false });
  const looks = cache.digests.again(); // the cache's own have looked at more
  const digests = await Promise.all(files.map(async (file) => [file, (await looks.file(join(repository, file))) ?? null] as const));
  const digest = digestRecord(Object.fromEntries(digests));
  await records.put(key, { digest, looks: looks.record() });
  return digest;
}

function isKnownModules(value: Json): value is KnownModules {
  return typeof value === 'object' && value !== null && 'digest' in value && 'looks' in value && isWrittenLooks(value.looks);
}
