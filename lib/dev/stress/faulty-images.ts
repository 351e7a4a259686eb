// Images of a locally built system, smaller than the real one, each with one fault: their description as
// data, and how they are created.
import { open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Step } from '../../console/dialogue.ts';
import type { FailureKind } from '../../console/rules.ts';
import { present } from '../../core/errors.ts';
import type { Context } from '../../core/events.ts';
import { MiB } from '../../core/sizes.ts';
import { assemble } from '../../image/image.ts';
import { openRedoxfs } from '../../image/redoxfs/reader.ts';
import { layoutOf } from '../../rootfs/image-layout.ts';
import type { FileFacts } from '../../system/image-facts.ts';
import { imageOf } from '../../system/system.ts';
import type { System } from '../../system/system.ts';

export interface BootFault {
  readonly name: string;
  /** Files that replace those of the named partition. Undefined removes a file. */
  readonly files?: Readonly<Record<string, Readonly<Record<string, FileFacts[string] | undefined>>>> | undefined;
  /**
   * The bytes that are overwritten: the whole disk, the start of the RedoxFS partition, or the first block of
   * a file in it.
   */
  readonly damage?: 'disk' | 'root' | { readonly file: string };
  readonly steps?: readonly Step[];
  readonly verdict: 'failed' | 'stalled' | 'exited-early';
  readonly failure?: FailureKind;
  /** The pattern of the line that decides the verdict. */
  readonly line?: RegExp;
}

export interface FaultyImages {
  /** Creates an image with that fault at `path`. */
  make(fault: Pick<BootFault, 'files' | 'damage'>, path: string): Promise<void>;
}

/** Returns the generator of images. `made` is the folder with the components' outputs of `tasks/build.ts --out`. */
export function faultyImages(system: System, made: string, path: string, context: Context): FaultyImages {
  return {
    async make(fault, image) {
      if (fault.damage === 'disk') return await writeFile(image, Buffer.alloc(16 * MiB));
      const partitions = imageOf(system, 'default').partitions.map((partition) => {
        const files = changed(partition.files, fault.files?.[partition.name] ?? {});
        return partition.fileSystem.kind === 'fat' ? { ...partition, sizeBytes: 34 * MiB, files } : { ...partition, files };
      });
      const layout = await layoutOf(
        { ...imageOf(system, 'default'), sizeBytes: 64 * MiB, partitions },
        { made: (output) => join(made, output) },
      );
      const { partitions: places } = await assemble(layout, image, { path }, context);
      const root =
        512 *
        present(
          places.find(({ fileSystem }) => fileSystem === 'redoxfs'),
          'a partition with RedoxFS',
        ).startLba;
      if (fault.damage === 'root') await damageAt(image, root, Buffer.alloc(2 * MiB));
      else if (fault.damage) await damageAt(image, root + 4096 * firstBlock(image, root, fault.damage.file) + 100, Buffer.from('damage'));
    },
  };
}

function changed(files: FileFacts, change: Readonly<Record<string, FileFacts[string] | undefined>>): FileFacts {
  const rows = Object.entries({ ...files, ...change });
  return Object.fromEntries(rows.filter((row): row is [string, FileFacts[string]] => row[1] !== undefined));
}

/** Returns the number of the first block of a file's content. */
function firstBlock(path: string, rootBytes: number, name: string): number {
  const fs = openRedoxfs(path, rootBytes);
  try {
    const found = fs.find(name);
    const record = found && [...fs.records(found.node, name)][0];
    if (!record) throw new Error(`"${name}" has no block`);
    return record.pointer.index;
  } finally {
    fs.close();
  }
}

async function damageAt(path: string, at: number, bytes: Uint8Array): Promise<void> {
  const handle = await open(path, 'r+');
  try {
    await handle.write(bytes, 0, bytes.length, at);
  } finally {
    await handle.close();
  }
}
