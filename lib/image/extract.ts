// Writes what an image holds into a directory of the host. The image is not trusted: names were checked by the readers, nothing is
// written through a link (links come last, and nothing is there that is not ours), set-id bits and owners are left out. Holes stay holes.
import { chmodSync, closeSync, ftruncateSync, mkdirSync, openSync, readdirSync, symlinkSync, writeSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { encodePath } from '../core/byte-path.ts';
import { cannot, cannotBecause, errnoOf } from '../core/errors.ts';
import type { Context } from '../core/events.ts';
import { pace } from '../core/pace.ts';
import { removeTree } from '../core/remove-tree.ts';
import { TreePaths } from '../core/tree-paths.ts';
import { imagePathOf } from './image-reader.ts';
import type { ImageVolume } from './image-reader.ts';
import type { Volume, VolumeEntry } from './volume.ts';

export interface Extracted {
  readonly files: number;
  readonly bytes: number;
  /** Devices, pipes and sockets, with the partition in front. They were left out. */
  readonly leftOut: readonly string[];
}

const hostPermissions = 0o777;

/** Extracts the volumes, each into a directory of its name, below `outDir`, which must not exist or be empty. On failure nothing is left. */
export async function extractVolumes(volumes: readonly ImageVolume[], outDir: string, context: Context): Promise<Extracted> {
  refuseFullDirectory(outDir);
  const partial = `${outDir}.partial`;
  const what = `extract to "${outDir}"`;
  const done: Progress = { files: 0, bytes: 0, leftOut: [] };
  try {
    removeTree(partial);
    mkdirSync(dirname(outDir), { recursive: true });
    mkdirSync(partial);
    for (const volume of volumes) await extractVolume(volume, join(partial, volume.name), done, context);
    await rename(partial, outDir);
    return done;
  } catch (error) {
    removeTree(partial);
    const told = cannotBecause(what, error);
    throw told === error && errnoOf(error) && error instanceof Error ? cannot(what, error.message, { blame: 'host', cause: error }) : told;
  }
}

interface Progress {
  files: number;
  bytes: number;
  readonly leftOut: string[];
}

async function extractVolume(from: ImageVolume, to: string, done: Progress, context: Context): Promise<void> {
  const { name, volume } = from;
  if (!volume) return;
  const paths = new TreePaths();
  try {
    if (name !== '') mkdirSync(to);
    const links: VolumeEntry[] = [];
    const directories: VolumeEntry[] = [];
    for await (const entry of volume.entries()) {
      if (entry.kind === 'symlink') links.push(entry);
      else if (entry.kind === 'directory') {
        directories.push(entry);
        if (entry.path !== '') mkdirSync(paths.at(join(to, entry.path)));
      } else if (entry.kind === 'file') {
        await extractFile(volume, entry, paths.at(join(to, entry.path)), context);
        done.files++;
        done.bytes += entry.sizeBytes;
      } else done.leftOut.push(imagePathOf(from, entry.path));
    }
    for (const { path, target } of links) symlinkSync(encodePath(target ?? ''), paths.at(join(to, path)));
    // Last, and from the inside out: a directory that may not be written is filled by now.
    for (const { path, mode } of directories.reverse()) chmodSync(paths.at(join(to, path)), mode & hostPermissions);
  } finally {
    paths.close();
  }
}

async function extractFile(volume: Volume, { path, sizeBytes, mode }: VolumeEntry, to: string | Buffer, context: Context): Promise<void> {
  const turn = pace(context);
  const fd = openSync(to, 'wx');
  try {
    ftruncateSync(fd, sizeBytes);
    for await (const { atBytes, bytes } of volume.pieces(path)) {
      for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at, bytes.length - at, atBytes + at);
      await turn(bytes.length);
    }
  } finally {
    closeSync(fd);
  }
  chmodSync(to, mode & hostPermissions);
}

function refuseFullDirectory(outDir: string): void {
  try {
    if (readdirSync(outDir).length === 0) return;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return;
    throw cannotBecause(`extract to "${outDir}"`, error);
  }
  throw cannot(`extract to "${outDir}"`, 'it is not empty', { blame: 'usage', hint: 'name a directory that does not exist yet' });
}
