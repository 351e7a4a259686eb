// The part of an image that comes only from packages, as a separate file system in the cache. After a change
// of a component, an image is a copy of it with a few more files. Every image is created from it, also the
// first one, so that the bytes of an image do not depend on the cache.
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { markUsed } from '../cache/derived.ts';
import { contentSize, fileTree } from '../image/file-tree.ts';
import type { Entry, FileTree } from '../image/file-tree.ts';
import { digestBytes, digestRecord } from '../core/digest.ts';
import type { Json } from '../core/digest.ts';
import { itemOf } from '../core/errors.ts';
import type { Context } from '../core/events.ts';
import { remembered } from '../core/remembered.ts';
import { isText } from '../core/stored-values.ts';
import type { Ext4Base } from '../image/ext4/ext4.ts';
import { assemble } from '../image/image.ts';
import type { ImageLayout } from '../image/image.ts';
import { describedExtras } from '../image/xattrs.ts';

/** Raised if the bytes for the same entries change. */
const version = 2;

/**
 * Returns the file system for a layout whose only partition is an ext4 without a partition table. `below`:
 * entries of packages. Those that the layout replaces by other files are left out. Folders are kept, whatever
 * their attributes.
 */
export async function rootBaseImage(
  layout: ImageLayout,
  below: ReadonlyMap<string, Entry>,
  { cacheDir, path }: { readonly cacheDir: string; readonly path: string },
  context: Context,
): Promise<Ext4Base | undefined> {
  const [partition] = layout.partitions;
  if (layout.table !== 'none' || partition?.contents.kind !== 'ext4') return undefined;
  const { tree, label } = partition.contents;
  const kept = [...below].filter(([name, entry]) => {
    const there = tree.entries.get(name);
    return there === entry || (entry.kind === 'directory' && there?.kind === 'directory');
  });
  const lower = fileTree(kept);
  const image = join(
    cacheDir,
    'roots',
    `${digestRecord([version, layout.sizeBytes, layout.timestampSec, label, described(lower)]).slice(0, 16)}.img`,
  );
  const uuid = await remembered<string>(
    cacheDir,
    'root',
    { image },
    async () => {
      const partitions = [{ ...partition, contents: { kind: 'ext4' as const, label, tree: lower } }];
      const own = `${image}.${process.pid}`; // two builds may create it at the same time
      const made = await assemble({ ...layout, partitions }, own, { path }, context);
      await rename(own, image);
      return { value: itemOf(made.partitions, 0).fileSystemId, witnesses: [image] };
    },
    isText,
  );
  await markUsed(image);
  return { path: image, uuid, entries: lower.entries };
}

/** Files of the cache are identified by their paths, because folders there are named after their content. */
function described({ entries }: FileTree): Json {
  return [...entries].map(([path, entry]) => {
    const what = entry.kind === 'file' ? contentOf(entry) : entry.kind === 'symlink' ? entry.target : null;
    return [path, entry.kind, entry.mode, entry.uid, entry.gid, what, ...describedExtras(entry)];
  });
}

function contentOf({ content }: Extract<Entry, { kind: 'file' }>): Json {
  return content.kind === 'bytes' ? digestBytes(content.bytes) : [content.kind === 'host' ? content.path : '', contentSize(content)];
}
