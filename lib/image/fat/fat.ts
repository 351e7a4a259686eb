// Creates FAT file systems (an EFI system partition) with mkfs.vfat at an offset of the image. writer.ts
// fills them. mkfs.vfat writes constants instead of the present time (--invariant), and files are written in
// the order of the tree, so the bytes depend only on the tree.
import { closeSync, openSync } from 'node:fs';
import { cannot, cannotBecause } from '../../core/errors.ts';
import type { Context } from '../../core/events.ts';
import { formatBytes, KiB } from '../../core/sizes.ts';
import { contentSize, joinPath, namesByDirectory } from '../file-tree.ts';
import type { FileTree } from '../file-tree.ts';
import { entryBytes, fatTime } from './format.ts';
import { refuseFatLabel, refuseForFat, slotsOf } from './names.ts';
import { FatWriter } from './writer.ts';
import { ran } from '../image-tools.ts';
import type { ImageHost, ToolCall } from '../image-tools.ts';
import { sectorBytes } from '../gpt.ts';
import { largestFolders } from '../tree-sizes.ts';

export interface FatOptions {
  readonly offsetBytes: number;
  readonly sizeBytes: number;
  /** At most 11 letters. */
  readonly label: string;
  /** 8 hexadecimal digits. */
  readonly volumeId: string;
  readonly timestampSec: number;
}

export interface WrittenFat {
  /** End of its last cluster in use, from the start of the file system. Zeros follow. */
  readonly usedEndBytes: number;
}

/**
 * The smallest numbers of clusters of a FAT32 and of a FAT16. Firmware distinguishes them only by that number
 * (Microsoft's FAT specification 1.03).
 */
const leastClusters = { 32: 65_525, 16: 4_085 } as const;

/** Smallest file system that mkfs.vfat creates with the clusters of `fatShape`. */
const leastBytes = 64 * KiB;

/** Creates the file system inside the image file and fills it. Owners and modes are lost. */
export async function writeFat(
  tree: FileTree,
  imagePath: string,
  options: FatOptions,
  host: ImageHost,
  context: Context,
): Promise<WrittenFat> {
  const { label, offsetBytes, sizeBytes, timestampSec } = options;
  refuseForFat(tree);
  refuseFatLabel(label);
  fatTime(timestampSec);
  if (sizeBytes < leastBytes) {
    const why = `its ${formatBytes(sizeBytes)} are too small for a file system, which needs ${formatBytes(leastBytes)}`;
    throw cannot(`make the FAT "${label}"`, why, { hint: 'make the partition larger' });
  }
  const mkfs: ToolCall['argv'] = ['mkfs.vfat', ...mkfsWords(options), imagePath, String(Math.floor(sizeBytes / KiB))];
  await ran({ what: `make the FAT "${label}"`, argv: mkfs, timestampSec }, host, context);
  const fd = openSync(imagePath, 'r+');
  let writer: FatWriter | undefined;
  try {
    writer = new FatWriter({ imagePath, fd, offsetBytes, timestampSec });
    refuseTooLarge(tree, writer, options);
    await fill(tree, writer, context);
    return { usedEndBytes: writer.usedEndBytes() };
  } catch (error) {
    throw cannotBecause(`write the FAT "${label}"`, error);
  } finally {
    writer?.close();
    closeSync(fd);
  }
}

async function fill(tree: FileTree, writer: FatWriter, context: Context): Promise<void> {
  const byDirectory = namesByDirectory(tree);
  for (const [directory, names] of byDirectory) {
    if (directory !== '') writer.makeDirectory(directory);
    writer.prepare(directory, names, slotsIn(names));
  }
  for (const [directory, names] of byDirectory) {
    for (const name of names) {
      const path = joinPath(directory, name);
      const entry = tree.entries.get(path);
      if (entry?.kind === 'file') await writer.writeFile(path, entry.content, context);
    }
  }
  writer.finish();
}

/** Checks everything before anything is written. */
function refuseTooLarge(tree: FileTree, writer: FatWriter, { label, sizeBytes }: FatOptions): void {
  const { clusterBytes, root, bits } = writer.geometry;
  const clustersFor = (bytes: number): number => Math.ceil(bytes / clusterBytes);
  let needed = 0;
  for (const entry of tree.entries.values()) if (entry.kind === 'file') needed += clustersFor(contentSize(entry.content));
  for (const [directory, names] of namesByDirectory(tree)) {
    const records = slotsIn(names) + (directory === '' ? 1 : 2); // the label; "." and ".."
    if (directory !== '') needed += clustersFor(records * entryBytes);
    else if ('cluster' in root) needed += clustersFor(records * entryBytes) - 1;
    else if (records * entryBytes > root.sizeBytes) {
      const why = `its root directory needs ${records} records, and that of a FAT${bits} has ${root.sizeBytes / entryBytes}`;
      const hint =
        'put files into a folder, make the partition larger, or give short names: a name takes a record for 13 letters, and one more';
      throw cannot(`write the FAT "${label}"`, why, { hint });
    }
  }
  const missing = (needed - writer.freeClusters()) * clusterBytes;
  if (missing <= 0) return;
  const why = `its ${formatBytes(sizeBytes)} are too small: about ${missing} bytes (${formatBytes(missing)}) are missing`;
  const hint = `make the partition larger, or leave something out; the largest folders are ${largestFolders(tree)}`;
  throw cannot(`write the FAT "${label}"`, why, { hint });
}

function slotsIn(names: readonly string[]): number {
  return names.reduce((slots, name) => slots + slotsOf(name), 0);
}

function mkfsWords({ offsetBytes, sizeBytes, label, volumeId }: FatOptions): string[] {
  const start = String(offsetBytes / sectorBytes);
  const { bits, sectorsPerCluster } = fatShape(sizeBytes);
  return ['--invariant', '--offset', start, '-h', start, '-F', String(bits), '-s', String(sectorsPerCluster), '-i', volumeId, '-n', label];
}

/**
 * Returns the widest FAT for which the size has enough clusters, with the largest clusters (up to 32 KiB)
 * that leave enough. 2 % of the size is for the FAT itself.
 */
export function fatShape(sizeBytes: number): { readonly bits: 12 | 16 | 32; readonly sectorsPerCluster: number } {
  const sectors = sizeBytes / sectorBytes;
  for (const bits of [32, 16] as const) {
    const sectorsPerCluster = [64, 32, 16, 8, 4, 2, 1].find((count) => sectors / count > leastClusters[bits] * 1.02);
    if (sectorsPerCluster !== undefined) return { bits, sectorsPerCluster };
  }
  return { bits: 12, sectorsPerCluster: 1 };
}
