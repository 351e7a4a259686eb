// A file system inside an image as the readers of this room show it: one shape for RedoxFS, FAT and initfs. A volume is for reading;
// it believes nothing that it has not checked.
import { closeSync, openSync, readSync } from 'node:fs';
import { MiB } from '../../core/sizes.ts';
import type { Xattrs } from '../xattrs.ts';

export interface VolumeEntry {
  /** Within the volume: no leading slash, '' for the root. Bytes that are no UTF-8 are kept (lib/core/paths.ts). */
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

/** A file of the host in pieces, for volumes whose tools copy a file out. Each is valid until the next is asked for. */
export function* hostPieces(path: string): Generator<FilePiece> {
  const fd = openSync(path, 'r');
  try {
    const bytes = Buffer.alloc(MiB);
    for (let atBytes = 0, count = 1; count > 0; atBytes += count) {
      count = readSync(fd, bytes, 0, bytes.length, atBytes);
      if (count > 0) yield { atBytes, bytes: bytes.subarray(0, count) };
    }
  } finally {
    closeSync(fd);
  }
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
