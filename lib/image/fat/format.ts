// The structures of a FAT (Microsoft's FAT specification 1.03; if Linux differs, its reading is used): the
// geometry in the boot sector, the records of directories, and times.
import { Buffer } from 'node:buffer';
import type { ImageBytes } from '../read/volume.ts';
import { cannot } from '../../core/errors.ts';

export interface FatGeometry {
  readonly bits: 12 | 16 | 32;
  readonly sectorBytes: number;
  readonly clusterBytes: number;
  readonly clusters: number;
  /** Offsets are in bytes from the start of the file system. Copies of the table follow the first one. */
  readonly tableAtBytes: number;
  readonly tableBytes: number;
  readonly tables: number;
  /** The first cluster, which has number 2. */
  readonly dataAtBytes: number;
  /** The root directory: its first cluster, or its position if it has a fixed size. */
  readonly root: { readonly cluster: number } | { readonly atBytes: number; readonly sizeBytes: number };
  /** The sector with the number of free clusters, which only a FAT32 has. */
  readonly infoAtBytes: number | undefined;
}

const inBoot = {
  sectorBytes: 11,
  sectorsPerCluster: 13,
  reservedSectors: 14,
  tables: 16,
  rootEntries: 17,
  sectors: 19,
  tableSectors: 22,
  manySectors: 32,
  manyTableSectors: 36,
  rootCluster: 44,
  infoSector: 48,
} as const;
export const entryBytes = 32;
/** A FAT with fewer clusters than this is a FAT12. */
const leastClusters16 = 4085;

/** Returns the geometry of a FAT. An invalid boot sector is a Failure. */
export function readFatGeometry(bytes: ImageBytes): FatGeometry {
  const boot = bytes.read(0, 512);
  const bad = (why: string): Error => bytes.bad(`its boot sector is damaged: ${why}`);
  const sectorBytes = boot.readUInt16LE(inBoot.sectorBytes);
  const sectorsPerCluster = boot.readUInt8(inBoot.sectorsPerCluster);
  if (![512, 1024, 2048, 4096].includes(sectorBytes)) throw bad(`a sector has ${sectorBytes} bytes`);
  if (sectorsPerCluster === 0 || (sectorsPerCluster & (sectorsPerCluster - 1)) !== 0)
    throw bad(`a cluster has ${sectorsPerCluster} sectors`);
  const reservedSectors = boot.readUInt16LE(inBoot.reservedSectors);
  const tables = boot.readUInt8(inBoot.tables);
  const isFat32 = boot.readUInt16LE(inBoot.tableSectors) === 0;
  const tableSectors = isFat32 ? boot.readUInt32LE(inBoot.manyTableSectors) : boot.readUInt16LE(inBoot.tableSectors);
  if (reservedSectors === 0 || tables === 0 || tableSectors === 0) throw bad('it has no table');
  const rootBytes = boot.readUInt16LE(inBoot.rootEntries) * entryBytes;
  const rootSector = reservedSectors + tables * tableSectors;
  const dataSector = rootSector + Math.ceil(rootBytes / sectorBytes);
  const sectors = boot.readUInt16LE(inBoot.sectors) || boot.readUInt32LE(inBoot.manySectors);
  if (dataSector >= sectors) throw bad(`it has ${sectors} sectors, and its data begins at sector ${dataSector}`);
  const present = Math.floor((sectors - dataSector) / sectorsPerCluster);
  const bits = isFat32 ? 32 : present < leastClusters16 ? 12 : 16;
  return {
    bits,
    sectorBytes,
    clusterBytes: sectorsPerCluster * sectorBytes,
    // The table may have fewer entries than there are clusters; its first two are not clusters.
    clusters: Math.min(present, Math.floor((tableSectors * sectorBytes * 8) / bits) - 2),
    tableAtBytes: reservedSectors * sectorBytes,
    tableBytes: tableSectors * sectorBytes,
    tables,
    dataAtBytes: dataSector * sectorBytes,
    root: isFat32 ? { cluster: boot.readUInt32LE(inBoot.rootCluster) } : { atBytes: rootSector * sectorBytes, sizeBytes: rootBytes },
    infoAtBytes: isFat32 ? boot.readUInt16LE(inBoot.infoSector) * sectorBytes : undefined,
  };
}

export function clusterAtBytes({ dataAtBytes, clusterBytes }: FatGeometry, cluster: number): number {
  return dataAtBytes + (cluster - 2) * clusterBytes;
}

