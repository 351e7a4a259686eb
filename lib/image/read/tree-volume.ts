// A format whose whole tree is read at once, as a volume: initfs, and archives of an initramfs.
import { readFile } from 'node:fs/promises';
import { byCodeUnit } from '../../core/digest.ts';
import { cannotBecause, Failure } from '../../core/errors.ts';
import { contentBytes, contentSize } from '../content.ts';
import { readCpio } from '../cpio.ts';
import type { Entry, FileTree } from '../file-tree.ts';
import { readInitfs } from '../initfs/reader.ts';
import type { Volume, VolumeEntry } from './volume.ts';

/** `path` is a file that is an initfs from its first byte on. */
export function initfsVolume(path: string): Volume {
  return treeVolume(path, '(initfs)', (bytes) => readInitfs(bytes).tree);
}

/** `path` is a cpio archive, plain or in gzip. */
export function cpioVolume(path: string): Volume {
  return treeVolume(path, '(initramfs)', readCpio);
}

interface ReadTree extends FileTree {
  /** Devices, pipes and sockets. */
  readonly special?: ReadonlyMap<string, VolumeEntry>;
}

/** `name`: what findings about the whole are of. */
function treeVolume(path: string, name: string, parse: (bytes: Uint8Array) => ReadTree): Volume {
  let read: Promise<ReadTree> | undefined;
  const bytes = (): Promise<Uint8Array> =>
    readFile(path).catch((error: unknown) => {
      throw cannotBecause(`read "${path}"`, error);
    });
  const open = (): Promise<ReadTree> => (read ??= bytes().then(parse));
  const entryAt = async (inside: string): Promise<Entry | undefined> => (await open()).entries.get(inside);
  return {
    async *entries() {
      const { entries, special = new Map<string, VolumeEntry>() } = await open();
      const shown = [...[...entries].map(([inside, entry]) => volumeEntry(inside, entry)), ...special.values()];
      yield* shown.sort((a, b) => byCodeUnit(a.path, b.path));
    },
    async find(inside) {
      const entry = await entryAt(inside);
      return entry ? volumeEntry(inside, entry) : (await open()).special?.get(inside);
    },
    async *pieces(inside) {
      const entry = await entryAt(inside);
      if (entry?.kind === 'file') yield { atBytes: 0, bytes: contentBytes(entry.content) };
    },
    async verify() {
      try {
        const { entries, special } = await open();
        return { findings: [], paths: entries.size + (special?.size ?? 0) };
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
        return { findings: [{ path: name, why: error.message }], paths: 0 };
      }
    },
    async close() {},
  };
}

function volumeEntry(path: string, entry: Entry): VolumeEntry {
  const { kind, mode, uid, gid } = entry;
  const sizeBytes = entry.kind === 'file' ? contentSize(entry.content) : 0;
  return { path, kind, mode, uid, gid, sizeBytes, ...(entry.kind === 'symlink' ? { target: entry.target } : {}) };
}
