// The partition table of an image (GPT, UEFI specification 2.10, chapter 5.3). The primary table is read here
// if its two checksums are right. Otherwise sfdisk reads the image, because it also reads the backup table.
import { Buffer } from 'node:buffer';
import { closeSync, openSync, readSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { cannot } from '../core/errors.ts';
import type { Context } from '../core/events.ts';
import { tried } from './image-tools.ts';
import type { ImageHost } from './image-tools.ts';

export const sectorBytes = 512;

/** The position of a partition. */
export interface PartitionPlace {
  readonly startLba: number;
  readonly sectors: number;
}

export interface GptPartition extends PartitionPlace {
  readonly name: string;
  /** GUIDs in upper case, as sfdisk prints them. */
  readonly typeGuid: string;
  readonly guid: string;
}

export interface Gpt {
  readonly diskGuid: string;
  readonly partitions: readonly GptPartition[];
}

/** Returns the table of an image, or undefined if it has no GPT. */
export async function readGpt(imagePath: string, host: ImageHost, context: Context): Promise<Gpt | undefined> {
  return readPrimaryGpt(imagePath) ?? (await readGptBySfdisk(imagePath, host, context));
}

const at = {
  signature: 0,
  headerBytes: 12,
  headerCrc: 16,
  ownLba: 24,
  diskGuid: 56,
  entriesLba: 72,
  entries: 80,
  entryBytes: 84,
  entriesCrc: 88,
} as const;
const inEntry = { type: 0, guid: 16, firstLba: 32, lastLba: 40, name: 56, end: 128 } as const;
const headerBytes = 92;
const mostEntries = 1024;

/**
 * Returns the primary table, with GUIDs in upper case, or undefined if it is missing or its checksums are
 * wrong.
 */
export function readPrimaryGpt(imagePath: string): Gpt | undefined {
  const fd = openSync(imagePath, 'r');
  try {
    const header = Buffer.alloc(sectorBytes);
    readSync(fd, header, 0, header.length, sectorBytes);
    const count = header.readUInt32LE(at.entries);
    if (!isSound(header) || count > mostEntries) return undefined;
    const entries = Buffer.alloc(count * inEntry.end);
    readSync(fd, entries, 0, entries.length, Number(header.readBigUInt64LE(at.entriesLba)) * sectorBytes);
    if (crc32(entries) !== header.readUInt32LE(at.entriesCrc)) return undefined;
    const rows = Array.from({ length: count }, (_, i) => entries.subarray(i * inEntry.end, (i + 1) * inEntry.end));
    const used = rows.filter((row) => row.subarray(inEntry.type, inEntry.guid).some((byte) => byte !== 0));
    return { diskGuid: guidAt(header, at.diskGuid), partitions: used.map(partitionOf) };
  } finally {
    closeSync(fd);
  }
}

function isSound(header: Buffer): boolean {
  const known = header.toString('latin1', 0, 8) === 'EFI PART' && header.readUInt32LE(at.headerBytes) === headerBytes;
  if (!known || header.readBigUInt64LE(at.ownLba) !== 1n || header.readUInt32LE(at.entryBytes) !== inEntry.end) return false;
  const covered = Buffer.from(header.subarray(0, headerBytes));
  covered.writeUInt32LE(0, at.headerCrc);
  return crc32(covered) === header.readUInt32LE(at.headerCrc);
}

function partitionOf(row: Buffer): GptPartition {
  const startLba = Number(row.readBigUInt64LE(inEntry.firstLba));
  return {
    name: row.toString('utf16le', inEntry.name, inEntry.end).replace(/\0[^]*$/, ''),
    typeGuid: guidAt(row, inEntry.type),
    guid: guidAt(row, inEntry.guid),
    startLba,
    sectors: Number(row.readBigUInt64LE(inEntry.lastLba)) + 1 - startLba,
  };
}

/** The first three groups of a GUID are stored little-endian. */
function guidAt(bytes: Buffer, offset: number): string {
  const order = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
  const hex = Buffer.from(order.map((i) => bytes.readUInt8(offset + i))).toString('hex');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5').toUpperCase();
}

/** As `readGpt`, with sfdisk, which reads the backup table if the primary one is damaged. */
export async function readGptBySfdisk(imagePath: string, host: ImageHost, context: Context): Promise<Gpt | undefined> {
  const what = `read the partition table of "${imagePath}"`;
  const result = await tried({ what, argv: ['sfdisk', '--json', imagePath] }, host, context);
  if (result.exitCode !== 0) return undefined;
  const table = sfdiskTable(result.stdout);
  if (!table) throw cannot(what, 'sfdisk gave an answer that is not understood', { blame: 'host', detail: result.stdout });
  return table.label === 'gpt' ? { diskGuid: table.id, partitions: table.partitions } : undefined;
}

/** Returns the needed parts of the output of `sfdisk --json`, or undefined if they are missing. */
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
