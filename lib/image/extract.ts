// Writes what an image holds into a directory of the host. The image is not trusted: names were checked by the readers, nothing is
// written through a link (links come last, and nothing is there that is not ours), set-id bits and owners are left out.
import { chmodSync, closeSync, ftruncateSync, mkdirSync, openSync, readdirSync, symlinkSync, writeSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { cannot, cannotBecause, errnoOf } from '../core/errors.ts';
import type { Context } from '../core/events.ts';
import type { ImageVolume } from './image-reader.ts';
import { pace } from '../core/pace.ts';
import type { VolumeEntry } from './volume.ts';

export interface Extracted {
  readonly files: number;
  readonly bytes: number;
}

const hostPermissions = 0o777;

/** Extracts the volumes, each into a directory of its name, below `outDir`, which must not exist or be empty. On failure nothing is left. */
export async function extractVolumes(volumes: readonly ImageVolume[], outDir: string, context: Context): Promise<Extracted> {
  refuseFullDirectory(outDir);
  const partial = `${outDir}.partial`;
  const what = `extract to "${outDir}"`;
  const done = { files: 0, bytes: 0 };
  try {
    await rm(partial, { recursive: true, force: true });
    mkdirSync(dirname(outDir), { recursive: true });
    mkdirSync(partial);
    for (const volume of volumes) await extractVolume(volume, join(partial, volume.name), done, context);
    await rename(partial, outDir);
    return done;
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    const told = cannotBecause(what, error);
    throw told === error && errnoOf(error) && error instanceof Error ? cannot(what, error.message, { blame: 'host', cause: error }) : told;
  }
}

async function extractVolume(
  { name, volume }: ImageVolume,
  to: string,
  done: { files: number; bytes: number },
  context: Context,
): Promise<void> {
  if (!volume) return;
  const turn = pace(context);
  if (name !== '') mkdirSync(to);
  const links: VolumeEntry[] = [];
  const directories: VolumeEntry[] = [];
  for await (const entry of volume.entries()) {
    const path = join(to, entry.path);
    if (entry.kind === 'symlink') links.push(entry);
    if (entry.kind === 'directory') {
      directories.push(entry);
      if (entry.path !== '') mkdirSync(path);
    }
    if (entry.kind === 'file') {
      const fd = openSync(path, 'wx');
      try {
        ftruncateSync(fd, entry.sizeBytes);
        for await (const { atBytes, bytes } of volume.pieces(entry.path)) {
          for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at, bytes.length - at, atBytes + at);
          await turn(bytes.length);
        }
      } finally {
        closeSync(fd);
      }
      chmodSync(path, entry.mode & hostPermissions);
      done.files++;
      done.bytes += entry.sizeBytes;
    }
  }
  for (const { path, target } of links) symlinkSync(target ?? '', join(to, path));
  // Last, and from the inside out: a directory that may not be written is filled by now.
  for (const { path, mode } of directories.reverse()) chmodSync(join(to, path), mode & hostPermissions);
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
