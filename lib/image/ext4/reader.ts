// Reads the files of an ext2, ext3 or ext4 and trusts nothing in it. Names and link targets are bytes (lib/core/paths.ts). The journal is not
// replayed, as in debugfs: an image that was not unmounted shows what was written to its place.
import { Buffer } from 'node:buffer';
import { decodeName } from '../../core/paths.ts';
import { byCodeUnit } from '../../core/digest.ts';
import { cannot } from '../../core/errors.ts';
import { MiB } from '../../core/sizes.ts';
import { entriesIn, inlineParts } from './directory.ts';
import { dataBytes, decodeInode, deviceOf, fileTypes, typeOf } from './inode.ts';
import type { Ext4Inode } from './inode.ts';
import { runsOf } from './runs.ts';
import { Ext4Superblock } from './superblock.ts';
import { inlineName, xattrsInBlock, xattrsInInode } from './xattrs.ts';
import { badName, joinPath } from '../file-tree.ts';
import type { ImageBytes } from '../image-bytes.ts';
import { specialTypes } from '../read/volume.ts';
import type { FilePiece, SpecialFile, VolumeEntry } from '../read/volume.ts';
import { xattrsOf } from '../xattrs.ts';
import type { Xattrs } from '../xattrs.ts';

const rootInode = 2;
/** The longest path that the kernel takes. */
const longestTarget = 4096;

export class Ext4Reader {
  readonly #bytes: ImageBytes;
  readonly #superblock: Ext4Superblock;

  constructor(bytes: ImageBytes) {
    this.#bytes = bytes;
    this.#superblock = new Ext4Superblock(bytes);
  }

