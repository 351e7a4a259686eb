// Reads an ISO 9660 image with Rock Ridge (sources: ECMA-119; IEEE P1281 and P1282, the System Use Sharing
// and Rock Ridge protocols). Names, modes, owners and links are those of Rock Ridge. An image without it is
// refused, because its names would differ from those that were written.
import { Buffer } from 'node:buffer';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { decodeName } from '../../core/paths.ts';
import { cannot, Failure } from '../../core/errors.ts';
import { badName, joinPath } from '../file-tree.ts';
import { specialTypes } from '../read/volume.ts';
import type { FilePiece, Volume, VolumeEntry } from '../read/volume.ts';

const sectorBytes = 2048;
const descriptorSector = 16;
/** The identifier of every volume descriptor. */
export const isoMagic = { text: 'CD001', atBytes: descriptorSector * sectorBytes + 1 } as const;

const primaryDescriptor = 1;
const lastDescriptor = 255;
/** Sectors of the whole volume. */
const volumeSizeAt = 80;
const rootRecordAt = 156;
const record = { length: 0, extent: 2, size: 10, flags: 25, nameLength: 32, name: 33 } as const;
/** The file continues in the next record. */
const multiExtent = 0x80;
const directoryFlag = 0x02;
/** Limit for damaged images with a cycle. */
const mostEntries = 1_000_000;
const mostContinuations = 64;
const pieceBytes = 1024 * 1024;

export interface IsoEntry extends VolumeEntry {
  /** Position of its content in the image. */
  readonly extents: readonly Extent[];
}

interface Extent {
  readonly atBytes: number;
  readonly sizeBytes: number;
}

/** Returns all entries by path. A damaged image, and one without Rock Ridge, are Failures. */
export function readIso(imagePath: string): ReadonlyMap<string, IsoEntry> {
  const reader = new IsoReader(imagePath);
  try {
    return reader.entries();
  } finally {
    reader.close();
  }
}

/** Yields the bytes of a file in order. */
function* isoPieces(imagePath: string, { extents }: IsoEntry): Generator<FilePiece> {
  const reader = new IsoReader(imagePath);
  try {
    let end = 0;
    for (const { atBytes, sizeBytes } of extents) {
      for (let done = 0; done < sizeBytes; done += pieceBytes) {
        yield { atBytes: end + done, bytes: reader.bytes(atBytes + done, Math.min(pieceBytes, sizeBytes - done)) };
      }
      end += sizeBytes;
    }
  } finally {
    reader.close();
  }
}

class IsoReader {
  private readonly imagePath: string;
  private readonly fd: number;
  private readonly sizeBytes: number;

  constructor(imagePath: string) {
    this.imagePath = imagePath;
    this.fd = openSync(imagePath, 'r');
    this.sizeBytes = fstatSync(this.fd).size;
  }

  close(): void {
    closeSync(this.fd);
  }

  entries(): ReadonlyMap<string, IsoEntry> {
    const found = new Map<string, IsoEntry>();
    const root = this.rootRecord();
    const skip = this.skipOf(root);
    const folders: { readonly path: string; readonly extent: Extent }[] = [{ path: '', extent: extentOf(root) }];
    for (let folder = folders.pop(); folder; folder = folders.pop()) {
      for (const { path, entry } of this.folder(folder.path, folder.extent, skip)) {
        if (found.size >= mostEntries) throw this.bad(`it has more than ${mostEntries} entries, or runs in circles`);
        if (found.has(path)) throw this.bad(`"${path}" is there twice`);
        found.set(path, entry);
        const [extent] = entry.extents;
        if (entry.kind === 'directory' && path !== '' && extent) folders.push({ path, extent });
      }
    }
    return new Map([...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([path, entry]) => [path, withoutFolderExtents(entry)]));
  }

  bytes(atBytes: number, length: number): Buffer {
    if (atBytes + length > this.sizeBytes) throw this.bad('it is cut off');
    const bytes = Buffer.alloc(length);
    for (let done = 0; done < length;) {
      const count = readSync(this.fd, bytes, done, length - done, atBytes + done);
      if (count === 0) throw this.bad('it is cut off');
      done += count;
    }
    return bytes;
  }

