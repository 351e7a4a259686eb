// Partition tables (GPT): protective MBR, primary and backup table. Written by sfdisk, and read by it where the primary table is
// damaged. Only knows the words of its script and of its JSON.
import { cannot } from '../core/errors.ts';
import type { Context } from '../core/events.ts';
import { readPrimaryGpt } from './gpt-reader.ts';
import { ran, tried } from './image-tools.ts';
import type { ImageHost } from './image-tools.ts';
import type { Gpt, GptPartition } from './partitions.ts';
import { sectorBytes } from './partitions.ts';

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

/** The table of an image, or undefined when it has no GPT. */
export async function readGpt(imagePath: string, host: ImageHost, context: Context): Promise<Gpt | undefined> {
  return readPrimaryGpt(imagePath) ?? (await readGptBySfdisk(imagePath, host, context));
}

/** As `readGpt`, by sfdisk, which takes the backup table when the primary one is damaged. */
export async function readGptBySfdisk(imagePath: string, host: ImageHost, context: Context): Promise<Gpt | undefined> {
  const what = `read the partition table of "${imagePath}"`;
  const result = await tried({ what, argv: ['sfdisk', '--json', imagePath] }, host, context);
  if (result.exitCode !== 0) return undefined;
  const table = sfdiskTable(result.stdout);
  if (!table) throw cannot(what, 'sfdisk gave an answer that is not understood', { blame: 'host', detail: result.stdout });
  return table.label === 'gpt' ? { diskGuid: table.id, partitions: table.partitions } : undefined;
}

/** The parts we need of what `sfdisk --json` prints; undefined when they are not there. */
export function sfdiskTable(
  text: string,
): { readonly label: string; readonly id: string; readonly partitions: readonly GptPartition[] } | undefined {
  const table = recordIn(recordOf(parsed(text)), 'partitiontable');
  const label = table?.['label'];
  const id = table?.['id'];
  if (typeof label !== 'string' || typeof id !== 'string') return undefined;
  const rows = table?.['partitions'];
  const partitions = (Array.isArray(rows) ? rows : []).map(recordOf).map((row): GptPartition => ({
    name: textOf(row?.['name']),
    typeGuid: textOf(row?.['type']),
    guid: textOf(row?.['uuid']),
    startLba: Number(row?.['start']),
    sectors: Number(row?.['size']),
  }));
  const sound = partitions.every(({ startLba, sectors }) => Number.isSafeInteger(startLba) && Number.isSafeInteger(sectors));
  return sound ? { label, id, partitions } : undefined;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === 'object' && value !== null ? { ...value } : undefined;
}

function recordIn(value: Readonly<Record<string, unknown>> | undefined, key: string): Readonly<Record<string, unknown>> | undefined {
  return recordOf(value?.[key]);
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
