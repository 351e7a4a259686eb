// Writes files into a FAT that mkfs.vfat created. mcopy cannot store every name: it folds case in a code
// page, truncates characters beyond the BMP, loses files whose short names are then equal, and never ends for
// some names. The output depends only on the calls. Before `finish` the file system is inconsistent, so a
// caller that must not lose it passes a copy.
import { Buffer } from 'node:buffer';
import { writeSync } from 'node:fs';
import { cannot, itemOf } from '../../core/errors.ts';
import type { Context } from '../../core/events.ts';
import { pace } from '../../core/events.ts';
import { MiB } from '../../core/sizes.ts';
import { contentSize, directoryOf, nameOf, openContent, parentOf } from '../file-tree.ts';
import type { Content } from '../file-tree.ts';
import { clusterAtBytes, encodeRecord, entryBytes, fatTime, isFree, recordsIn, updateRecord } from './format.ts';
import type { FatContent, FatGeometry, FatRecord, FatTime } from './format.ts';
import { asShortName, foldedName, ShortNames } from './names.ts';
import { FatReader } from './reader.ts';
import { ImageBytes } from '../read/volume.ts';

/** The sector of a FAT32 with the number of free clusters, after two signatures. */
const info = { bytes: 512, start: 0x4161_5252, signature: 0x6141_7272, signatureAt: 484, freeAt: 488 } as const;

interface Folder {
  readonly record: FatRecord | undefined;
  readonly clusters: number[];
  bytes: Buffer;
  readonly names: ShortNames;
  /** There is no free slot before this one. */
  firstFreeSlot: number;
}

export interface FatPlaceToWrite {
  readonly imagePath: string;
  /** The image, open for writing. */
  readonly fd: number;
  readonly offsetBytes: number;
  readonly timestampSec: number;
}

export class FatWriter {
  readonly #image: ImageBytes;
  readonly #reader: FatReader;
  readonly #fd: number;
  readonly #offsetBytes: number;
  readonly #time: FatTime;
  readonly #folders = new Map<string, Folder>();

  constructor({ imagePath, fd, offsetBytes, timestampSec }: FatPlaceToWrite) {
    this.#image = new ImageBytes(imagePath, offsetBytes, 'FAT');
    this.#reader = new FatReader(this.#image);
    this.#fd = fd;
    this.#offsetBytes = offsetBytes;
    this.#time = fatTime(timestampSec);
  }

  get geometry(): FatGeometry {
    return this.#reader.table.geometry;
  }

  freeClusters(): number {
    return this.#reader.table.freeClusters();
  }

  usedEndBytes(): number {
    return this.#reader.table.usedEndBytes();
  }

  /** Allocates space for the records of names that will be added to an existing directory. */
  prepare(path: string, names: readonly string[], slots: number): void {
    const folder = this.#folder(path);
    folder.names.reserve(names);
    const used = folder.firstFreeSlot * entryBytes;
    while (folder.bytes.length < used + slots * entryBytes) this.#extend(path, folder);
  }

