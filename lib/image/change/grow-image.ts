// Enlarges an image: the file, the last partition with both copies of the table, and the RedoxFS in it. It
// works on a copy that replaces the image, because stopping sfdisk at any point may damage an image.
import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { cannot } from '../../core/errors.ts';
import type { Context } from '../../core/events.ts';
import { formatBytes } from '../../core/sizes.ts';
import { sectorBytes } from '../gpt.ts';
import type { GptPartition } from '../gpt.ts';
import { withImageLock } from './image-lock.ts';
import type { ImageVolume, OpenImage } from '../read/image-reader.ts';
import type { ImageHost } from '../image-tools.ts';
import { gptSectorsAtEnd, partitionPlaces, writeGpt } from '../partitions.ts';
import { onCopy } from './private-copy.ts';
import { blockBytes } from '../redoxfs/blocks.ts';
import { openRedoxfs } from '../redoxfs/reader.ts';
import { fileDisk } from '../redoxfs-write/sink.ts';
import { commit } from '../redoxfs-write/transaction.ts';

export interface GrownImage {
  readonly imageBytes: number;
  /** Size of the file system before and afterwards. */
  readonly beforeBytes: number;
  readonly afterBytes: number;
}

/**
 * Extends the RedoxFS at the end of the image as far as an image of `sizeBytes` (default: its size) allows.
 * The image is not written if its file system already has that size. An image that cannot grow is a Failure.
 */
export async function growImage(image: OpenImage, sizeBytes: number | undefined, host: ImageHost, context: Context): Promise<GrownImage> {
  const what = `grow "${image.path}"`;
  const volume = lastRedoxfs(image, what);
  const imageBytes = sizeBytes ?? image.sizeBytes;
  if (imageBytes < image.sizeBytes) {
    const why = `it has ${formatBytes(image.sizeBytes)} already, and images do not shrink`;
    throw cannot(what, why, { blame: 'usage', hint: 'give --size a larger number' });
  }
  const partitions = grownPartitions(image, imageBytes);
  const last = partitions.find(({ startLba }) => startLba * sectorBytes === volume.offsetBytes);
  const endBytes = last ? (last.startLba + last.sectors) * sectorBytes : imageBytes;
  const { startBytes, sizeBytes: beforeBytes } = fileSystem(image.path, volume);
  const blockCount = Math.floor((endBytes - startBytes) / blockBytes);
  const grown = { imageBytes, beforeBytes, afterBytes: blockCount * blockBytes };
  if (grown.afterBytes <= beforeBytes && imageBytes === image.sizeBytes) return { ...grown, afterBytes: beforeBytes };
  const change = async (copy: string): Promise<void> => {
    if (imageBytes > image.sizeBytes) extend(copy, image, imageBytes);
    if (image.gpt) await writeGpt({ ...image.gpt, partitions }, copy, host, context);
    if (grown.afterBytes > beforeBytes) await growRedoxfs(copy, volume, blockCount, what);
  };
  await withImageLock(image.path, what, () => onCopy(image.path, what, host, context, change));
  return grown;
}

function lastRedoxfs({ volumes }: OpenImage, what: string): ImageVolume {
  const last = [...volumes].sort((a, b) => a.offsetBytes - b.offsetBytes).at(-1);
  if (last?.kind === 'redoxfs') return last;
  const why = `the last file system of the image is of kind ${last?.kind ?? 'unknown'}, and only a RedoxFS can grow`;
  throw cannot(what, why, { hint: "set a larger size in the system's page and build the image again" });
}

/** Returns the partitions in the order of the table. The one that ends last gets all space after it. */
function grownPartitions({ gpt }: OpenImage, imageBytes: number): readonly GptPartition[] {
  const inTable = gpt?.partitions ?? [];
  const byStart = [...inTable].sort((a, b) => a.startLba - b.startLba);
  const requests = byStart.map(({ name, startLba, sectors }, i) => ({
    name,
    startLba,
    sizeBytes: i === byStart.length - 1 ? ('rest' as const) : sectors * sectorBytes,
  }));
  const places = partitionPlaces(imageBytes, requests);
  return inTable.map((partition) => ({ ...partition, ...places[byStart.indexOf(partition)] }));
}

/** Extends the file, and clears the backup table at its old end, which the partition now covers. */
function extend(path: string, { gpt, sizeBytes }: OpenImage, imageBytes: number): void {
  const fd = openSync(path, 'r+');
  try {
    const table = Buffer.alloc(gptSectorsAtEnd * sectorBytes);
    if (gpt) writeSync(fd, table, 0, table.length, sizeBytes - table.length);
    ftruncateSync(fd, imageBytes);
  } finally {
    closeSync(fd);
  }
}

function fileSystem(path: string, { offsetBytes, password }: ImageVolume): { readonly startBytes: number; readonly sizeBytes: number } {
  const fs = openRedoxfs(path, offsetBytes, { password });
  fs.close();
  return { startBytes: fs.startBytes, sizeBytes: fs.header.sizeBytes };
}

async function growRedoxfs(path: string, { offsetBytes, password }: ImageVolume, blockCount: number, what: string): Promise<void> {
  const fs = openRedoxfs(path, offsetBytes, { password });
  const fd = openSync(path, 'r+');
  try {
    await commit({ fs, disk: fileDisk(fd, fs.startBytes), blockCount, what }, async () => {});
  } finally {
    closeSync(fd);
    fs.close();
  }
}
