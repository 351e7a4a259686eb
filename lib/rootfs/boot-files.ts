// Creates files that firmware and boot loaders start, with programs of the host: GRUB for UEFI, and a FAT
// file system as a file.
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { digestRecord } from '../core/digest.ts';
import type { Context } from '../core/events.ts';
import { writeFat } from '../image/fat/fat.ts';
import type { FileTree } from '../image/file-tree.ts';
import { ran } from '../image/image-tools.ts';
import type { ImageHost } from '../image/image-tools.ts';
import type { GrubFacts } from '../system/image-facts.ts';

/** The folder from which grub-mkimage takes modules. */
const moduleFolder = '/usr/lib/grub/x86_64-efi';

export interface FileMaker {
  readonly host: ImageHost;
  /** Folder for temporary files. */
  readonly scratchDir: string;
  readonly context: Context;
}

/** Returns GRUB as a UEFI program. The same facts and the same GRUB give the same bytes. */
export async function grubFile(
  { modules, optionalModules = [], config }: GrubFacts,
  timestampSec: number,
  maker: FileMaker,
): Promise<Buffer> {
  const more = optionalModules.filter((name) => existsSync(join(moduleFolder, `${name}.mod`)));
  return await withScratch(maker, async (folder) => {
    const [start, out] = [join(folder, 'start.cfg'), join(folder, 'grub.efi')];
    await writeFile(start, config);
    const words = ['--format=x86_64-efi', '--prefix=/boot/grub', `--config=${start}`, `--output=${out}`, ...modules, ...more] as const;
    await ran({ what: 'make GRUB', argv: ['grub-mkimage', ...words], timestampSec }, maker.host, maker.context);
    return await readFile(out);
  });
}

/** Returns a FAT file system with the files of a tree. */
export async function fatFile(
  tree: FileTree,
  { sizeBytes, label, timestampSec }: { readonly sizeBytes: number; readonly label: string; readonly timestampSec: number },
  maker: FileMaker,
): Promise<Buffer> {
  return await withScratch(maker, async (folder) => {
    const image = join(folder, 'fat');
    await writeFile(image, Buffer.alloc(sizeBytes));
    const volumeId = digestRecord(['volume of a FAT', label, sizeBytes]).slice(0, 8);
    const options = { offsetBytes: 0, sizeBytes, label, volumeId, timestampSec };
    await writeFat(tree, image, options, maker.host, maker.context);
    return await readFile(image);
  });
}

async function withScratch<T>({ scratchDir }: FileMaker, work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(scratchDir, 'bloomery-boot-files-'));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
