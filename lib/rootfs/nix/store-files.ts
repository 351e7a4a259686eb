// Store paths between the host and an image: their files as entries, the space that these need, and a folder
// to be added to a store.
import { lstatSync, readdirSync, readlinkSync } from 'node:fs';
import { chmod, copyFile, mkdir, symlink as makeLink, rm, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import type { StoreName } from '../../nix/store/store-path.ts';
import { cannot, cannotBecause } from '../../core/errors.ts';
import { KiB, MiB } from '../../core/sizes.ts';
import { contentSize, directory, file, symlink } from '../../image/file-tree.ts';
import type { Entry, FileTree } from '../../image/file-tree.ts';

/**
 * Yields the entries of store paths at the same paths, as Nix creates them: they are read-only and belong to
 * root.
 */
export function* storeEntries(
  storeDir: string,
  names: readonly StoreName[],
  signal: AbortSignal,
): Generator<[path: string, entry: Entry], void> {
  for (const name of names) {
    signal.throwIfAborted();
    yield* entriesBelow(join(storeDir, name));
  }
}

function* entriesBelow(path: string): Generator<[path: string, entry: Entry], void> {
  const found = entryAt(path);
  yield found;
  if (found[1].kind === 'directory') for (const name of readdirSync(path)) yield* entriesBelow(join(path, name));
}

function entryAt(path: string): [path: string, entry: Entry] {
  const at = relative('/', path);
  try {
    const stat = lstatSync(path);
    if (stat.isDirectory()) return [at, directory(0o555)];
    if (stat.isSymbolicLink()) return [at, symlink(readlinkSync(path))];
    if (stat.isFile()) return [at, file({ kind: 'host', path, sizeBytes: stat.size }, stat.mode & 0o100 ? 0o555 : 0o444)];
  } catch (error) {
    throw cannotBecause(`read "${path}"`, error);
  }
  throw cannot(`read "${path}"`, 'it is neither a file, a folder nor a link');
}

const blockBytes = 4 * KiB;
/** As in lib/image/ext4/ext4.ts. */
const bytesPerInode = 8 * KiB;
/** Factor for the tables of the file system. */
const overhead = 1.06;

/** Returns the size of an image for the tree with `spareBytes` free, in bytes, as a multiple of 1 MiB. */
export function imageBytes({ entries }: FileTree, spareBytes: number): number {
  let content = 0;
  for (const entry of entries.values()) {
    if (entry.kind === 'file') content += Math.ceil(contentSize(entry.content) / blockBytes) * blockBytes;
    if (entry.kind === 'directory') content += blockBytes;
  }
  const needed = Math.max(content + spareBytes, entries.size * bytesPerInode) * overhead;
  return Math.ceil(needed / MiB) * MiB;
}

/** Writes a tree to `folder`, which is created again. Only the execute permission of modes is used. */
export async function writePackage({ entries }: FileTree, folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  for (const [path, entry] of entries) {
    const to = join(folder, path);
    if (entry.kind === 'directory') await mkdir(to, { recursive: true });
    else if (entry.kind === 'symlink') await makeLink(entry.target, to);
    else {
      if (entry.content.kind === 'host') await copyFile(entry.content.path, to);
      else if (entry.content.kind === 'bytes') await writeFile(to, entry.content.bytes);
      await chmod(to, entry.mode & 0o100 ? 0o755 : 0o644);
    }
  }
}
