// The interface of a file system inside an image, the same for all formats, and access to the bytes from
// which it is read. A volume is read-only and uses no data that it has not checked.
import { readFile } from 'node:fs/promises';
import { Buffer } from 'node:buffer';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { byCodeUnit } from '../../core/digest.ts';
import { cannot, cannotBecause, Failure } from '../../core/errors.ts';
import { MiB } from '../../core/sizes.ts';
import { contentBytes, contentSize } from '../file-tree.ts';
import type { Entry, FileTree } from '../file-tree.ts';
import type { Xattrs } from '../xattrs.ts';

export interface VolumeEntry {
  /**
   * Path in the volume, without a leading slash. The root is ''. Bytes that are not UTF-8 are kept
   * (lib/core/paths.ts).
   */
  readonly path: string;
  readonly kind: 'directory' | 'file' | 'symlink' | 'other';
  /** 12 permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly sizeBytes: number;
  /** Target of a symbolic link. */
  readonly target?: string;
  /** Present if it has some. */
  readonly xattrs?: Xattrs;
  /** Present if the file has several names. */
  readonly links?: HardLinks;
  /** Present for kind 'other' if its type is known. */
  readonly special?: SpecialFile;
}

export interface HardLinks {
  /** The same number for each name of the file. */
  readonly inode: number;
  /** Number of its names. */
  readonly count: number;
}

/** A file without content. Extraction leaves it out. */
export interface SpecialFile {
  readonly type: 'character device' | 'block device' | 'pipe' | 'socket';
  readonly device?: readonly [major: number, minor: number];
}

/** By bits 12 to 15 of a mode, as in stat(2). */
export const specialTypes: Readonly<Record<number, SpecialFile['type']>> = {
  0o01: 'pipe',
  0o02: 'character device',
  0o06: 'block device',
  0o14: 'socket',
};

/** Bytes of a file with their offset. Ranges without a piece are zeros. */
export interface FilePiece {
  readonly atBytes: number;
  readonly bytes: Uint8Array;
}

/** A defect of an image. */
export interface Finding {
  /** The affected file, directory or link, or a name in parentheses for other parts. */
  readonly path: string;
  readonly why: string;
}

export interface VolumeVerdict {
  readonly findings: readonly Finding[];
  /** Number of files, directories and links that were checked. */
  readonly paths: number;
  /** Information that is not damage. */
  readonly note?: string;
}

export interface Volume {
  /** Yields all entries, each directory before its entries. Damage is a Failure that names the path. */
  entries(): AsyncIterable<VolumeEntry>;
  find(path: string): Promise<VolumeEntry | undefined>;
  /** Yields the bytes of a file in order. */
  pieces(path: string): AsyncIterable<FilePiece>;
  /** Checks everything. Damage is a finding. */
  verify(): Promise<VolumeVerdict>;
  close(): Promise<void>;
}

/** Yields the bytes of a file from its start to its end, with zeros for holes. */
export async function* fileBytes(volume: Volume, { path, sizeBytes }: VolumeEntry): AsyncGenerator<Uint8Array> {
  const zeros = new Uint8Array(MiB);
  let end = 0;
  const upTo = function* (to: number): Generator<Uint8Array> {
    for (; end < to; end += Math.min(zeros.length, to - end)) yield zeros.subarray(0, Math.min(zeros.length, to - end));
  };
  for await (const { atBytes, bytes } of volume.pieces(path)) {
    yield* upTo(atBytes);
    yield bytes;
    end = atBytes + bytes.length;
  }
  yield* upTo(sizeBytes);
}

interface ReadTree extends FileTree {
  /** Devices, pipes and sockets. */
  readonly special?: ReadonlyMap<string, VolumeEntry>;
}

/**
 * Returns a volume for a format whose whole tree is read at once. `name`: the subject of findings about the
 * whole.
 */
export function treeVolume(path: string, name: string, parse: (bytes: Uint8Array) => ReadTree): Volume {
  let read: Promise<ReadTree> | undefined;
  const bytes = (): Promise<Uint8Array> =>
    readFile(path).catch((error: unknown) => {
      throw cannotBecause(`read "${path}"`, error);
    });
  const open = (): Promise<ReadTree> => (read ??= bytes().then(parse));
  const entryAt = async (inside: string): Promise<Entry | undefined> => (await open()).entries.get(inside);
  return {
    async *entries() {
      const { entries, special = new Map<string, VolumeEntry>() } = await open();
      const shown = [...[...entries].map(([inside, entry]) => volumeEntry(inside, entry)), ...special.values()];
      yield* shown.sort((a, b) => byCodeUnit(a.path, b.path));
    },
    async find(inside) {
      const entry = await entryAt(inside);
      return entry ? volumeEntry(inside, entry) : (await open()).special?.get(inside);
    },
    async *pieces(inside) {
      const entry = await entryAt(inside);
      if (entry?.kind === 'file') yield { atBytes: 0, bytes: contentBytes(entry.content) };
    },
    async verify() {
      try {
        const { entries, special } = await open();
        return { findings: [], paths: entries.size + (special?.size ?? 0) };
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
        return { findings: [{ path: name, why: error.message }], paths: 0 };
      }
    },
    async close() {},
  };
}

function volumeEntry(path: string, entry: Entry): VolumeEntry {
  const { kind, mode, uid, gid } = entry;
  const sizeBytes = entry.kind === 'file' ? contentSize(entry.content) : 0;
  return { path, kind, mode, uid, gid, sizeBytes, ...(entry.kind === 'symlink' ? { target: entry.target } : {}) };
}

export class ImageBytes {
  /** The file system, for "Cannot read ...". */
  readonly name: string;
  readonly #fd: number;
  readonly #startBytes: number;
  readonly #endBytes: number;

  constructor(imagePath: string, startBytes: number, kind: string) {
    this.name = `the ${kind} in "${imagePath}"`;
    try {
      this.#fd = openSync(imagePath, 'r');
    } catch (error) {
      throw cannotBecause(`read ${this.name}`, error);
    }
    this.#startBytes = startBytes;
    this.#endBytes = fstatSync(this.#fd).size;
  }

  /** Returns `length` bytes of the file system from `atBytes` on. */
  read(atBytes: number, length: number): Buffer {
    const start = this.#startBytes + atBytes;
    if (!(atBytes >= 0 && length >= 0 && start + length <= this.#endBytes)) {
      throw this.bad(`it refers to bytes ${atBytes} to ${atBytes + length}, which are outside of the image`);
    }
    const bytes = Buffer.alloc(length);
    for (let done = 0; done < length;) {
      const count = readSync(this.#fd, bytes, done, length - done, start + done);
      if (count === 0) throw this.bad('the image became shorter while it was read');
      done += count;
    }
    return bytes;
  }

  bad(why: string): Failure {
    return cannot(`read ${this.name}`, why);
  }

  close(): void {
    closeSync(this.#fd);
  }
}
