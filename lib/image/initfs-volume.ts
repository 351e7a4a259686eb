// An initfs as a volume.
import { readFile } from 'node:fs/promises';
import { cannotBecause, Failure } from '../core/errors.ts';
import { contentBytes, contentSize } from './content.ts';
import type { Entry } from './file-tree.ts';
import { readInitfs } from './initfs-reader.ts';
import type { Initfs } from './initfs-reader.ts';
import type { Volume, VolumeEntry } from './volume.ts';

/** `path` is a file that is an initfs from its first byte on. */
export function initfsVolume(path: string): Volume {
  let read: Promise<Initfs> | undefined;
  const bytes = (): Promise<Uint8Array> =>
    readFile(path).catch((error: unknown) => {
      throw cannotBecause(`read "${path}"`, error);
    });
  const open = (): Promise<Initfs> => (read ??= bytes().then(readInitfs));
  const entryAt = async (inside: string): Promise<Entry | undefined> => (await open()).tree.entries.get(inside);
  return {
    async *entries() {
      for (const [inside, entry] of (await open()).tree.entries) yield volumeEntry(inside, entry);
    },
    async find(inside) {
      const entry = await entryAt(inside);
      return entry && volumeEntry(inside, entry);
    },
    async *pieces(inside) {
      const entry = await entryAt(inside);
      if (entry?.kind === 'file') yield { atBytes: 0, bytes: contentBytes(entry.content) };
    },
    async verify() {
      try {
        return { findings: [], paths: (await open()).tree.entries.size };
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
        return { findings: [{ path: '(initfs)', why: error.message }], paths: 0 };
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
