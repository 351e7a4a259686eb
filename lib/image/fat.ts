// FAT file systems (an EFI system partition) by mkfs.vfat and mtools, written in place at an offset of the image. Both take their
// idea of now from SOURCE_DATE_EPOCH or, in mkfs.vfat, constants (--invariant), and names go in sorted: the bytes depend on the tree alone.
import { closeSync, openSync } from 'node:fs';
import { mkdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cannot, cannotBecause } from '../core/errors.ts';
import type { Context } from '../core/events.ts';
import { formatBytes, KiB, roundUp } from '../core/sizes.ts';
import { contentBytes, contentSize } from './content.ts';
import { readFatGeometry, usedEndOfFat } from './fat-geometry.ts';
import type { FatGeometry } from './fat-geometry.ts';
import { joinPath, namesByDirectory } from './file-tree.ts';
import type { FileTree } from './file-tree.ts';
import { ran, toolFailure, tried } from './image-tools.ts';
import type { ImageHost, ToolCall } from './image-tools.ts';
import { sectorBytes } from './partitions.ts';
import { largestFolders } from './tree-sizes.ts';

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
  /** Where its last cluster in use ends, from its start; zeros follow. */
  readonly usedEndBytes: number;
}

/** The fewest clusters of a FAT32 and of a FAT16: firmware goes by their number alone (Microsoft's FAT specification 1.03). */
const leastClusters = { 32: 65_525, 16: 4_085 } as const;
const argumentsPerCall = 1000;

/** Makes the file system inside the image file and fills it. `stagingDir` is ours alone, and gone afterwards. Owners and modes are lost. */
export async function writeFat(
  tree: FileTree,
  imagePath: string,
  stagingDir: string,
  options: FatOptions,
  host: ImageHost,
  context: Context,
): Promise<WrittenFat> {
  refuseForFat(tree);
  const { timestampSec } = options;
  const drive = `${imagePath}@@${options.offsetBytes}`;
  const mkfs: ToolCall['argv'] = ['mkfs.vfat', ...mkfsWords(options), imagePath, String(Math.floor(options.sizeBytes / KiB))];
  await ran({ what: `make the FAT "${options.label}"`, argv: mkfs, timestampSec }, host, context);
  try {
    await rm(stagingDir, { recursive: true, force: true }); // of a run that was killed
    await mkdir(stagingDir, { recursive: true });
    const byDirectory = namesByDirectory(tree);
    const directories = [...byDirectory.keys()].filter((directory) => directory !== '').map((directory) => `::/${directory}`);
    for (let i = 0; i < directories.length; i += argumentsPerCall) {
      const what = `make the directories of the FAT "${options.label}"`;
      await fill({ what, argv: ['mmd', '-D', 's', '-i', drive, ...directories.slice(i, i + argumentsPerCall)], timestampSec });
    }
    for (const [directory, names] of byDirectory) {
      const what = `write "${directory}" into the FAT "${options.label}"`;
      const staged = await stagedFiles(tree, directory, names, stagingDir);
      for (let i = 0; i < staged.length; i += argumentsPerCall) {
        const words = ['-D', 'o', '-i', drive, ...staged.slice(i, i + argumentsPerCall), `::/${directory}`];
        await fill({ what, argv: ['mcopy', ...words], timestampSec });
      }
    }
  } catch (error) {
    throw cannotBecause(`write the FAT "${options.label}"`, error);
  } finally {
    await rm(stagingDir, { recursive: true, force: true });
  }
  return { usedEndBytes: withOpenFile(imagePath, (fd) => usedEndOfFat(fd, options.offsetBytes, readFatGeometry(fd, options.offsetBytes))) };

  async function fill(call: ToolCall): Promise<void> {
    const result = await tried(call, host, context);
    if (result.exitCode === 0) return;
    const missing = withOpenFile(imagePath, (fd) => missingBytes(tree, readFatGeometry(fd, options.offsetBytes)));
    if (missing <= 0) throw toolFailure(call, result);
    const why = `its ${formatBytes(options.sizeBytes)} are too small: about ${missing} bytes (${formatBytes(missing)}) are missing`;
    const hint = `make the partition larger, or leave something out; the largest folders are ${largestFolders(tree)}`;
    throw cannot(`write the FAT "${options.label}"`, why, { hint });
  }
}

