// Limits of ext4, and of debugfs when it writes into one.
import { Buffer } from 'node:buffer';
import { cannot } from '../../core/errors.ts';
import { linkedNames, nameOf } from '../file-tree.ts';
import type { FileTree } from '../file-tree.ts';
import type { Xattrs } from '../xattrs.ts';

/** In bytes. A target is in one block, followed by a zero. */
const longest = { label: 16, name: 255, target: 4095 } as const;
/** Greatest number of names of one file. */
const mostLinks = 65_000;
/**
 * Bytes of extended attributes in a block of 4 KiB. The block has a header of 32 bytes, and its list of
 * entries ends with 4 bytes of zeros. An entry is 16 bytes and the name; entries and values begin at
 * multiples of 4. Source: Linux, Documentation/filesystems/ext4/attributes.rst.
 */
const xattrBlock = { bytes: 4096 - 32 - 4, entryBytes: 16 } as const;
/** The directory that mke2fs creates. */
export const lostAndFound = 'lost+found';

/** Throws a Failure that names the path or the label that ext4 does not support. */
export function refuseForExt4(tree: FileTree, label: string): void {
  const labelBytes = Buffer.byteLength(label);
  if (labelBytes > longest.label || /[\0\n]/.test(label)) {
    const why = `its label has ${labelBytes} bytes, and the limit of ext4 is ${longest.label} on one line`;
    throw cannot(`make the ext4 "${label}"`, why, { hint: "change the partition's label on the page" });
  }
  for (const { first, others } of linkedNames(tree.entries)) {
    const what = `write ${JSON.stringify(first)} into an ext4`;
    if (others.length >= mostLinks) throw cannot(what, `it has ${others.length + 1} names, and a file in an ext4 has at most ${mostLinks}`);
  }
  for (const [path, entry] of tree.entries) {
    const what = `write ${JSON.stringify(path)} into an ext4`;
    const needed = xattrBytes(entry.xattrs ?? new Map());
    if (needed > xattrBlock.bytes) {
      throw cannot(what, `its extended attributes need ${needed} bytes, and an ext4 has a block with ${xattrBlock.bytes} for them`);
    }
    const nameBytes = Buffer.byteLength(nameOf(path));
    if (nameBytes > longest.name) throw cannot(what, `its name has ${nameBytes} bytes, and the limit of ext4 is ${longest.name}`);
    if (/[\n\r]/.test(path)) throw cannot(what, 'debugfs does not support line ends in names');
    if (path === lostAndFound && entry.kind !== 'directory') throw cannot(what, 'an ext4 has a directory of that name');
    if (entry.kind !== 'symlink') continue;
    const targetBytes = Buffer.byteLength(entry.target);
    if (targetBytes > longest.target) throw cannot(what, `its target has ${targetBytes} bytes, and the limit of ext4 is ${longest.target}`);
    if (/[\n\r]/.test(entry.target)) throw cannot(what, 'debugfs does not support line ends in targets of links');
  }
}

function xattrBytes(xattrs: Xattrs): number {
  const aligned = (bytes: number): number => Math.ceil(bytes / 4) * 4;
  return [...xattrs].reduce(
    (sum, [name, { length }]) => sum + aligned(xattrBlock.entryBytes + Buffer.byteLength(name)) + aligned(length),
    0,
  );
}
