// Reads an initfs of either generation (facts: initfs, section 2 and 1.13). Trusts nothing: every offset is checked before it is followed.
import { Buffer } from 'node:buffer';
import { decodeName } from '../../core/paths.ts';
import { cannot } from '../../core/errors.ts';
import { badName, fileTree, joinPath } from '../file-tree.ts';
import type { Entry, FileTree } from '../file-tree.ts';
import { decodeInitfsHeader, decodeInode, dirEntryBytes, generationOf, inodeBytes, noBootstrap, pageBytes } from './format.ts';
import type { InitfsGeneration, Inode } from './format.ts';

export interface Initfs {
  readonly generation: InitfsGeneration;
  readonly createdSec: number;
  /** undefined when it has no bootstrap program. */
  readonly bootstrapEntry: bigint | undefined;
  /** Bytes between the header page and the inode table: the bootstrap program, padded to whole pages. */
  readonly bootstrap: Uint8Array;
  readonly tree: FileTree;
}

/** Reads all of it; contents are views of `image`. A damaged one is a Failure that names the path. */
export function readInitfs(image: Uint8Array): Initfs {
  const bytes = Buffer.from(image.buffer, image.byteOffset, image.byteLength);
  const header = decodeInitfsHeader(bytes);
  if (!header) throw cannot('read the initfs', 'it does not begin with an initfs header');
  const { sizeBytes } = header;
  if (sizeBytes > bytes.length) throw cannot('read the initfs', `it says that it has ${sizeBytes} bytes, and there are ${bytes.length}`);
  const within = (path: string, offset: number, length: number): Buffer => {
    const end = offset + length;
    if (end > sizeBytes) throw cannot(`read "${path}"`, `it leads to bytes ${offset} to ${end}, beyond the end of the initfs`);
    return bytes.subarray(offset, end);
  };

  const generation = header.inodeCount === 0 ? undefined : generationOf(within('', header.inodeTableOffset, inodeBytes.newer));
  if (!generation) throw cannot('read the initfs', 'its first inode is not a directory');
  const table = within('', header.inodeTableOffset, header.inodeCount * inodeBytes[generation]);
  const inode = (path: string, number: number): Inode => {
    const at = number * inodeBytes[generation];
    const found = number < header.inodeCount ? decodeInode(table.subarray(at, at + inodeBytes[generation]), generation) : undefined;
    if (!found) throw cannot(`read "${path}"`, `inode ${number} does not exist or has an unknown type`);
    return found;
  };

  const entries: [string, Entry][] = [];
  const seen = new Set<number>();
  const visit = (path: string, number: number): void => {
    const { kind, mode, uid, gid, offset, length } = inode(path, number);
    const content = within(path, offset, length);
    if (seen.has(number)) throw cannot(`read "${path}"`, `inode ${number} is there twice`);
    seen.add(number);
    if (kind === 'file') entries.push([path, { kind, mode, uid, gid, content: { kind: 'bytes', bytes: content } }]);
    if (kind === 'symlink') entries.push([path, { kind, mode, uid, gid, target: decodeName(content) }]);
    if (kind !== 'directory') return;
    if (length % dirEntryBytes !== 0) throw cannot(`read "${path}"`, `a directory of ${length} bytes has no whole number of entries`);
    entries.push([path, { kind, mode, uid, gid }]);
    for (let at = 0; at < length; at += dirEntryBytes) {
      const name = decodeName(within(path, content.readUInt32LE(at + 4), content.readUInt16LE(at + 2)));
      const why = badName(name);
      if (why) throw cannot(`read "${path}"`, why);
      visit(joinPath(path, name), content.readUInt16LE(at));
    }
  };
  visit('', 0);
  return {
    generation,
    createdSec: header.createdSec,
    bootstrapEntry: header.bootstrapEntry === noBootstrap ? undefined : header.bootstrapEntry,
    bootstrap: within('', pageBytes, Math.max(0, header.inodeTableOffset - pageBytes)),
    tree: fileTree(entries, true),
  };
}
