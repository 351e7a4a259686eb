// Reads the files of a FAT12, FAT16 or FAT32 and trusts nothing in it. Names are the long ones, or the short ones in code page 850.
import { Buffer } from 'node:buffer';
import { byCodeUnit } from '../../core/digest.ts';
import { cannot } from '../../core/errors.ts';
import { MiB } from '../../core/sizes.ts';
import { clusterAtBytes, readFatGeometry } from './geometry.ts';
import { recordsIn } from './record.ts';
import type { FatRecord } from './record.ts';
import { FatTable } from './table.ts';
import { badName, joinPath } from '../file-tree.ts';
import type { ImageBytes } from '../image-bytes.ts';
import type { FilePiece } from '../read/volume.ts';

/** The most records that a directory may have. */
const mostDirectoryBytes = 2 * MiB;

export class FatReader {
  readonly table: FatTable;
  readonly #bytes: ImageBytes;

  constructor(bytes: ImageBytes) {
    this.#bytes = bytes;
    this.table = new FatTable(readFatGeometry(bytes), bytes);
  }

  /** Returns all files and folders but the root, by path, sorted. */
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

  /** Returns the records of a directory as they are stored; `record` is absent for the root. */
  directory(path: string, record: FatRecord | undefined): Buffer {
    const { root } = this.table.geometry;
    if (!record && 'atBytes' in root) return this.#bytes.read(root.atBytes, root.sizeBytes);
    const clusters = this.directoryClusters(path, record);
    if (clusters.length * this.table.geometry.clusterBytes > mostDirectoryBytes) throw this.#bad(path, 'it is a directory without an end');
    return Buffer.concat(clusters.map((cluster) => this.#cluster(cluster)));
  }

  /** Returns the clusters of a directory: none for a root of fixed size. */
  directoryClusters(path: string, record: FatRecord | undefined): readonly number[] {
    const { root } = this.table.geometry;
    const first = record?.cluster ?? ('cluster' in root ? root.cluster : undefined);
    return first === undefined ? [] : this.table.chain(first, (why) => this.#bad(path, why));
  }

  /** Yields the bytes of a file in order: runs of clusters that are next to each other, at most 1 MiB each. */
  *pieces(path: string, { cluster, sizeBytes }: FatRecord): Generator<FilePiece> {
    if (sizeBytes === 0) return;
    const { geometry } = this.table;
    const { clusterBytes } = geometry;
    const clusters = this.table.chain(cluster, (why) => this.#bad(path, why));
    if (clusters.length * clusterBytes < sizeBytes) throw this.#bad(path, `it has ${clusters.length} clusters for ${sizeBytes} bytes`);
    const perPiece = Math.max(1, MiB / clusterBytes);
    const end = Math.ceil(sizeBytes / clusterBytes);
    for (let i = 0; i < end;) {
      const first = clusters[i] ?? 0;
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
