// What an ext4 cannot hold, and what debugfs cannot write into one.
import { Buffer } from 'node:buffer';
import { cannot } from '../core/errors.ts';
import { nameOf } from './file-tree.ts';
import type { FileTree } from './file-tree.ts';

/** Bytes. A target is in one block, with a zero at its end. */
const longest = { label: 16, name: 255, target: 4095 } as const;
/** The directory that mke2fs makes. */
export const lostAndFound = 'lost+found';

/** Throws a Failure that names the path or the label that an ext4 cannot have. */
export function refuseForExt4(tree: FileTree, label: string): void {
  const labelBytes = Buffer.byteLength(label);
  if (labelBytes > longest.label || /[\0\n]/.test(label)) {
    const why = `its label has ${labelBytes} bytes, and an ext4 takes ${longest.label} on one line`;
    throw cannot(`make the ext4 "${label}"`, why, { hint: "change the partition's label on the page" });
  }
  for (const [path, entry] of tree.entries) {
    const what = `write ${JSON.stringify(path)} into an ext4`;
    const nameBytes = Buffer.byteLength(nameOf(path));
    if (nameBytes > longest.name) throw cannot(what, `its name has ${nameBytes} bytes, and an ext4 takes ${longest.name}`);
    if (/[\n\r]/.test(path)) throw cannot(what, 'debugfs takes no line ends in names');
    if (path === lostAndFound && entry.kind !== 'directory') throw cannot(what, 'an ext4 has a directory of that name');
    if (entry.kind !== 'symlink') continue;
    const targetBytes = Buffer.byteLength(entry.target);
    if (targetBytes > longest.target) throw cannot(what, `its target has ${targetBytes} bytes, and an ext4 takes ${longest.target}`);
    if (/[\n\r]/.test(entry.target)) throw cannot(what, 'debugfs takes no line ends in targets of links');
  }
}