  private rootRecord(): Buffer {
    for (let sector = descriptorSector; ; sector++) {
      const block = this.bytes(sector * sectorBytes, sectorBytes);
      if (block.toString('latin1', 1, 6) !== isoMagic.text || block[0] === lastDescriptor) throw this.bad('it has no primary volume');
      if (block[0] === primaryDescriptor && block.readUInt32LE(volumeSizeAt) * sectorBytes > this.sizeBytes)
        throw this.bad('it is cut off');
      if (block[0] === primaryDescriptor) return block.subarray(rootRecordAt, rootRecordAt + 34);
    }
  }

  /**
   * Returns the number of bytes before the first field of a record's system use area. It is in the first
   * record of the root, which also shows that there are fields.
   */
  private skipOf(root: Buffer): number {
    const { atBytes } = extentOf(root);
    const first = this.bytes(atBytes, sectorBytes);
    const area = systemUse(first.subarray(0, first.readUInt8(record.length)));
    const skip = area[6];
    if (area.toString('latin1', 0, 2) !== 'SP' || area[4] !== 0xbe || area[5] !== 0xef || skip === undefined)
      throw this.bad('it has no Rock Ridge names');
    return skip;
  }

  private *folder(
    folder: string,
    { atBytes, sizeBytes }: Extent,
    skip: number,
  ): Generator<{ readonly path: string; readonly entry: IsoEntry }> {
    const bytes = this.bytes(atBytes, sizeBytes);
    let extents: Extent[] = [];
    for (let at = 0; at < bytes.length;) {
      const length = bytes.readUInt8(at);
      if (length === 0) {
        at = (Math.floor(at / sectorBytes) + 1) * sectorBytes; // records do not cross sectors
        continue;
      }
      const row = bytes.subarray(at, at + length);
      if (length < record.name + 1 || row.length < length) throw this.bad(`a record of "${folder}" is damaged`);
      at += length;
      const raw = row.subarray(record.name, record.name + row.readUInt8(record.nameLength));
      const self = raw.length === 1 && raw[0] === 0;
      if ((raw.length === 1 && raw[0] === 1) || (self && folder !== '')) continue;
      extents.push(extentOf(row));
      if ((row.readUInt8(record.flags) & multiExtent) !== 0) continue;
      yield this.entry(folder, row, self, extents, skip);
      extents = [];
    }
  }

  private entry(
    folder: string,
    row: Buffer,
    self: boolean,
    extents: readonly Extent[],
    skip: number,
  ): { readonly path: string; readonly entry: IsoEntry } {
    const fields = this.fields(systemUse(row).subarray(self ? 0 : skip));
    const name = self ? '' : nameOf(fields);
    const why = self ? undefined : badName(name);
    if (why) throw this.bad(`in "${folder}", ${why}`);
    const path = self ? '' : joinPath(folder, name);
    const attributes = fields.find(({ kind }) => kind === 'PX')?.data;
    if (!attributes || attributes.length < 28) throw this.bad(`"${path}" has no attributes of Rock Ridge`);
    const bits = attributes.readUInt32LE(0);
    const kind = kinds[bits >> 12] ?? 'other';
    if ((kind === 'directory') !== ((row.readUInt8(record.flags) & directoryFlag) !== 0))
      throw this.bad(`"${path}" is a folder in one place only`);
    const sizeBytes = kind === 'file' ? extents.reduce((sum, extent) => sum + extent.sizeBytes, 0) : 0;
    const common = {
      path,
      kind,
      mode: bits & 0o7777,
      uid: attributes.readUInt32LE(16),
      gid: attributes.readUInt32LE(24),
      sizeBytes,
      extents,
    };
    const special = specialTypes[bits >> 12];
    if (special) return { path, entry: { ...common, special: { type: special } } };
    return { path, entry: kind === 'symlink' ? { ...common, target: targetOf(fields) } : common };
  }