export interface FatRecord {
  readonly name: string;
  /** 11 bytes, as they are stored. */
  readonly shortName: string;
  readonly isDirectory: boolean;
  readonly cluster: number;
  readonly sizeBytes: number;
  /** Its records in the directory. */
  readonly fromSlot: number;
  readonly toSlot: number;
}

const inRecord = { extension: 8, attributes: 11, lowerCase: 12, clusterHigh: 20, cluster: 26, size: 28 } as const;
const times = { created: 14, createdDate: 16, accessDate: 18, changed: 22, changedDate: 24 } as const;
const attribute = { volumeLabel: 0x08, directory: 0x10, archive: 0x20, longName: 0x0f } as const;
const lowerCase = { base: 0x08, extension: 0x10 } as const;
const deleted = 0xe5;
/** The stored byte of a short name that begins with 0xe5. */
const escapedDeleted = 0x05;
const lastPart = 0x40;
/** Offsets of the UTF-16 units of a part of a long name. */
const unitPlaces = [1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30] as const;
export const unitsPerSlot = unitPlaces.length;
const checksumAt = 13;

/** Code page 850 from byte 0x80 on, which mkfs.vfat and mtools use. */
const codePage =
  'ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜø£Ø×ƒáíóúñÑªº¿®¬½¼¡«»░▒▓│┤ÁÂÀ©╣║╗╝¢¥┐└┴┬├─┼ãÃ╚╔╩╦╠═╬¤ðÐÊËÈıÍÎÏ┘┌█▄¦Ì▀ÓßÔÒõÕµþÞÚÛÙýÝ¯´\u00ad±‗¾¶§÷¸°¨·¹³²■\u00a0';

/**
 * Yields the files and folders of a directory. A long name that does not belong to the record after it is
 * ignored.
 */
export function* recordsIn(directory: Buffer): Generator<FatRecord> {
  let parts: Buffer[] = [];
  for (let slot = 0; (slot + 1) * entryBytes <= directory.length; slot++) {
    const record = directory.subarray(slot * entryBytes, (slot + 1) * entryBytes);
    const first = record.readUInt8(0);
    const attributes = record.readUInt8(inRecord.attributes);
    if (first === 0) return;
    if (first !== deleted && (attributes & 0x3f) === attribute.longName) {
      if ((first & lastPart) !== 0) parts = [];
      parts.unshift(record);
      continue;
    }
    if (first !== deleted && (attributes & attribute.volumeLabel) === 0) {
      const long = longName(parts, record);
      yield {
        name: long ?? shortNameOf(record),
        shortName: record.toString('latin1', 0, inRecord.attributes),
        isDirectory: (attributes & attribute.directory) !== 0,
        cluster: record.readUInt16LE(inRecord.clusterHigh) * 2 ** 16 + record.readUInt16LE(inRecord.cluster),
        sizeBytes: record.readUInt32LE(inRecord.size),
        fromSlot: long === undefined ? slot : slot - parts.length,
        toSlot: slot + 1,
      };
    }
    parts = [];
  }
}

/** Whether a slot was never used, or was deleted. */
export function isFree(directory: Buffer, slot: number): boolean {
  const first = directory.readUInt8(slot * entryBytes);
  return first === 0 || first === deleted;
}

/** Changes the content that a record refers to. Its names and its attributes stay the same. */
export function updateRecord(directory: Buffer, { toSlot }: FatRecord, { cluster, sizeBytes, time }: FatContent): void {
  const record = directory.subarray((toSlot - 1) * entryBytes, toSlot * entryBytes);
  record.writeUInt16LE(time.date, times.accessDate);
  record.writeUInt16LE(time.time, times.changed);
  record.writeUInt16LE(time.date, times.changedDate);
  writeContent(record, cluster, sizeBytes);
}

function writeContent(record: Buffer, cluster: number, sizeBytes: number): void {
  record.writeUInt16LE(Math.floor(cluster / 2 ** 16), inRecord.clusterHigh);
  record.writeUInt16LE(cluster % 2 ** 16, inRecord.cluster);
  record.writeUInt32LE(sizeBytes, inRecord.size);
}

/**
 * The content that a record refers to: its first cluster (0 if it has none), its size and the time of the
 * last change.
 */
export interface FatContent {
  readonly cluster: number;
  readonly sizeBytes: number;
  readonly time: FatTime;
}

export interface NewRecord extends FatContent {
  /** 11 bytes in latin1. */
  readonly shortName: string;
  /** Bits of the record for names in lower case. */
  readonly lowerCaseBits: number;
  /** Absent if the short name is the name. */
  readonly longName?: string;
  readonly isDirectory: boolean;
}