  /** Returns all entries by path, sorted. */
  entries(): ReadonlyMap<string, VolumeEntry> {
    const found = new Map<string, VolumeEntry>();
    const seen = new Set<number>([rootInode]);
    const folders: { readonly path: string; readonly inode: Ext4Inode }[] = [{ path: '', inode: this.#inode(rootInode) }];
    found.set('', this.#entry('', this.#inode(rootInode)));
    for (let folder = folders.pop(); folder; folder = folders.pop()) {
      for (const [name, number] of this.#names(folder.path, folder.inode)) {
        const path = joinPath(folder.path, name);
        const inode = this.#inode(number);
        const entry = this.#entry(path, inode);
        if (found.has(path)) throw this.#bad(path, 'it is there twice');
        found.set(path, entry);
        if (entry.kind !== 'directory') continue;
        if (seen.has(number)) throw this.#bad(path, 'it is a directory that is in two places');
        seen.add(number);
        folders.push({ path, inode });
      }
    }
    return new Map([...found].sort(([a], [b]) => byCodeUnit(a, b)));
  }

  find(path: string): VolumeEntry | undefined {
    const inode = this.#lookUp(path);
    return inode && this.#entry(path, inode);
  }

  /** Yields the bytes of a file in order, without holes. */
  *pieces(path: string): Generator<FilePiece> {
    const inode = this.#lookUp(path);
    if (!inode || typeOf(inode) !== fileTypes.file) throw this.#bad(path, 'it is not a file');
    if (inode.isEncrypted) throw this.#bad(path, 'it is encrypted');
    yield* this.#content(inode);
  }

  #lookUp(path: string): Ext4Inode | undefined {
    let inode = this.#inode(rootInode);
    for (const name of path === '' ? [] : path.split('/')) {
      if (typeOf(inode) !== fileTypes.directory) return undefined;
      const number = this.#names('', inode).get(name);
      if (number === undefined) return undefined;
      inode = this.#inode(number);
    }
    return inode;
  }

  #inode(number: number): Ext4Inode {
    const { inodeBytes } = this.#superblock;
    return decodeInode(number, this.#bytes.read(this.#superblock.inodeAtBytes(number), inodeBytes));
  }

  /** Returns the entries of a directory as name -> inode. */
  #names(path: string, inode: Ext4Inode): ReadonlyMap<string, number> {
    if (inode.isEncrypted) throw this.#bad(path, 'its names are encrypted');
    const names = new Map<string, number>();
    const bad = (why: string): Error => this.#bad(path, `its directory is damaged: ${why}`);
    for (const part of this.#directoryParts(inode)) {
      for (const { inode: number, name: bytes } of entriesIn(part, this.#superblock.hasFileTypes, bad)) {
        const name = decodeName(bytes);
        if (name === '.' || name === '..') continue;
        const why = badName(name);
        if (why) throw this.#bad(joinPath(path, name), why);
        if (names.has(name)) throw this.#bad(joinPath(path, name), 'it is there twice');
        names.set(name, number);
      }
    }
    return names;
  }

  *#directoryParts(inode: Ext4Inode): Generator<Buffer> {
    if (inode.inline) yield* inlineParts(inode.inline, inode.sizeBytes);
    else {
      const { blockBytes } = this.#superblock;
      for (const { fileBlock, diskBlock, blocks } of runsOf(inode, this.#bytes, blockBytes)) {
        const end = Math.min(blocks, Math.ceil(inode.sizeBytes / blockBytes) - fileBlock);
        for (let i = 0; i < end; i++) yield this.#bytes.read((diskBlock + i) * blockBytes, blockBytes);
      }
    }
  }

  #entry(path: string, inode: Ext4Inode): VolumeEntry {
    const type = typeOf(inode);
    const { mode, uid, gid, links, number } = inode;
    const xattrs = this.#xattrs(path, inode);
    const extras = {
      ...(xattrs.size > 0 && { xattrs }),
      ...(links > 1 && type !== fileTypes.directory && { links: { inode: number, count: links } }),
    };
    const common = { path, mode: mode & 0o7777, uid, gid, sizeBytes: 0, ...extras };
    switch (type) {
      case fileTypes.directory:
        return { ...common, kind: 'directory' };
      case fileTypes.file:
        return { ...common, kind: 'file', sizeBytes: inode.sizeBytes };
      case fileTypes.symlink:
        return { ...common, kind: 'symlink', target: this.#target(path, inode) };
      default:
        return { ...common, kind: 'other', ...withSpecial(inode) };
    }
  }

  #xattrs(path: string, inode: Ext4Inode): Xattrs {
    const { blockBytes } = this.#superblock;
    const reader = {
      bad: (why: string): Error => this.#bad(path, `its extended attributes are damaged: ${why}`),
      inodeContent: (number: number, sizeBytes: number): Uint8Array => {
        const value = this.#inode(number);
        if (value.sizeBytes !== sizeBytes) throw reader.bad(`inode ${number} has ${value.sizeBytes} bytes instead of ${sizeBytes}`);
        return this.#wholeContent(value);
      },
    };
    const found = [...xattrsInInode(inode.afterFields, reader)];
    if (inode.xattrBlock !== 0) found.push(...xattrsInBlock(this.#bytes.read(inode.xattrBlock * blockBytes, blockBytes), reader));
    return xattrsOf(found.flatMap(({ name, value }) => (name === inlineName ? [] : [[name, value] as const])));
  }

  /** A short target without extents is in the inode itself. */
  #target(path: string, inode: Ext4Inode): string {
    const { sizeBytes, hasExtents, inline, data } = inode;
    if (inode.isEncrypted) throw this.#bad(path, 'its target is encrypted');
    if (sizeBytes > longestTarget) throw this.#bad(path, `its target has ${sizeBytes} bytes`);
    if (!hasExtents && !inline && sizeBytes < dataBytes) return decodeName(data.subarray(0, sizeBytes));
    return decodeName(this.#wholeContent(inode));
  }

  /** The content of a file without holes. */
  #wholeContent(inode: Ext4Inode): Buffer {
    return Buffer.concat([...this.#content(inode)].map(({ bytes }) => bytes));
  }

  *#content(inode: Ext4Inode): Generator<FilePiece> {
    const { sizeBytes, inline } = inode;
    if (inline) yield { atBytes: 0, bytes: inline.subarray(0, sizeBytes) };
    else {
      const { blockBytes } = this.#superblock;
      for (const { fileBlock, diskBlock, blocks } of runsOf(inode, this.#bytes, blockBytes)) {
        const start = fileBlock * blockBytes;
        const length = Math.min(blocks * blockBytes, sizeBytes - start);
        for (let done = 0; done < length; done += MiB) {
          yield { atBytes: start + done, bytes: this.#bytes.read(diskBlock * blockBytes + done, Math.min(MiB, length - done)) };
        }
      }
    }
  }

  #bad(path: string, why: string): Error {
    return cannot(`read "${path === '' ? '/' : path}" of ${this.#bytes.name}`, why);
  }
}

function withSpecial(inode: Ext4Inode): { readonly special?: SpecialFile } {
  const type = specialTypes[typeOf(inode)];
  if (!type) return {};
  return { special: type === 'pipe' || type === 'socket' ? { type } : { type, device: deviceOf(inode) } };
}