  /** Returns the fields of a system use area and of its continuations. */
  private fields(area: Buffer): readonly Field[] {
    const fields: Field[] = [];
    let rest: Buffer | undefined = area;
    for (let times = 0; rest; times++) {
      if (times > mostContinuations) throw this.bad('a record runs in circles');
      let next: Buffer | undefined;
      for (let at = 0; at + 4 <= rest.length;) {
        const [kind, length] = [rest.toString('latin1', at, at + 2), rest.readUInt8(at + 2)];
        if (length < 4 || at + length > rest.length) break; // padding
        const data = rest.subarray(at + 4, at + length);
        if (kind === 'CE' && data.length >= 24) {
          next = this.bytes(data.readUInt32LE(0) * sectorBytes + data.readUInt32LE(8), data.readUInt32LE(16));
        } else fields.push({ kind, data });
        at += length;
      }
      rest = next;
    }
    return fields;
  }

  private bad(why: string): Error {
    return cannot(`read the ISO in "${this.imagePath}"`, why);
  }
}

interface Field {
  /** Two letters. */
  readonly kind: string;
  readonly data: Buffer;
}

const kinds: Readonly<Record<number, VolumeEntry['kind']>> = { 0o04: 'directory', 0o10: 'file', 0o12: 'symlink' };

function extentOf(row: Buffer): Extent {
  return { atBytes: row.readUInt32LE(record.extent) * sectorBytes, sizeBytes: row.readUInt32LE(record.size) };
}

/** Returns the data after the name, which is padded to an even length. */
function systemUse(row: Buffer): Buffer {
  const nameLength = row[record.nameLength] ?? 0;
  return row.subarray(record.name + nameLength + (nameLength % 2 === 0 ? 1 : 0));
}

/** NM: a byte of flags, and a part of the name. */
function nameOf(fields: readonly Field[]): string {
  return decodeName(Buffer.concat(fields.filter(({ kind }) => kind === 'NM').map(({ data }) => data.subarray(1))));
}

/**
 * SL: a byte of flags, then components of flags, length and text. A component that continues in the next one
 * is not followed by a slash.
 */
function targetOf(fields: readonly Field[]): string {
  let target = '';
  let goesOn = false;
  for (const { data } of fields.filter(({ kind }) => kind === 'SL')) {
    for (let at = 1; at + 2 <= data.length;) {
      const [flags, length] = [data.readUInt8(at), data.readUInt8(at + 1)];
      const text = data.toString('latin1', at + 2, at + 2 + length);
      if ((flags & 8) !== 0) target = '/';
      else {
        if (target !== '' && !target.endsWith('/') && !goesOn) target += '/';
        target += (flags & 2) !== 0 ? '.' : (flags & 4) !== 0 ? '..' : text;
      }
      goesOn = (flags & 1) !== 0;
      at += 2 + length;
    }
  }
  return decodeName(Buffer.from(target, 'latin1'));
}

/** Only this reader uses the positions of folders. */
function withoutFolderExtents(entry: IsoEntry): IsoEntry {
  return entry.kind === 'file' ? entry : { ...entry, extents: [] };
}

/** `path` is an image that is an ISO 9660 file system from its first byte on. */
export function isoVolume(path: string): Volume {
  let read: ReadonlyMap<string, IsoEntry> | undefined;
  const open = (): ReadonlyMap<string, IsoEntry> => (read ??= readIso(path));
  const shown = ({ extents: _, ...entry }: IsoEntry): VolumeEntry => entry;
  return {
    async *entries() {
      for (const entry of open().values()) yield shown(entry);
    },
    async find(inside) {
      const entry = open().get(inside);
      return entry && shown(entry);
    },
    async *pieces(inside) {
      const entry = open().get(inside);
      if (entry) yield* isoPieces(path, entry);
    },
    async verify() {
      try {
        let paths = 0;
        for (const entry of open().values()) {
          for (const _ of isoPieces(path, entry)); // the format has no digests, so only missing data can be detected
          paths++;
        }
        return { findings: [], paths };
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
        return { findings: [{ path: '(iso)', why: error.message }], paths: 0 };
      }
    },
    async close() {},
  };
}
