// A file system inside an image as the readers of this room show it: one shape for all formats, and the bytes
// that they read it from. A volume is for reading; it believes nothing that it has not checked.
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
   * Within the volume: no leading slash, '' for the root. Bytes that are no UTF-8 are kept
   * (lib/core/byte-path.ts).
   */
  readonly path: string;
  readonly kind: 'directory' | 'file' | 'symlink' | 'other';
  /** 12 permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly sizeBytes: number;
  /** Of a symbolic link. */
  readonly target?: string;
  /** Present if it has some. */
  readonly xattrs?: Xattrs;
  /** Present if the file has several names. */
  readonly links?: HardLinks;
  /** Of kind 'other', if its type is known. */
  readonly special?: SpecialFile;
}

export interface HardLinks {
  /** The same number for each name of the file. */
  readonly inode: number;
  /** How many names it has. */
  readonly count: number;
}

/** A file that is no content. Extraction leaves it out. */
export interface SpecialFile {
  readonly type: 'character device' | 'block device' | 'pipe' | 'socket';
  readonly device?: readonly [major: number, minor: number];
}

/** By bits 12 to 15 of a mode, as stat(2) has them. */
export const specialTypes: Readonly<Record<number, SpecialFile['type']>> = {
  0o01: 'pipe',
  0o02: 'character device',
  0o06: 'block device',
  0o14: 'socket',
};

/** Bytes of a file at their place; what no piece covers is zeros. */
export interface FilePiece {
  readonly atBytes: number;
  readonly bytes: Uint8Array;
}

/** Something that is wrong with an image. */
export interface Finding {
  /** The file, directory or link concerned; a name in parentheses for what has no path. */
  readonly path: string;
  readonly why: string;
}

export interface VolumeVerdict {
  readonly findings: readonly Finding[];
  /** Files, directories and links that were looked at. */
  readonly paths: number;
  /** Something worth knowing that is no damage. */
  readonly note?: string;
}

export interface Volume {
  /** Everything in it, each directory before what it holds. Damage is a Failure that names the path. */
  entries(): AsyncIterable<VolumeEntry>;
  find(path: string): Promise<VolumeEntry | undefined>;
  /** The bytes of a file, in order. */
  pieces(path: string): AsyncIterable<FilePiece>;
  /** Looks at everything; damage is a finding. */
  verify(): Promise<VolumeVerdict>;
  close(): Promise<void>;
}

/** The bytes of a file from its start to its end, holes as zeros. */
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

/** A format whose whole tree is read at once, as a volume. `name`: what findings about the whole are of. */
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

  /** Returns `length` bytes from `atBytes` of the file system on. */
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
