// The digest of the modules that create something. It is part of keys, so that they change when a newer
// Bloomery may create other outputs from the same inputs.
import { join, relative } from 'node:path';
import type { Cache } from '../cache/cache.ts';
import { knownDigest } from '../cache/digests/known-tree.ts';
import { digestRecord } from '../core/digest.ts';
import type { Digest } from '../core/digest.ts';
import { importClosure } from '../core/modules/import-closure.ts';

const repository = join(import.meta.dirname, '../..');

/**
 * Returns the digest of all files that are loaded to create an output: the module `entry` (absolute), its
 * imports, and the files in their folders that they read. Type imports and tests do not count. The digest is
 * memoized until one of these files changes.
 */
export async function makerModules(cache: Cache, entry: string): Promise<Digest> {
  const path = relative(repository, entry);
  return await knownDigest(cache, 'makers', [repository, path], async (looks) => {
    const { files } = await importClosure(repository, [path], { types: false });
    const digests = await Promise.all(files.map(async (file) => [file, (await looks.file(join(repository, file))) ?? null] as const));
    return { digest: digestRecord(Object.fromEntries(digests)), isKept: true };
  });
}
