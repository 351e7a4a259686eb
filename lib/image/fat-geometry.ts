// What the boot sector of a FAT says of its shape, and what the table says of its use (Microsoft's FAT specification 1.03).
import { Buffer } from 'node:buffer';
import { readSync } from 'node:fs';
import { sectorBytes } from './partitions.ts';

export interface FatGeometry {
  readonly bits: 12 | 16 | 32;
  readonly clusterBytes: number;
  readonly clusters: number;
  /** The first table, and the first cluster, from the start of the file system. */
  readonly tableAtBytes: number;
  readonly tableBytes: number;
  readonly dataAtBytes: number;
}

/** The geometry of the FAT that begins at `offsetBytes` of an open file. */
export function readFatGeometry(fd: number, offsetBytes: number): FatGeometry {
  const boot = Buffer.alloc(sectorBytes);
  readSync(fd, boot, 0, boot.length, offsetBytes);
  const clusterBytes = boot.readUInt8(13) * sectorBytes;
  const reservedSectors = boot.readUInt16LE(14);
  const tableSectors = boot.readUInt16LE(22) || boot.readUInt32LE(36);
  const rootSectors = Math.ceil((boot.readUInt16LE(17) * 32) / sectorBytes);
  const dataSector = reservedSectors + boot.readUInt8(16) * tableSectors + rootSectors;
  const clusters = Math.floor((((boot.readUInt16LE(19) || boot.readUInt32LE(32)) - dataSector) * sectorBytes) / clusterBytes);
  return {
    bits: clusters < 4085 ? 12 : clusters < 65_525 ? 16 : 32,
    clusterBytes,
    clusters,
    tableAtBytes: reservedSectors * sectorBytes,
    tableBytes: tableSectors * sectorBytes,
    dataAtBytes: dataSector * sectorBytes,
  };
}

/** Where the last cluster in use ends, from the start of the file system; the first two entries of the table are not clusters. */
export function usedEndOfFat(fd: number, offsetBytes: number, geometry: FatGeometry): number {
  const { clusterBytes, clusters, tableAtBytes, tableBytes, dataAtBytes } = geometry;
  const table = Buffer.alloc(tableBytes);
  readSync(fd, table, 0, table.length, offsetBytes + tableAtBytes);
  let last = clusters + 1;
  while (last >= 2 && isFree(table, geometry.bits, last)) last--;
  return dataAtBytes + (last - 1) * clusterBytes;
}

function isFree(table: Buffer, bits: FatGeometry['bits'], cluster: number): boolean {
  if (bits === 32) return (table.readUInt32LE(cluster * 4) & 0x0fff_ffff) === 0;
  const entry = table.readUInt16LE(bits === 16 ? cluster * 2 : cluster + (cluster >> 1));
  return (bits === 16 ? entry : cluster % 2 === 0 ? entry & 0xfff : entry >> 4) === 0;
}
