// The initramfs with which a reference kernel starts the root file system of a disk. It is created in the
// cache once for each state of its facts and packages.
import { existsSync } from 'node:fs';
import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { markUsed } from '../cache/derived.ts';
import { digestRecord } from '../core/digest.ts';
import type { Json } from '../core/digest.ts';
import { cannotBecause } from '../core/errors.ts';
import type { Context } from '../core/events.ts';
import { makeFolder } from '../core/paths.ts';
import { contentBytes } from '../image/file-tree.ts';
import { entriesOf } from './image-layout.ts';
import { kernelModules } from './kernel-modules.ts';
import type { InitramfsFacts } from '../system/system.ts';
import { packagedFile, packageFolder } from '../sources/debian/single-package.ts';
import type { PackageHost } from '../sources/debian/single-package.ts';

/** Raised if the bytes for the same facts change. */
const version = 1;

/** Returns the path of the archive. */
export async function referenceInitramfs(facts: InitramfsFacts, packages: PackageHost, context: Context): Promise<string> {
  const archives = packages.lock.archives.map(({ sha256 }) => sha256);
  const question = JSON.parse(JSON.stringify({ version, facts, archives })) as Json;
  const path = join(packages.cacheDir, 'initramfs', `${digestRecord(question).slice(0, 16)}.cpio.gz`);
  if (!existsSync(path)) await write(path, await archiveOf(facts, packages, context));
  await markUsed(path);
  return path;
}

async function archiveOf(facts: InitramfsFacts, packages: PackageHost, context: Context): Promise<Uint8Array> {
  const sources = {
    made: () => undefined,
    packaged: async (name: string) => await packagedFile(name, packages, context),
    modules: async ({ from, names }: InitramfsFacts['modules']) =>
      await kernelModules(await packageFolder(from, packages, context), names, packages, context),
  };
  const entries = await entriesOf({ archive: { initramfs: { gzip: true, ...facts } } }, sources, 0);
  const archive = entries.get('archive');
  if (archive?.kind !== 'file') throw new Error('an initramfs is a file');
  return contentBytes(archive.content);
}

async function write(path: string, bytes: Uint8Array): Promise<void> {
  const partial = `${path}.partial-${process.pid}`;
  try {
    await makeFolder(join(path, '..'));
    await writeFile(partial, bytes);
    await rename(partial, path);
  } catch (error) {
    throw cannotBecause(`write "${path}"`, error);
  } finally {
    await rm(partial, { force: true });
  }
}
