// Reads the files of a FAT12, FAT16 or FAT32 without trusting its content. fsck.vfat checks a copy of it.
// Names are the long ones, or the short ones in code page 850.
import { Buffer } from 'node:buffer';
import { closeSync, openSync, truncateSync, writeSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { byCodeUnit } from '../../core/digest.ts';
import { cannot, itemOf } from '../../core/errors.ts';
import { MiB } from '../../core/sizes.ts';
import { clusterAtBytes, readFatGeometry, recordsIn } from './format.ts';
import type { FatGeometry, FatRecord } from './format.ts';
import { badName, joinPath } from '../file-tree.ts';
import { ImageBytes } from '../read/volume.ts';
import type { FilePiece, Volume, VolumeEntry } from '../read/volume.ts';
import type { Context } from '../../core/events.ts';
import { tried } from '../image-tools.ts';
import type { ImageHost } from '../image-tools.ts';
import { pace } from '../../core/events.ts';

/** Largest size of a directory. */
const mostDirectoryBytes = 2 * MiB;

export class FatReader {
  readonly table: FatTable;
  readonly #bytes: ImageBytes;

  constructor(bytes: ImageBytes) {
    this.#bytes = bytes;
    this.table = new FatTable(readFatGeometry(bytes), bytes);
  }

  /** Returns all files and folders except the root, by path, sorted. */
  entries(): ReadonlyMap<string, FatRecord> {
    const found = new Map<string, FatRecord>();
    const seen = new Set<number>();
    const folders: { readonly path: string; readonly record: FatRecord | undefined }[] = [{ path: '', record: undefined }];
    for (let folder = folders.pop(); folder; folder = folders.pop()) {
      for (const record of recordsIn(this.directory(folder.path, folder.record))) {
        if (record.name === '.' || record.name === '..') continue;
        const path = joinPath(folder.path, record.name);
        const why = badName(record.name) ?? (found.has(path) ? 'it is there twice' : undefined);
        if (why) throw this.#bad(path, why);
        found.set(path, record);
        if (!record.isDirectory) continue;
        if (seen.has(record.cluster)) throw this.#bad(path, 'it is a directory that is in two places');
        seen.add(record.cluster);
        folders.push({ path, record });
      }
    }
    return new Map([...found].sort(([a], [b]) => byCodeUnit(a, b)));
  }

  /** Returns the records of a directory as they are stored. `record` is absent for the root. */
  directory(path: string, record: FatRecord | undefined): Buffer {
    const { root } = this.table.geometry;
    if (!record && 'atBytes' in root) return this.#bytes.read(root.atBytes, root.sizeBytes);
    const clusters = this.directoryClusters(path, record);
    if (clusters.length * this.table.geometry.clusterBytes > mostDirectoryBytes) throw this.#bad(path, 'it is a directory without an end');
    return Buffer.concat(clusters.map((cluster) => this.#cluster(cluster)));
  }

  /** Returns the clusters of a directory. A root of fixed size has none. */
  directoryClusters(path: string, record: FatRecord | undefined): readonly number[] {
    const { root } = this.table.geometry;
    const first = record?.cluster ?? ('cluster' in root ? root.cluster : undefined);
    return first === undefined ? [] : this.table.chain(first, (why) => this.#bad(path, why));
  }

  /** Yields the bytes of a file in order, in runs of contiguous clusters of at most 1 MiB each. */
  *pieces(path: string, { cluster, sizeBytes }: FatRecord): Generator<FilePiece> {
    if (sizeBytes === 0) return;
    const { geometry } = this.table;
    const { clusterBytes } = geometry;
    const clusters = this.table.chain(cluster, (why) => this.#bad(path, why));
    if (clusters.length * clusterBytes < sizeBytes) throw this.#bad(path, `it has ${clusters.length} clusters for ${sizeBytes} bytes`);
    const perPiece = Math.max(1, MiB / clusterBytes);
    const end = Math.ceil(sizeBytes / clusterBytes);
    for (let i = 0; i < end;) {
      const first = itemOf(clusters, i);
      let count = 1;
      while (count < perPiece && i + count < end && clusters[i + count] === first + count) count++;
      const length = Math.min(count * clusterBytes, sizeBytes - i * clusterBytes);
      yield { atBytes: i * clusterBytes, bytes: this.#bytes.read(clusterAtBytes(geometry, first), length) };
      i += count;
    }
  }

  #cluster(cluster: number): Buffer {
    const { geometry } = this.table;
    return this.#bytes.read(clusterAtBytes(geometry, cluster), geometry.clusterBytes);
  }

  #bad(path: string, why: string): Error {
    return cannot(`read "${path === '' ? '/' : path}" of ${this.#bytes.name}`, why);
  }
}

const firstCluster = 2;
const masks = { 12: 0xfff, 16: 0xffff, 32: 0x0fff_ffff } as const;
/** An entry from this value on ends a chain. The value before it marks a bad cluster. */
const endOfChain = { 12: 0xff8, 16: 0xfff8, 32: 0x0fff_fff8 } as const;

export class FatTable {
  readonly geometry: FatGeometry;
  /** The bytes of the table in the file system. */
  readonly bytes: Buffer;
  #nextFree = firstCluster;

  constructor(geometry: FatGeometry, bytes: ImageBytes) {
    this.geometry = geometry;
    this.bytes = bytes.read(geometry.tableAtBytes, geometry.tableBytes);
  }

  /**
   * Returns the clusters of a chain. Throws the error of `bad` if the chain leaves the file system or has a
   * cycle.
   */
  chain(first: number, bad: (why: string) => Error): readonly number[] {
    const chain: number[] = [];
    const end = endOfChain[this.geometry.bits];
    for (let cluster = first; cluster < end; cluster = this.#entry(cluster)) {
      if (!this.#isCluster(cluster)) throw bad(`its chain of clusters leads to ${cluster}`);
      if (chain.length >= this.geometry.clusters) throw bad('its chain of clusters is a circle');
      chain.push(cluster);
    }
    return chain;
  }

  /**
   * Allocates the lowest free clusters, and links them after `previous`. Returns undefined and allocates none
   * if there are too few.
   */
  allocate(count: number, previous?: number): readonly number[] | undefined {
    const taken: number[] = [];
    let cluster = this.#nextFree;
    for (; taken.length < count && this.#isCluster(cluster); cluster++) if (this.#entry(cluster) === 0) taken.push(cluster);
    if (taken.length < count) return undefined;
    this.#nextFree = cluster;
    for (const [i, each] of taken.entries()) this.#set(each, taken[i + 1] ?? masks[this.geometry.bits]);
    if (previous !== undefined && taken[0] !== undefined) this.#set(previous, taken[0]);
    return taken;
  }

  release(clusters: readonly number[]): void {
    for (const cluster of clusters) {
      this.#set(cluster, 0);
      this.#nextFree = Math.min(this.#nextFree, cluster);
    }
  }

  freeClusters(): number {
    let free = 0;
    for (let cluster = firstCluster; this.#isCluster(cluster); cluster++) if (this.#entry(cluster) === 0) free++;
    return free;
  }

  /** Returns the end of the last cluster in use, from the start of the file system. */
  usedEndBytes(): number {
    let last = this.geometry.clusters + 1;
    while (last >= firstCluster && this.#entry(last) === 0) last--;
    return clusterAtBytes(this.geometry, last + 1);
  }

  #isCluster(cluster: number): boolean {
    return cluster >= firstCluster && cluster < firstCluster + this.geometry.clusters;
  }

  #entry(cluster: number): number {
    const { bits } = this.geometry;
    if (bits === 32) return this.bytes.readUInt32LE(cluster * 4) & masks[32];
    if (bits === 16) return this.bytes.readUInt16LE(cluster * 2);
    const pair = this.bytes.readUInt16LE(cluster + (cluster >> 1));
    return cluster % 2 === 0 ? pair & masks[12] : pair >> 4;
  }

  #set(cluster: number, value: number): void {
    const { bits } = this.geometry;
    if (bits === 32) {
      const place = cluster * 4;
      this.bytes.writeUInt32LE(((this.bytes.readUInt32LE(place) & 0xf000_0000) | value) >>> 0, place);
    } else if (bits === 16) this.bytes.writeUInt16LE(value, cluster * 2);
    else {
      const place = cluster + (cluster >> 1);
      const pair = this.bytes.readUInt16LE(place);
      this.bytes.writeUInt16LE(cluster % 2 === 0 ? (pair & 0xf000) | value : (pair & 0xf) | (value << 4), place);
    }
  }
}

export interface FatPlace {
  readonly imagePath: string;
  readonly offsetBytes: number;
  readonly sizeBytes: number;
  /** An existing directory for temporary files. */
  readonly scratchDir: string;
}

/** Attributes that FAT does not store: the entries belong to root and are readable by all. */
const attributes = { mode: 0o755, uid: 0, gid: 0 } as const;

/** Returns the volume. The image is opened when the volume is first used. */
export function fatVolume({ imagePath, offsetBytes, sizeBytes, scratchDir }: FatPlace, host: ImageHost, context: Context): Volume {
  let bytes: ImageBytes | undefined;
  let opened: FatReader | undefined;
  let listed: ReadonlyMap<string, FatRecord> | undefined;
  const image = (): ImageBytes => (bytes ??= new ImageBytes(imagePath, offsetBytes, 'FAT'));
  const reader = (): FatReader => (opened ??= new FatReader(image()));
  const records = (): ReadonlyMap<string, FatRecord> => (listed ??= reader().entries());

  return {
    async *entries() {
      yield entryOf('', undefined);
      for (const [path, record] of records()) {
        context.signal.throwIfAborted();
        yield entryOf(path, record);
      }
    },
    async find(path) {
      const record = records().get(path);
      return path === '' || record ? entryOf(path, record) : undefined;
    },
    async *pieces(path) {
      const record = records().get(path);
      if (!record || record.isDirectory) throw cannot(`read "${path}"`, 'it is not a file');
      for (const piece of reader().pieces(path, record)) {
        context.signal.throwIfAborted();
        yield piece;
      }
    },
    async verify() {
      const own = await mkdtemp(join(scratchDir, 'bloomery-fat-'));
      try {
        const copy = join(own, 'volume');
        await copyVolume(image(), Math.min(sizeBytes, reader().table.usedEndBytes()), sizeBytes, copy, context);
        const call = { what: `check the FAT in "${imagePath}"`, argv: ['fsck.vfat', '-n', 'volume'], cwd: own } as const;
        const { exitCode, stdout } = await tried(call, host, context);
        const lines = stdout
          .split('\n')
          .map((line) => line.trim())
          .filter((line) => line !== '' && !line.startsWith('fsck.fat') && !line.startsWith('volume'));
        if (exitCode !== 0) return { findings: [{ path: '(FAT)', why: lines.join('; ') || 'fsck.vfat refuses it' }], paths: 0 };
        return { findings: [], paths: records().size + 1 };
      } finally {
        await rm(own, { recursive: true, force: true });
      }
    },
    async close() {
      bytes?.close();
    },
  };
}

function entryOf(path: string, record: FatRecord | undefined): VolumeEntry {
  if (!record || record.isDirectory) return { path, kind: 'directory', ...attributes, sizeBytes: 0 };
  return { path, kind: 'file', ...attributes, sizeBytes: record.sizeBytes };
}

/** fsck.vfat needs a separate file. Only the part in use is copied. */
async function copyVolume(from: ImageBytes, usedBytes: number, sizeBytes: number, to: string, context: Context): Promise<void> {
  const out = openSync(to, 'w');
  try {
    const turn = pace(context);
    for (let at = 0; at < usedBytes; at += MiB) {
      const bytes = from.read(at, Math.min(MiB, usedBytes - at));
      writeSync(out, bytes, 0, bytes.length, at);
      await turn(bytes.length);
    }
    truncateSync(to, sizeBytes);
  } finally {
    closeSync(out);
  }
}