function mkfsWords({ offsetBytes, sizeBytes, label, volumeId }: FatOptions): string[] {
  const start = String(offsetBytes / sectorBytes);
  const { bits, sectorsPerCluster } = fatShape(sizeBytes);
  return ['--invariant', '--offset', start, '-h', start, '-F', String(bits), '-s', String(sectorsPerCluster), '-i', volumeId, '-n', label];
}

/** The widest FAT that the size has enough clusters for, with the largest clusters (up to 32 KiB) that leave enough; 2 % is for the FAT itself. */
export function fatShape(sizeBytes: number): { readonly bits: 12 | 16 | 32; readonly sectorsPerCluster: number } {
  const sectors = sizeBytes / sectorBytes;
  for (const bits of [32, 16] as const) {
    const sectorsPerCluster = [64, 32, 16, 8, 4, 2, 1].find((count) => sectors / count > leastClusters[bits] * 1.02);
    if (sectorsPerCluster !== undefined) return { bits, sectorsPerCluster };
  }
  return { bits: 12, sectorsPerCluster: 1 };
}

/** The files of one directory as paths of the host whose names are theirs: links to host files, and bytes written out. */
async function stagedFiles(tree: FileTree, directory: string, names: readonly string[], stagingDir: string): Promise<string[]> {
  const staged: string[] = [];
  for (const name of names) {
    const entry = tree.entries.get(joinPath(directory, name));
    if (entry?.kind !== 'file') continue;
    const path = join(stagingDir, directory, name);
    await mkdir(join(stagingDir, directory), { recursive: true });
    if (entry.content.kind === 'host') {
      const { path: hostPath, sizeBytes } = entry.content;
      const { size } = await stat(hostPath).catch((error: unknown) => {
        throw cannotBecause(`read "${hostPath}"`, error);
      });
      if (size !== sizeBytes) throw cannot(`read "${hostPath}"`, `it has ${size} bytes instead of ${sizeBytes}`);
      await symlink(hostPath, path);
    } else {
      await writeFile(path, contentBytes(entry.content));
    }
    staged.push(path);
  }
  return staged;
}

/** Throws a Failure that names the path if a FAT cannot hold an entry of the tree. */
export function refuseForFat(tree: FileTree): void {
  const lower = new Set<string>();
  for (const [path, { kind }] of tree.entries) {
    const what = `write "${path}" into a FAT`;
    if (kind === 'symlink') throw cannot(what, 'FAT has no symbolic links');
    if (/["*:<>?\\|\u0000-\u001f]/.test(path) || /[. ](\/|$)/.test(path)) {
      throw cannot(what, 'FAT allows no control characters, none of " * : < > ? \\ | and no dot or blank at the end of a name');
    }
    if (lower.has(path.toLowerCase())) throw cannot(what, 'another name differs from it only in case');
    lower.add(path.toLowerCase());
  }
}

/** About how much the tree needs beyond the clusters there are: whole clusters for files, long names for directories. */
function missingBytes(tree: FileTree, { clusterBytes, clusters }: FatGeometry): number {
  let needed = 0;
  for (const entry of tree.entries.values()) if (entry.kind === 'file') needed += roundUp(contentSize(entry.content), clusterBytes);
  for (const names of namesByDirectory(tree).values()) {
    needed += roundUp(32 * names.reduce((slots, name) => slots + 1 + Math.ceil(name.length / 13), 2), clusterBytes);
  }
  return needed - clusters * clusterBytes;
}

function withOpenFile<T>(path: string, work: (fd: number) => T): T {
  const fd = openSync(path, 'r');
  try {
    return work(fd);
  } finally {
    closeSync(fd);
  }
}
