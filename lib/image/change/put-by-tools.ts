// Writes one file into a FAT, or into an ext4 by debugfs. Neither can be stopped at any point without damage,
// so the caller passes a copy of the image.
import { closeSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { cannot, cannotBecause } from '../../core/errors.ts';
import type { Context } from '../../core/events.ts';
import { addToExt4 } from '../ext4/ext4.ts';
import { refuseForFat } from '../fat/names.ts';
import { FatWriter } from '../fat/writer.ts';
import { directory, file, fileTree, joinPath, parentOf } from '../file-tree.ts';
import type { ImageVolume, PlacedVolume } from '../read/image-reader.ts';
import type { ImageHost } from '../image-tools.ts';
import type { PutRequest } from './put-request.ts';
import type { VolumeEntry } from '../read/volume.ts';

/** Writes the file. FAT has neither modes nor owners. The time is the earliest that FAT can store. */
export async function putIntoFat(volume: PlacedVolume, request: PutRequest, context: Context): Promise<void> {
  const { what, path, content } = request;
  refuseForFat(fileTree([[path, file(content)]]));
  const { missing, replaced } = await existingParts(volume, request);
  const fd = openSync(volume.imagePath, 'r+');
  let writer: FatWriter | undefined;
  try {
    writer = new FatWriter({ imagePath: volume.imagePath, fd, offsetBytes: volume.offsetBytes, timestampSec: 0 });
    for (const directory of missing) {
      writer.refuseClash(directory);
      writer.makeDirectory(directory);
    }
    if (replaced) await writer.replaceFile(path, content, context);
    else {
      writer.refuseClash(path);
      await writer.writeFile(path, content, context);
    }
    writer.finish();
  } catch (error) {
    throw cannotBecause(what, error);
  } finally {
    writer?.close();
    closeSync(fd);
  }
}

/**
 * Writes the file with debugfs. Its time is the creation time of the file system. It has the extended
 * attributes of the file that it replaces.
 */
export async function putIntoExt4(
  volume: PlacedVolume,
  request: PutRequest,
  scratchDir: string,
  host: ImageHost,
  context: Context,
): Promise<void> {
  const { path, content } = request;
  const { missing, replaced } = await existingParts(volume, request);
  const owner = { uid: request.uid ?? replaced?.uid ?? 0, gid: request.gid ?? replaced?.gid ?? 0 };
  const plain = file(content, request.mode ?? replaced?.mode ?? request.defaultMode, owner);
  const entry = replaced?.xattrs ? { ...plain, xattrs: replaced.xattrs } : plain;
  const tree = fileTree([...missing.map((each) => [each, directory()] as const), [path, entry]]);
  const there = new Map([...tree.entries].filter(([each]) => each !== path && !missing.includes(each)));
  const { imagePath, offsetBytes, sizeBytes } = volume;
  const where = { offsetBytes, sizeBytes, label: volume.name || imagePath, timestampSec: createdSec(imagePath, offsetBytes) };
  const options = { ...where, stagingDir: join(scratchDir, 'staged'), there, removed: replaced ? [path] : [] };
  await addToExt4(tree, imagePath, options, host, context);
}

interface ExistingParts {
  /** Directories that must be created, outermost first. */
  readonly missing: readonly string[];
  readonly replaced: VolumeEntry | undefined;
}

/**
 * Returns the existing part of the path. Only directories may be before its last name, and only a file may
 * have that name.
 */
async function existingParts({ volume }: ImageVolume, { what, path, parents }: PutRequest): Promise<ExistingParts> {
  const missing: string[] = [];
  const replaced = await volume?.find(path);
  if (replaced?.kind === 'directory') throw cannot(what, 'it is a directory', { hint: `name the file in it: ${joinPath(path, 'NAME')}` });
  if (replaced && replaced.kind !== 'file') throw cannot(what, `it is a link to "${replaced.target}"`);
  for (let at = parentOf(path); at !== undefined && at !== ''; at = parentOf(at)) {
    const entry = await volume?.find(at);
    if (entry && entry.kind !== 'directory') throw cannot(what, `"${at}" is not a directory`);
    if (!entry) missing.unshift(at);
  }
  if (missing.length > 0 && !parents) throw cannot(what, `the directory "${missing[0]}" does not exist`, { hint: '--parents creates it' });
  return { missing, replaced };
}

/** `s_mkfs_time` of the superblock (Linux, Documentation/filesystems/ext4/super.rst). */
function createdSec(imagePath: string, offsetBytes: number): number {
  const bytes = Buffer.alloc(4);
  const fd = openSync(imagePath, 'r');
  try {
    readSync(fd, bytes, 0, bytes.length, offsetBytes + 1024 + 0x108);
  } finally {
    closeSync(fd);
  }
  return bytes.readUInt32LE(0);
}
