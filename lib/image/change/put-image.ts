// Writes one file into an image: finds the volume for a path, and lets its file system write the file. A
// RedoxFS is changed safely in place. A FAT or an ext4 is changed by its tools on a copy of the image.
import { closeSync, openSync, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cannot, cannotBecause } from '../../core/errors.ts';
import type { Context } from '../../core/events.ts';
import { directoryOf } from '../file-tree.ts';
import { withImageLock } from './image-lock.ts';
import { chosenVolumes, imagePathOf } from '../read/image-reader.ts';
import type { ImageVolume, OpenImage, PlacedVolume } from '../read/image-reader.ts';
import type { ImageHost } from '../image-tools.ts';
import { onCopy } from './private-copy.ts';
import { putIntoExt4, putIntoFat } from './put-by-tools.ts';
import { checkedPath } from './put-request.ts';
import type { PutRequest } from './put-request.ts';
import { putIntoRedoxfs } from '../redoxfs-write/put.ts';
import { openRedoxfs } from '../redoxfs/reader.ts';
import { fileDisk } from '../redoxfs-write/sink.ts';
import type { VolumeEntry } from '../read/volume.ts';

export interface PutOutcome {
  /** The path of the file, with the partition in front. */
  readonly path: string;
  readonly replaced: boolean;
  /** Whether other hard links of the image kept the old bytes. */
  readonly copied: boolean;
  /** Number of other names that the replaced file had in an ext4. They keep the old bytes. */
  readonly otherNames?: number;
}

/**
 * Writes the file of the request into the image. The path is as the user wrote it. `scratchDir` is for
 * temporary files of tools. After a failure the image is unchanged.
 */
export async function putIntoImage(
  image: OpenImage,
  request: PutRequest,
  scratchDir: string,
  host: ImageHost,
  context: Context,
): Promise<PutOutcome> {
  return await withImageLock(image.path, request.what, () => putWhileLocked(image, request, scratchDir, host, context));
}

async function putWhileLocked(
  image: OpenImage,
  request: PutRequest,
  scratchDir: string,
  host: ImageHost,
  context: Context,
): Promise<PutOutcome> {
  const { volume, path, replaced: entry } = await volumeFor(image, request);
  const here = { ...request, path };
  const copied = linksOf(image.path, request.what) > 1;
  if (volume.kind === 'redoxfs' && !copied) await putInPlace({ ...volume, imagePath: image.path }, here, context);
  else {
    const scratch = await mkdtemp(join(scratchDir, 'bloomery-put-'));
    try {
      await onCopy(image.path, request.what, host, context, async (imagePath) => {
        const inCopy = { ...volume, imagePath };
        if (volume.kind === 'redoxfs') await putInPlace(inCopy, here, context);
        else if (volume.kind === 'fat') await putIntoFat(inCopy, here, context);
        else if (volume.kind === 'ext4') await putIntoExt4(inCopy, here, scratch, host, context);
        else throw cannot(request.what, `files cannot be written into this kind of volume: ${volume.kind}`);
      });
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
  }
  const otherNames = (entry?.links?.count ?? 1) - 1;
  return { path: imagePathOf(volume, path), replaced: entry !== undefined, copied, ...(otherNames > 0 && { otherNames }) };
}

async function putInPlace({ imagePath, offsetBytes, password }: PlacedVolume, request: PutRequest, context: Context): Promise<void> {
  const fs = openRedoxfs(imagePath, offsetBytes, { password });
  let fd: number | undefined;
  try {
    fd = openSync(imagePath, 'r+');
    await putIntoRedoxfs(fs, fileDisk(fd, fs.startBytes), request, context);
  } catch (error) {
    throw cannotBecause(request.what, error);
  } finally {
    if (fd !== undefined) closeSync(fd);
    fs.close();
  }
}

interface Meant {
  readonly volume: ImageVolume;
  readonly path: string;
  /** The file that has the path before the change. */
  readonly replaced: VolumeEntry | undefined;
}

/**
 * Returns the volume for the path: one that contains the file, otherwise one that contains its directory. A
 * volume whose name is the beginning of the path comes before the others. Two equally suitable volumes are a
 * Failure.
 */
async function volumeFor(image: OpenImage, { what, path: written, partition: only, parents }: PutRequest): Promise<Meant> {
  const path = checkedPath(written, what);
  const volumes = chosenVolumes(image, only);
  const [first = '', ...rest] = path.split('/');
  const named = only === undefined ? volumes.filter(({ name }) => name !== '' && name === first) : [];
  if (named.length > 0 && rest.length === 0) throw cannot(what, 'it is a partition', { hint: `name the file in it: ${path}/NAME` });
  const inNamed = named.map((volume) => ({ volume, path: rest.join('/') }));
  const inAny = volumes.map((volume) => ({ volume, path }));
  for (const replaced of [true, false]) {
    for (const candidates of [inNamed, inAny]) {
      const found: Meant[] = [];
      for (const each of candidates) {
        const entry = await each.volume.volume?.find(replaced ? each.path : directoryOf(each.path));
        if (entry) found.push({ ...each, replaced: replaced ? entry : undefined });
      }
      if (found.length > 1) throw ambiguous(what, found);
      if (found[0]) return found[0];
    }
  }
  const holders = inNamed.length > 0 ? inNamed : inAny.filter(({ volume: { kind } }) => volumes.length === 1 || kind !== 'fat');
  const [sole, ...others] = holders;
  if (sole && others.length === 0) return { ...sole, replaced: undefined };
  const hint = parents ? 'begin the path with the partition, or give --partition NAME' : '--parents creates directories';
  throw cannot(what, `no partition has the directory "${directoryOf(path)}"`, { hint });
}

function ambiguous(what: string, found: readonly { readonly volume: ImageVolume; readonly path: string }[]): Error {
  const paths = found.map(({ volume, path }) => `"${imagePathOf(volume, path)}"`).join(' or ');
  return cannot(what, `it could be ${paths}`, { blame: 'usage', hint: 'begin the path with the partition, or give --partition NAME' });
}

function linksOf(imagePath: string, what: string): number {
  try {
    return statSync(imagePath).nlink;
  } catch (error) {
    throw cannotBecause(what, error);
  }
}