  /** Creates a directory in an existing one. Its name must not exist there. */
  makeDirectory(path: string): void {
    const parent = this.#folder(directoryOf(path));
    const cluster = itemOf(this.#allocate(path, 1), 0);
    const about = { isDirectory: true, sizeBytes: 0, time: this.#time };
    const bytes = Buffer.alloc(this.geometry.clusterBytes);
    for (const [slot, to] of [cluster, parent.record?.cluster ?? 0].entries()) {
      const shortName = '.'.repeat(slot + 1).padEnd(11);
      encodeRecord({ ...about, shortName, lowerCaseBits: 0, cluster: to }).copy(bytes, slot * entryBytes);
    }
    const record = this.#add(path, parent, { ...about, cluster });
    this.#folders.set(path, { record, clusters: [cluster], bytes, names: new ShortNames([]), firstFreeSlot: 2 });
  }

  /** Writes a file into an existing directory. Its name must not exist there. */
  async writeFile(path: string, content: Content, context: Context): Promise<void> {
    const parent = this.#folder(directoryOf(path));
    const sizeBytes = contentSize(content);
    const clusters = this.#allocate(path, Math.ceil(sizeBytes / this.geometry.clusterBytes));
    this.#add(path, parent, { isDirectory: false, cluster: clusters[0] ?? 0, sizeBytes, time: this.#time });
    await this.#writeContent(content, clusters, context);
  }

  /** Replaces the bytes of a file. Its record keeps the names and the attributes. */
  async replaceFile(path: string, content: Content, context: Context): Promise<void> {
    const parent = this.#folder(directoryOf(path));
    const there = this.#record(parent, path);
    if (!there || there.isDirectory) throw this.#bad(path, 'it is not a file');
    const { table } = this.#reader;
    if (there.cluster !== 0) table.release(table.chain(there.cluster, (why) => this.#bad(path, why)));
    const sizeBytes = contentSize(content);
    const clusters = this.#allocate(path, Math.ceil(sizeBytes / this.geometry.clusterBytes));
    updateRecord(parent.bytes, there, { cluster: clusters[0] ?? 0, sizeBytes, time: this.#time });
    await this.#writeContent(content, clusters, context);
  }

  /** Throws a Failure if readers would confuse a new name with another one of its directory. */
  refuseClash(path: string): void {
    const name = nameOf(path);
    for (const record of recordsIn(this.#folder(directoryOf(path)).bytes)) {
      if (foldedName(record.name) === foldedName(name)) throw this.#bad(path, `"${record.name}" differs from it only in case`);
      if (record.shortName === asShortName(name)) throw this.#bad(path, `it is the short name of "${record.name}"`);
    }
  }

  /** Writes the directories, the copies of the table, and the number of free clusters. */
  finish(): void {
    const { geometry } = this;
    const { tableAtBytes, tableBytes, tables, infoAtBytes, root } = geometry;
    for (const { clusters, bytes } of this.#folders.values()) {
      if (clusters.length === 0 && 'atBytes' in root) this.#write(root.atBytes, bytes);
      for (const [i, cluster] of clusters.entries()) {
        this.#write(clusterAtBytes(geometry, cluster), bytes.subarray(i * geometry.clusterBytes, (i + 1) * geometry.clusterBytes));
      }
    }
    for (let i = 0; i < tables; i++) this.#write(tableAtBytes + i * tableBytes, this.#reader.table.bytes);
    if (infoAtBytes !== undefined) this.#writeInfo(infoAtBytes);
  }

  close(): void {
    this.#image.close();
  }

  #folder(path: string): Folder {
    const known = this.#folders.get(path);
    if (known) return known;
    const parent = parentOf(path);
    const record = parent === undefined ? undefined : this.#record(this.#folder(parent), path);
    if (parent !== undefined && !record?.isDirectory) throw this.#bad(path, 'it is not a directory');
    const bytes = this.#reader.directory(path, record);
    const names = new ShortNames([...recordsIn(bytes)].map(({ shortName }) => shortName));
    const folder = { record, clusters: [...this.#reader.directoryClusters(path, record)], bytes, names, firstFreeSlot: 0 };
    folder.firstFreeSlot = freeSlots(folder, 1) ?? bytes.length / entryBytes;
    this.#folders.set(path, folder);
    return folder;
  }

  /** Adds a record to a directory, in the first sequence of free slots that is long enough. */
  #add(path: string, folder: Folder, about: FatContent & { readonly isDirectory: boolean }): FatRecord {
    const name = nameOf(path);
    const stored = folder.names.of(name);
    const slots = encodeRecord({ ...stored, ...about });
    const count = slots.length / entryBytes;
    let fromSlot = freeSlots(folder, count);
    for (; fromSlot === undefined; fromSlot = freeSlots(folder, count)) this.#extend(path, folder);
    slots.copy(folder.bytes, fromSlot * entryBytes);
    if (fromSlot === folder.firstFreeSlot) folder.firstFreeSlot += count;
    return { name, shortName: stored.shortName, ...about, fromSlot, toSlot: fromSlot + count };
  }

  #record({ bytes }: Folder, path: string): FatRecord | undefined {
    return [...recordsIn(bytes)].find(({ name }) => name === nameOf(path));
  }

  #extend(path: string, folder: Folder): void {
    if (folder.clusters.length === 0) {
      const why = `the root directory of a FAT${this.geometry.bits} of this size has ${folder.bytes.length / entryBytes} records`;
      const hint = 'put files into a folder, or give them short names: a name takes a record for every 13 letters, and one more';
      throw cannot(`write "${path}" into a FAT`, `${why}, and they are all in use`, { hint });
    }
    folder.clusters.push(...this.#allocate(path, 1, folder.clusters.at(-1)));
    folder.bytes = Buffer.concat([folder.bytes, Buffer.alloc(this.geometry.clusterBytes)]);
  }

  #allocate(path: string, count: number, previous?: number): readonly number[] {
    const clusters = this.#reader.table.allocate(count, previous);
    if (clusters) return clusters;
    throw cannot(`write "${path}" into a FAT`, 'the FAT has too little room', { hint: 'make its partition larger' });
  }

  async #writeContent(content: Content, clusters: readonly number[], context: Context): Promise<void> {
    const { clusterBytes } = this.geometry;
    const turn = pace(context);
    const open = openContent(content);
    try {
      for (let i = 0; i < clusters.length;) {
        const first = itemOf(clusters, i);
        let count = 1;
        while (count * clusterBytes < MiB && clusters[i + count] === first + count) count++;
        const bytes = Buffer.alloc(count * clusterBytes);
        open.read(i * clusterBytes, bytes);
        this.#write(clusterAtBytes(this.geometry, first), bytes);
        await turn(bytes.length);
        i += count;
      }
    } finally {
      open.close();
    }
  }

  #writeInfo(atBytes: number): void {
    const sector = this.#image.read(atBytes, info.bytes);
    if (sector.readUInt32LE(0) !== info.start || sector.readUInt32LE(info.signatureAt) !== info.signature) return;
    sector.writeUInt32LE(this.freeClusters(), info.freeAt);
    this.#write(atBytes, sector);
  }

  #write(atBytes: number, bytes: Buffer): void {
    for (let done = 0; done < bytes.length;)
      done += writeSync(this.#fd, bytes, done, bytes.length - done, this.#offsetBytes + atBytes + done);
  }

  #bad(path: string, why: string): Error {
    return cannot(`write "${path}" into ${this.#image.name}`, why);
  }
}

/** Returns the first of `count` contiguous free slots. */
function freeSlots(
  { bytes, firstFreeSlot }: { readonly bytes: Buffer; readonly firstFreeSlot: number },
  count: number,
): number | undefined {
  let from = firstFreeSlot;
  for (let slot = from; (slot + 1) * entryBytes <= bytes.length; slot++) {
    if (!isFree(bytes, slot)) from = slot + 1;
    else if (slot - from + 1 === count) return from;
  }
  return undefined;
}
