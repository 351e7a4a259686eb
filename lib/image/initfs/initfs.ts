// Writes the initfs that Redox's kernel is handed at boot (facts: initfs, section 2 and 1.13), laid out as
// upstream's archiver does: header page, bootstrap program, inode table, then depth first each directory's
// entries, its children, and their names.
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
 * The bytes of an initfs. `bootstrapElf` goes to offset 4096 and its entry point into the header. Link
 * targets are kept as they are given.
 */
export function writeInitfs(tree: FileTree, bootstrapElf: Uint8Array | undefined, options: InitfsOptions): Uint8Array {
  refuseXattrs(tree, 'an initfs');
  if (tree.entries.size > mostInodes)
    throw cannot('write an initfs', `it has ${tree.entries.size} files, and the format allows ${mostInodes}`);
  const { generation } = options;
  const names = namesByDirectory(tree);
  const parts: { readonly offset: number; readonly bytes: Uint8Array }[] = [];
  let nextOffset = pageBytes;
  let end = pageBytes;

  const reserve = (length: number): number => {
    const offset = nextOffset;
    nextOffset += roundUp(length, pageBytes);
    if (nextOffset > 0xffff_ffff) throw cannot('write an initfs', 'it would be larger than 4 GiB');
    return offset;
  };
  const put = (offset: number, bytes: Uint8Array): void => {
    parts.push({ offset, bytes });
    end = Math.max(end, offset + bytes.length);
  };
  const append = (bytes: Uint8Array): { readonly offset: number; readonly length: number } => {
    const offset = reserve(bytes.length);
    put(offset, bytes);
    return { offset, length: bytes.length };
  };

  if (bootstrapElf) append(bootstrapElf);
  const inodeTableOffset = reserve(tree.entries.size * inodeBytes[generation]);
  let nextInode = 1;

  const putInode = (number: number, { kind, mode, uid, gid }: Entry, place: { readonly offset: number; readonly length: number }): void => {
    put(inodeTableOffset + number * inodeBytes[generation], encodeInode({ kind, mode, uid, gid, ...place }, generation));
  };
  /**
   * Reserves the entry table, writes all children, then the table; a directory has its number after its
   * children.
   */
  const writeDirectory = (path: string): { readonly offset: number; readonly length: number } => {
    const children = names.get(path) ?? [];
    const table = Buffer.alloc(children.length * dirEntryBytes);
    const offset = reserve(table.length);
    for (const [i, name] of children.entries()) {
      const number = writeChild(joinPath(path, name));
      const nameBytes = Buffer.from(name);
      table.writeUInt16LE(number, i * dirEntryBytes);
      table.writeUInt16LE(nameBytes.length, i * dirEntryBytes + 2);
      table.writeUInt32LE(append(nameBytes).offset, i * dirEntryBytes + 4);
    }
    put(offset, table);
    return { offset, length: table.length };
  };
  const writeChild = (path: string): number => {
    const entry = tree.entries.get(path);
    if (!entry) throw new Error(`"${path}" is not in the tree it came from`);
    const place =
      entry.kind === 'directory'
        ? writeDirectory(path)
        : append(entry.kind === 'file' ? contentBytes(entry.content) : Buffer.from(entry.target));
    const number = nextInode++;
    putInode(number, entry, place);
    return number;
  };

  const root = tree.entries.get('');
  if (root) putInode(0, root, writeDirectory(''));
  const bootstrapEntry = bootstrapElf ? elfEntry(bootstrapElf) : noBootstrap;
  put(
    0,
    encodeInitfsHeader({
      inodeTableOffset,
      createdSec: options.timestampSec,
      inodeCount: tree.entries.size,
      bootstrapEntry,
      sizeBytes: end,
    }),
  );

  const image = Buffer.alloc(end);
  for (const { offset, bytes } of parts) image.set(bytes, offset);
  return image;
}

/** e_entry of an ELF file, little-endian, of 32 or 64 bits. */
function elfEntry(elf: Uint8Array): bigint {
  const bytes = Buffer.from(elf.buffer, elf.byteOffset, elf.byteLength);
  const what = 'use the bootstrap program of an initfs';
  if (bytes.length < 64 || bytes.readUInt32BE(0) !== 0x7f454c46) throw cannot(what, 'it is not an ELF file');
  if (bytes[5] !== 1) throw cannot(what, 'it is not little-endian');
  return bytes[4] === 2 ? bytes.readBigUInt64LE(24) : BigInt(bytes.readUInt32LE(24));
}
