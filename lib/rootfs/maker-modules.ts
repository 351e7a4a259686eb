// The digest of the modules that make something: a key with it is another one when a newer Bloomery may make another thing of the same inputs.
import { join, relative } from 'node:path';
import type { Cache } from '../cache/cache.ts';
import { knownDigest } from '../cache/digests/known-tree.ts';
import { digestRecord } from '../core/digest.ts';
import type { Digest } from '../core/digest.ts';
import { importClosure } from '../core/modules/import-closure.ts';

const repository = join(import.meta.dirname, '../..');

/**
 * Returns the digest of what is loaded to make something: the module `entry` (absolute), all that it imports, and the files beside them that they read.
 * Imports of types and tests do not count. The answer is remembered until one of these files changes.
 */
export async function makerModules(cache: Cache, entry: string): Promise<Digest> {
  const path = relative(repository, entry);
  return await knownDigest(cache, 'makers', [repository, path], async (looks) => {
    const { files } = await importClosure(repository, [path], { types: false });
    const digests = await Promise.all(files.map(async (file) => [file, (await looks.file(join(repository, file))) ?? null] as const));
    return { digest: digestRecord(Object.fromEntries(digests)), isKept: true };
  });
}
