// Writes the initfs that Redox's kernel gets at boot (source: the crate redox-initfs), in the layout of
// upstream's archiver: header page, bootstrap program, inode table, then depth-first the entries of each
// directory, its children, and their names.
import { Buffer } from 'node:buffer';
import { cannot } from '../../core/errors.ts';
import { roundUp } from '../../core/sizes.ts';
import { contentBytes, joinPath, namesByDirectory } from '../file-tree.ts';
import type { Entry, FileTree } from '../file-tree.ts';
import { dirEntryBytes, encodeInitfsHeader, encodeInode, inodeBytes, mostInodes, noBootstrap, pageBytes } from './reader.ts';
import type { InitfsGeneration } from './reader.ts';
import { refuseXattrs } from '../xattrs.ts';

export interface InitfsOptions {
  readonly generation: InitfsGeneration;
  /** The creation time in the header, in seconds since 1970. */
  readonly timestampSec: number;
}

/**
 * Returns the bytes of an initfs. `bootstrapElf` is placed at offset 4096, and its entry point in the header.
 * Link targets are unchanged.
 */
export function writeInitfs(tree: FileTree, bootstrapElf: Uint8Array | undefined, options: InitfsOptions): Uint8Array {
  refuseXattrs(tree, 'an initfs');
  if (tree.entries.size > mostInodes)
    throw cannot('write an initfs', `it has ${tree.entries.size} files, and the format allows ${mostInodes}`);
  const { generation } = options;
  const names = namesByDirectory(tree);
  const image = new InitfsBytes();
  if (bootstrapElf) image.append(bootstrapElf);
  const inodeTableOffset = image.reserve(tree.entries.size * inodeBytes[generation]);
  let nextInode = 1;

  const putInode = (number: number, { kind, mode, uid, gid }: Entry, place: Place): void => {
    image.put(inodeTableOffset + number * inodeBytes[generation], encodeInode({ kind, mode, uid, gid, ...place }, generation));
  };
  /**
   * Reserves the entry table, writes all children, then the table. A directory has a higher number than its
   * children.
   */
  const writeDirectory = (path: string): Place => {
    const children = names.get(path) ?? [];
    const table = Buffer.alloc(children.length * dirEntryBytes);
    const offset = image.reserve(table.length);
    for (const [i, name] of children.entries()) {
      const number = writeChild(joinPath(path, name));
      const nameBytes = Buffer.from(name);
      table.writeUInt16LE(number, i * dirEntryBytes);
      table.writeUInt16LE(nameBytes.length, i * dirEntryBytes + 2);
      table.writeUInt32LE(image.append(nameBytes).offset, i * dirEntryBytes + 4);
    }
    image.put(offset, table);
    return { offset, length: table.length };
  };
  const writeChild = (path: string): number => {
    const entry = tree.entries.get(path);
    if (!entry) throw new Error(`"${path}" is not in the tree it came from`);
    const place =
      entry.kind === 'directory'
        ? writeDirectory(path)
        : image.append(entry.kind === 'file' ? contentBytes(entry.content) : Buffer.from(entry.target));
    const number = nextInode++;
    putInode(number, entry, place);
    return number;
  };

  const root = tree.entries.get('');
  if (root) putInode(0, root, writeDirectory(''));
  const bootstrapEntry = bootstrapElf ? elfEntry(bootstrapElf) : noBootstrap;
  const { timestampSec: createdSec } = options;
  image.put(
    0,
    encodeInitfsHeader({ inodeTableOffset, createdSec, inodeCount: tree.entries.size, bootstrapEntry, sizeBytes: image.sizeBytes }),
  );
  return image.bytes();
}

interface Place {
  readonly offset: number;
  readonly length: number;
}

/** Bytes with their offsets. Parts are reserved in pages, after the page of the header. */
class InitfsBytes {
  /** Offset after the last byte. */
  sizeBytes = pageBytes;
  readonly #parts: { readonly offset: number; readonly bytes: Uint8Array }[] = [];
  #nextOffset = pageBytes;

  /**
   * Returns the offset of `length` bytes that belong to no other part. A Failure if the format cannot
   * represent it.
   */
  reserve(length: number): number {
    const offset = this.#nextOffset;
    this.#nextOffset += roundUp(length, pageBytes);
    if (this.#nextOffset > 0xffff_ffff) throw cannot('write an initfs', 'it would be larger than 4 GiB');
    return offset;
  }

  put(offset: number, bytes: Uint8Array): void {
    this.#parts.push({ offset, bytes });
    this.sizeBytes = Math.max(this.sizeBytes, offset + bytes.length);
  }

  append(bytes: Uint8Array): Place {
    const offset = this.reserve(bytes.length);
    this.put(offset, bytes);
    return { offset, length: bytes.length };
  }

  bytes(): Uint8Array {
    const image = Buffer.alloc(this.sizeBytes);
    for (const { offset, bytes } of this.#parts) image.set(bytes, offset);
    return image;
  }
}

/** Returns e_entry of an ELF file, little-endian, of 32 or 64 bits. */
function elfEntry(elf: Uint8Array): bigint {
  const bytes = Buffer.from(elf.buffer, elf.byteOffset, elf.byteLength);
  const what = 'use the bootstrap program of an initfs';
  if (bytes.length < 64 || bytes.readUInt32BE(0) !== 0x7f454c46) throw cannot(what, 'it is not an ELF file');
  if (bytes[5] !== 1) throw cannot(what, 'it is not little-endian');
  return bytes[4] === 2 ? bytes.readBigUInt64LE(24) : BigInt(bytes.readUInt32LE(24));
}
