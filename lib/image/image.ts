// Assembles a disk image from a description: partition table, file systems, digest. It needs neither root nor
// loop devices, writes sparse files, and gives the same bytes for the same description. The image is
// published by rename, so a killed run leaves no file that looks like an image.
import { randomUUID } from 'node:crypto';
import { closeSync, ftruncateSync, openSync } from 'node:fs';
import { copyFile, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { cannot, cannotBecause, Failure, itemOf } from '../core/errors.ts';
import { digestBytes, digestRecord } from '../core/digest.ts';
import type { Digest, Json } from '../core/digest.ts';
import type { Context } from '../core/events.ts';
import { contentSize } from './file-tree.ts';
import type { Entry, FileTree } from './file-tree.ts';
import { writeCpio } from './cpio.ts';
import { writeExt4 } from './ext4/ext4.ts';
import { writeFat } from './fat/fat.ts';
import { guidFrom, guidText } from './guid.ts';
import { writeGpt, partitionPlaces } from './partitions.ts';
import { sectorBytes } from './gpt.ts';
import type { Gpt, GptPartition, PartitionPlace } from './gpt.ts';
import type { ImageHost } from './image-tools.ts';
import { startDigest } from './image-digest.ts';
import type { RunningDigest } from './image-digest.ts';
import { writeIso } from './iso/iso.ts';
import type { ImageLayout, PartitionContents } from './layout.ts';
import { refuseLayout } from './layout-limits.ts';
import { openRedoxfs } from './redoxfs/reader.ts';
import { writeRedoxfs } from './redoxfs-write/writer.ts';
import { describedExtras } from './xattrs.ts';

export type { ImageLayout, PartitionContents, PartitionLayout } from './layout.ts';

/** A row of the partition table in the form of the manifest next to the image. */
export interface ImagePartition {
  readonly name: string;
  readonly typeGuid: string;
  readonly guid: string;
  readonly startLba: number;
  readonly sizeBytes: number;
  readonly fileSystem: PartitionContents['kind'];
  /** The file system's own identifier: a FAT's volume id, the UUID of the others. */
  readonly fileSystemId: string;
  /** Present if it is encrypted. */
  readonly encrypted?: true;
}

export interface AssembledImage {
  readonly bytes: number;
  readonly sha256: Digest;
  /** GUID of the partition table. Absent if there is no table. */
  readonly diskGuid?: string;
  readonly partitions: readonly ImagePartition[];
}

/**
 * Writes the image to `outPath` (first to `<outPath>.partial`). An image that is too small, names that a file
 * system does not support and changed host files are Failures. A full disk and a missing tool are Failures of
 * the host. After an error neither file is left.
 */
export async function assemble(layout: ImageLayout, outPath: string, host: ImageHost, context: Context): Promise<AssembledImage> {
  refuseLayout(layout);
  const archive = layout.partitions[0]?.contents;
  if (archive?.kind === 'cpio' || archive?.kind === 'iso') return await assembleWhole(layout, archive, outPath, host, context);
  const bare = layout.table === 'none';
  const places = bare ? wholeImage(layout) : partitionPlaces(layout.sizeBytes, layout.partitions);
  const partialPath = `${outPath}.partial`;
  let fd: number | undefined;
  let digest: RunningDigest | undefined;
  try {
    await mkdir(dirname(outPath), { recursive: true });
    fd = openSync(partialPath, 'w+');
    ftruncateSync(fd, layout.sizeBytes);
    digest = startDigest({ path: partialPath, sizeBytes: layout.sizeBytes });
    const gpt = gptOf(layout, places);
    if (!bare) await writeGpt(gpt, partialPath, host, context);
    const partitions: ImagePartition[] = [];
    for (const [i, partition] of gpt.partitions.entries()) {
      const wanted = layout.partitions[i];
      if (!wanted) break;
      const partial = { fd, partialPath, timestampSec: layout.timestampSec };
      const { fileSystemId, usedEndBytes } = await writeContents(wanted.contents, partition, partial, host, context);
      const { name, typeGuid, guid, startLba, sectors } = partition;
      digest.final((startLba + sectors) * sectorBytes, usedEndBytes);
      const about = { name, typeGuid, guid, startLba, sizeBytes: sectors * sectorBytes, fileSystem: wanted.contents.kind, fileSystemId };
      partitions.push({ ...about, ...(isSecret(wanted.contents) && { encrypted: true }) });
    }
    digest.final(layout.sizeBytes);
    const sha256 = await digest.digest;
    context.signal.throwIfAborted();
    await rename(partialPath, outPath);
    return { bytes: layout.sizeBytes, sha256, ...(bare ? {} : { diskGuid: gpt.diskGuid }), partitions };
  } catch (error) {
    throw cannotBecause(`write "${outPath}"`, error);
  } finally {
    await digest?.stop();
    if (fd !== undefined) closeSync(fd);
    await rm(partialPath, { force: true });
    await rm(stagingDir(partialPath), { recursive: true, force: true }); // left by a killed run
  }
}

/** Returns a folder for files that the tools of a file system read. */
function stagingDir(partialPath: string): string {
  return `${partialPath}.d`;
}

/** Writes an image whose only file system has no fixed size. */
async function assembleWhole(
  { partitions, timestampSec }: ImageLayout,
  contents: Extract<PartitionContents, { kind: 'cpio' | 'iso' }>,
  outPath: string,
  host: ImageHost,
  context: Context,
): Promise<AssembledImage> {
  const partialPath = `${outPath}.partial`;
  try {
    await mkdir(dirname(outPath), { recursive: true });
    if (contents.kind === 'iso') await writeIso(contents.tree, partialPath, { ...contents, timestampSec }, host, context);
    else if (contents.file !== undefined) await copyFile(contents.file, partialPath);
    else await writeFile(partialPath, writeCpio(contents.tree, { timestampSec, gzip: contents.gzip ?? false }));
    const bytes = await readFile(partialPath);
    context.signal.throwIfAborted();
    await rename(partialPath, outPath);
    const { name, typeGuid } = itemOf(partitions, 0);
    const about = { name, typeGuid, guid: '', startLba: 0, fileSystemId: '' };
    const whole = { ...about, sizeBytes: bytes.length, fileSystem: contents.kind };
    return { bytes: bytes.length, sha256: digestBytes(bytes), partitions: [whole] };
  } catch (error) {
    throw cannotBecause(`write "${outPath}"`, error);
  } finally {
    await rm(partialPath, { force: true });
  }
}

/** Whether the password opens every encrypted file system of an image. */
export function opensWith(imagePath: string, { partitions }: AssembledImage, password: string): boolean {
  for (const { encrypted, startLba } of partitions) {
    if (!encrypted) continue;
    try {
      openRedoxfs(imagePath, startLba * sectorBytes, { password }).close();
    } catch (error) {
      if (error instanceof Failure) return false;
      throw error;
    }
  }
  return true;
}

/** Without a table, one file system is the whole image. */
function wholeImage({ sizeBytes, partitions }: ImageLayout): readonly PartitionPlace[] {
  if (partitions.length !== 1)
    throw cannot('lay out an image without a partition table', `it has ${partitions.length} partitions, not one`);
  if (sizeBytes % sectorBytes !== 0) throw cannot('lay out an image', `its size of ${sizeBytes} bytes is not a multiple of ${sectorBytes}`);
  return [{ startLba: 0, sectors: sizeBytes / sectorBytes }];
}

interface PartialImage {
  readonly fd: number;
  readonly partialPath: string;
  readonly timestampSec: number;
}

interface WrittenFileSystem {
  readonly fileSystemId: string;
  /** End of the last block in use, from the start of the image. Zeros follow. */
  readonly usedEndBytes: number;
}

async function writeContents(
  contents: PartitionContents,
  place: GptPartition,
  image: PartialImage,
  host: ImageHost,
  context: Context,
): Promise<WrittenFileSystem> {
  const offsetBytes = place.startLba * sectorBytes;
  const where = { name: place.name, offsetBytes, sizeBytes: place.sectors * sectorBytes, timestampSec: image.timestampSec };
  if (contents.kind === 'redoxfs') {
    const { tree, compress, password } = contents;
    const { uuid, usedEndBytes } = await writeRedoxfs(tree, image.fd, { ...where, compress, password }, context);
    return { fileSystemId: uuid, usedEndBytes: offsetBytes + usedEndBytes };
  }
  if (contents.kind === 'cpio' || contents.kind === 'iso') {
    throw cannot(`write the partition "${place.name}"`, `a file system of kind ${contents.kind} cannot be a partition`);
  }
  if (contents.kind === 'ext4') {
    const { base, ext2 } = contents;
    const uuid = base?.uuid ?? guidText(guidFrom(`${place.guid} ext4`));
    const options = { ...where, stagingDir: stagingDir(image.partialPath), label: contents.label, uuid, base, ext2 };
    await writeExt4(contents.tree, image.partialPath, options, host, context);
    return { fileSystemId: uuid, usedEndBytes: offsetBytes + where.sizeBytes };
  }
  const volumeId = digestBytes(place.guid).slice(0, 8);
  const options = { ...where, label: contents.label, volumeId };
  const { usedEndBytes } = await writeFat(contents.tree, image.partialPath, options, host, context);
  return { fileSystemId: volumeId, usedEndBytes: offsetBytes + usedEndBytes };
}

/**
 * Identifiers are derived from data that is known before anything is written: positions, names, and the
 * description of every tree that is not encrypted.
 */
function gptOf(layout: ImageLayout, places: readonly PartitionPlace[]): Gpt {
  const seed = digestRecord({
    sizeBytes: layout.sizeBytes,
    partitions: layout.partitions.map(({ name, typeGuid, contents }, i) => ({
      name,
      typeGuid,
      kind: contents.kind,
      ...(contents.kind === 'redoxfs' && contents.compress ? { compress: true } : {}),
      start: itemOf(places, i).startLba,
      sectors: itemOf(places, i).sectors,
      // An identifier must reveal nothing about encrypted content.
      tree: isSecret(contents) ? randomUUID() : describedTree(contents.tree),
    })),
  });
  const guid = (of: string): string => guidText(guidFrom(`${seed} ${of}`)).toUpperCase();
  return {
    diskGuid: guid('disk'),
    partitions: layout.partitions.map(({ name, typeGuid }, i) => ({
      name,
      typeGuid,
      guid: guid(`partition ${i}`),
      ...itemOf(places, i),
    })),
  };
}

function isSecret(contents: PartitionContents): boolean {
  return contents.kind === 'redoxfs' && contents.password !== undefined;
}

function describedTree({ entries }: FileTree): Json {
  return [...entries].map(([path, entry]) => [
    path,
    entry.kind,
    entry.mode,
    entry.uid,
    entry.gid,
    describedContent(entry),
    ...describedExtras(entry),
  ]);
}

/**
 * Bytes in memory are represented by their digest, and host files by their size, because those are read only
 * once, when they are written.
 */
function describedContent(entry: Entry): Json {
  if (entry.kind === 'directory') return null;
  if (entry.kind === 'symlink') return entry.target;
  return entry.content.kind === 'bytes' ? digestBytes(entry.content.bytes) : contentSize(entry.content);
}