/** Returns the slots of a record: the parts of the long name from the last to the first, then the short name. */
export function encodeRecord({ shortName, lowerCaseBits, longName: long, isDirectory, cluster, sizeBytes, time }: NewRecord): Buffer {
  const record = Buffer.alloc(entryBytes);
  record.write(shortName, 0, inRecord.attributes, 'latin1');
  record.writeUInt8(isDirectory ? attribute.directory : attribute.archive, inRecord.attributes);
  record.writeUInt8(lowerCaseBits, inRecord.lowerCase);
  for (const place of [times.created, times.changed]) record.writeUInt16LE(time.time, place);
  for (const place of [times.createdDate, times.accessDate, times.changedDate]) record.writeUInt16LE(time.date, place);
  writeContent(record, cluster, sizeBytes);
  return Buffer.concat([...(long === undefined ? [] : longNameParts(long, checksumOf(record))), record]);
}

/** Returns the bits for a name whose base or extension is in lower case. */
export function lowerCaseBitsOf(base: boolean, extension: boolean): number {
  return (base ? lowerCase.base : 0) | (extension ? lowerCase.extension : 0);
}

function longNameParts(name: string, checksum: number): readonly Buffer[] {
  const count = Math.ceil(name.length / unitsPerSlot);
  return Array.from({ length: count }, (_, i) => {
    const number = count - i;
    const part = Buffer.alloc(entryBytes);
    part.writeUInt8(number | (i === 0 ? lastPart : 0), 0);
    part.writeUInt8(attribute.longName, inRecord.attributes);
    part.writeUInt8(checksum, checksumAt);
    for (const [unit, place] of unitPlaces.entries()) {
      const index = (number - 1) * unitsPerSlot + unit;
      // A name that does not fill its last part is followed by a zero, and then by 0xffff.
      part.writeUInt16LE(index < name.length ? name.charCodeAt(index) : index === name.length ? 0 : 0xffff, place);
    }
    return part;
  });
}

function longName(parts: readonly Buffer[], record: Buffer): string | undefined {
  const checksum = checksumOf(record);
  if (((parts.at(-1)?.readUInt8(0) ?? 0) & lastPart) === 0) return undefined;
  for (const [i, part] of parts.entries()) {
    if ((part.readUInt8(0) & ~lastPart) !== i + 1 || part.readUInt8(checksumAt) !== checksum) return undefined;
  }
  const units = parts.flatMap((part) => unitPlaces.map((place) => part.readUInt16LE(place)));
  const end = units.indexOf(0);
  return String.fromCharCode(...(end < 0 ? units : units.slice(0, end))).toWellFormed();
}

function shortNameOf(record: Buffer): string {
  const bits = record.readUInt8(inRecord.lowerCase);
  const part = (from: number, to: number, isLower: boolean): string => {
    const bytes = [...record.subarray(from, to)].map((byte, i) => (from === 0 && i === 0 && byte === escapedDeleted ? deleted : byte));
    const text = bytes.map((byte) => (byte < 0x80 ? String.fromCharCode(byte) : codePage.charAt(byte - 0x80))).join('');
    const name = text.replace(/[ \0]+$/, ''); // mtools 4.0.32 writes zeros after some names
    return isLower ? name.toLowerCase() : name;
  };
  const base = part(0, inRecord.extension, (bits & lowerCase.base) !== 0);
  const extension = part(inRecord.extension, inRecord.attributes, (bits & lowerCase.extension) !== 0);
  return extension === '' ? base : `${base}.${extension}`;
}

/** Returns the checksum of the short name, which the parts of its long name contain. */
function checksumOf(record: Buffer): number {
  let sum = 0;
  for (const byte of record.subarray(0, inRecord.attributes)) sum = (((sum & 1) << 7) + (sum >> 1) + byte) & 0xff;
  return sum;
}

export interface FatTime {
  readonly time: number;
  readonly date: number;
}

const years = { first: 1980, last: 2107 } as const;

/**
 * Returns a time in the form of FAT. A time before 1980 becomes the start of that year, and one after 2107 is
 * a Failure.
 */
export function fatTime(timestampSec: number): FatTime {
  const at = new Date(timestampSec * 1000);
  const year = at.getUTCFullYear();
  if (year < years.first) return { time: 0, date: (1 << 5) | 1 };
  if (!(year <= years.last)) throw cannot(`write the time ${timestampSec} into a FAT`, `a FAT has no time after the year ${years.last}`);
  return {
    time: (at.getUTCHours() << 11) | (at.getUTCMinutes() << 5) | (at.getUTCSeconds() >> 1),
    date: ((year - years.first) << 9) | ((at.getUTCMonth() + 1) << 5) | at.getUTCDate(),
  };
}
