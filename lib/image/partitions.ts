// Computes the positions of an image's partitions, and writes their table with sfdisk. Considers the space
// that a GPT needs (UEFI specification 2.10, chapter 5).
import { cannot } from '../core/errors.ts';
import type { Context } from '../core/events.ts';
import { formatBytes, MiB, roundUp } from '../core/sizes.ts';
import { sectorBytes } from './gpt.ts';
import type { Gpt, PartitionPlace } from './gpt.ts';
import { ran } from './image-tools.ts';
import type { ImageHost } from './image-tools.ts';

const alignmentSectors = MiB / sectorBytes;
/** Protective MBR, header and 128 entries of 128 bytes in front. Entries and header are repeated at the end. */
const gptSectorsInFront = 34;
export const gptSectorsAtEnd = 33;

/** A requested partition. */
export interface PartitionRequest {
  readonly name: string;
  /** 'next': the first whole MiB after the previous partition. */
  readonly startLba: number | 'next';
  /** 'rest': all remaining space, in whole blocks of 4 KiB. */
  readonly sizeBytes: number | 'rest';
}

/**
 * Returns a position for each partition, in order. Overlaps, invalid sizes and an image that is too small
 * (the error has the number of missing bytes) are Failures.
 */
export function partitionPlaces(imageBytes: number, requests: readonly PartitionRequest[]): readonly PartitionPlace[] {
  if (imageBytes % sectorBytes !== 0)
    throw cannot('lay out an image', `its size of ${imageBytes} bytes is not a multiple of ${sectorBytes}`);
  const lastEnd = imageBytes / sectorBytes - gptSectorsAtEnd;
  const places: PartitionPlace[] = [];
  let free = gptSectorsInFront;
  for (const { name, startLba: wantedStart, sizeBytes } of requests) {
    const what = `place partition "${name}"`;
    const startLba = wantedStart === 'next' ? roundUp(free, alignmentSectors) : wantedStart;
    if (startLba < free) throw cannot(what, `it starts at sector ${startLba}, and the first ${free} sectors are taken`);
    if (sizeBytes !== 'rest' && sizeBytes % sectorBytes !== 0) {
      throw cannot(what, `its size of ${sizeBytes} bytes is not a multiple of ${sectorBytes}`);
    }
    const rest = lastEnd - startLba;
    const sectors = sizeBytes === 'rest' ? rest - (rest % 8) : sizeBytes / sectorBytes;
    const missing = Math.max(sectors, 1) - rest;
    if (missing > 0) {
      const bytes = missing * sectorBytes;
      const why = `the image of ${formatBytes(imageBytes)} is too small: ${bytes} bytes (${formatBytes(bytes)}) are missing`;
      throw cannot(what, why, { hint: 'make the image larger' });
    }
    if (sectors <= 0) throw cannot(what, 'it would be empty');
    places.push({ startLba, sectors });
    free = startLba + sectors;
  }
  return places;
}

/** Writes the table into an image file that has its full size. */
export async function writeGpt(gpt: Gpt, imagePath: string, host: ImageHost, context: Context): Promise<void> {
  await ran(
    {
      what: `write the partition table of "${imagePath}"`,
      argv: ['sfdisk', '--quiet', '--no-reread', '--no-tell-kernel', '--wipe', 'never', '--wipe-partitions', 'never', imagePath],
      stdin: sfdiskScript(gpt),
    },
    host,
    context,
  );
}

export function sfdiskScript({ diskGuid, partitions }: Gpt): string {
  const rows = partitions.map(
    ({ startLba, sectors, typeGuid, guid, name }) => `start=${startLba}, size=${sectors}, type=${typeGuid}, uuid=${guid}, name="${name}"`,
  );
  return ['label: gpt', `label-id: ${diskGuid}`, 'unit: sectors', `sector-size: ${sectorBytes}`, 'first-lba: 34', '', ...rows, ''].join(
    '\n',
  );
}
