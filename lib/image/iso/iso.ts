// Writes ISO 9660 with Rock Ridge with xorriso, in the form that firmware starts from a CD: a FAT file system
// in it is the boot image (source: El Torito 1.0, and the UEFI Specification, "Removable Media Boot
// Behavior").
import { chmod, mkdir, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cannot } from '../../core/errors.ts';
import type { Context } from '../../core/events.ts';
import { contentBytes } from '../file-tree.ts';
import type { FileTree } from '../file-tree.ts';
import { ran } from '../image-tools.ts';
import type { ImageHost } from '../image-tools.ts';
import { refuseXattrs } from '../xattrs.ts';

export interface IsoOptions {
  /** At most 32 of A-Z, 0-9 and _. */
  readonly label: string;
  /** The path of the boot image within the tree. */
  readonly efiImage: string;
  readonly timestampSec: number;
}

/**
 * Writes the image to `outPath`. The same tree and the same xorriso give the same bytes. A boot image that is
 * not in the tree is a Failure.
 */
export async function writeIso(
  tree: FileTree,
  outPath: string,
  { label, efiImage, timestampSec }: IsoOptions,
  host: ImageHost,
  context: Context,
): Promise<void> {
  const what = `make the ISO "${label}"`;
  refuseXattrs(tree, 'an ISO');
  if (tree.entries.get(efiImage)?.kind !== 'file') throw cannot(what, `it has no file "${efiImage}" for firmware to start`);
  const folder = `${outPath}.d`;
  try {
    await rm(folder, { recursive: true, force: true }); // left by a killed run
    await stage(tree, folder, timestampSec);
    const date = isoDate(timestampSec);
    const words = [
      ...['-as', 'mkisofs', '-quiet', '-rock', '-volid', label, '-uid', '0', '-gid', '0'],
      // By default, the serial number of an image is derived from the present time.
      ...[`--modification-date=${date}`, '--set_all_file_dates', date],
      ...['-eltorito-alt-boot', '-e', efiImage, '-no-emul-boot'],
      ...['-o', outPath, folder],
    ];
    await ran({ what, argv: ['xorriso', ...words], timestampSec }, host, context);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** YYYYMMDDhhmmsscc, in UTC. */
function isoDate(timestampSec: number): string {
  return `${new Date(timestampSec * 1000).toISOString().replace(/[-T:]/g, '').slice(0, 14)}00`;
}

async function stage({ entries }: FileTree, folder: string, timestampSec: number): Promise<void> {
  for (const [path, entry] of entries) {
    const at = join(folder, path);
    if (entry.kind === 'directory') await mkdir(at, { recursive: true });
    else if (entry.kind === 'symlink') await symlink(entry.target, at);
    else {
      await writeFile(at, contentBytes(entry.content));
      await chmod(at, entry.mode & 0o777);
    }
  }
  for (const [path, entry] of [...entries].reverse()) {
    if (entry.kind !== 'symlink') await utimes(join(folder, path), timestampSec, timestampSec);
  }
}
