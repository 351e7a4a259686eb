// The shape of a FAT as its boot sector has it (Microsoft's FAT specification 1.03; where that and Linux differ, as Linux reads it).
import type { ImageBytes } from '../image-bytes.ts';

export interface FatGeometry {
  readonly bits: 12 | 16 | 32;
  readonly sectorBytes: number;
  readonly clusterBytes: number;
  readonly clusters: number;
  /** Places are in bytes from the start of the file system. Copies of the table follow the first one. */
  readonly tableAtBytes: number;
  readonly tableBytes: number;
  readonly tables: number;
  /** The first cluster, which has number 2. */
  readonly dataAtBytes: number;
  /** The root directory: its first cluster, or its place where it has a fixed size. */
  readonly root: { readonly cluster: number } | { readonly atBytes: number; readonly sizeBytes: number };
  /** The sector with the number of free clusters, which only a FAT32 has. */
  readonly infoAtBytes: number | undefined;
}

const at = {
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

/** Returns the geometry of a FAT. A boot sector that describes none is a Failure. */
export function readFatGeometry(bytes: ImageBytes): FatGeometry {
  const boot = bytes.read(0, 512);
  const bad = (why: string): Error => bytes.bad(`its boot sector is damaged: ${why}`);
  const sectorBytes = boot.readUInt16LE(at.sectorBytes);
  const sectorsPerCluster = boot.readUInt8(at.sectorsPerCluster);
  if (![512, 1024, 2048, 4096].includes(sectorBytes)) throw bad(`a sector has ${sectorBytes} bytes`);
  if (sectorsPerCluster === 0 || (sectorsPerCluster & (sectorsPerCluster - 1)) !== 0)
    throw bad(`a cluster has ${sectorsPerCluster} sectors`);
  const reservedSectors = boot.readUInt16LE(at.reservedSectors);
  const tables = boot.readUInt8(at.tables);
  const isFat32 = boot.readUInt16LE(at.tableSectors) === 0;
  const tableSectors = isFat32 ? boot.readUInt32LE(at.manyTableSectors) : boot.readUInt16LE(at.tableSectors);
  if (reservedSectors === 0 || tables === 0 || tableSectors === 0) throw bad('it has no table');
  const rootBytes = boot.readUInt16LE(at.rootEntries) * entryBytes;
  const rootSector = reservedSectors + tables * tableSectors;
  const dataSector = rootSector + Math.ceil(rootBytes / sectorBytes);
  const sectors = boot.readUInt16LE(at.sectors) || boot.readUInt32LE(at.manySectors);
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
    root: isFat32 ? { cluster: boot.readUInt32LE(at.rootCluster) } : { atBytes: rootSector * sectorBytes, sizeBytes: rootBytes },
    infoAtBytes: isFat32 ? boot.readUInt16LE(at.infoSector) * sectorBytes : undefined,
  };
}

export function clusterAtBytes({ dataAtBytes, clusterBytes }: FatGeometry, cluster: number): number {
  return dataAtBytes + (cluster - 2) * clusterBytes;
}
