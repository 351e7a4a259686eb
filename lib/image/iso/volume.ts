// An ISO 9660 image as a volume.
import { Failure } from '../../core/errors.ts';
import { isoPieces, readIso } from './reader.ts';
import type { IsoEntry } from './reader.ts';
import type { Volume, VolumeEntry } from '../read/volume.ts';

/** `path` is an image that is an ISO 9660 file system from its first byte on. */
export function isoVolume(path: string): Volume {
  let read: ReadonlyMap<string, IsoEntry> | undefined;
  const open = (): ReadonlyMap<string, IsoEntry> => (read ??= readIso(path));
  const shown = ({ extents: _, ...entry }: IsoEntry): VolumeEntry => entry;
  return {
    async *entries() {
      for (const entry of open().values()) yield shown(entry);
    },
    async find(inside) {
      const entry = open().get(inside);
      return entry && shown(entry);
    },
    async *pieces(inside) {
      const entry = open().get(inside);
      if (entry) yield* isoPieces(path, entry);
    },
    async verify() {
      try {
        let paths = 0;
        for (const entry of open().values()) {
          for (const _ of isoPieces(path, entry)); // the format has no digests: what can be wrong is that it is not there
          paths++;
        }
        return { findings: [], paths };
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
        return { findings: [{ path: '(iso)', why: error.message }], paths: 0 };
      }
    },
    async close() {},
  };
}
