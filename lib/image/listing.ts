// How the entries of an image are shown to a person: one line each, like ls.
import type { Json } from '../core/digest.ts';
import { imagePathOf } from './image-reader.ts';
import type { ImageVolume } from './image-reader.ts';
import type { VolumeEntry } from './volume.ts';

/** A line of a listing: `-rwxr-xr-x 0:0 1234 root/usr/bin/x`, with the target of a link behind. */
export function listingLine(volume: ImageVolume, entry: VolumeEntry, sizeColumns: number): string {
  const target = entry.target === undefined ? '' : ` -> ${entry.target}`;
  const owner = `${entry.uid}:${entry.gid}`.padStart(9);
  return `${modeText(entry)} ${owner} ${String(entry.sizeBytes).padStart(sizeColumns)} ${imagePathOf(volume, entry.path)}${target}`;
}

/** As ls shows it: the kind, three times rwx, with s and t for the set-id and sticky bits. */
export function modeText({ kind, mode }: Pick<VolumeEntry, 'kind' | 'mode'>): string {
  const letter = { directory: 'd', file: '-', symlink: 'l', other: '?' }[kind];
  const special = [
    [0o4000, 'sS'],
    [0o2000, 'sS'],
    [0o1000, 'tT'],
  ] as const;
  const triples = special.map(([bit, letters], i) => {
    const bits = (mode >> (6 - 3 * i)) & 7;
    const execute = (bits & 1) !== 0;
    const last = (mode & bit) !== 0 ? letters[execute ? 0 : 1] : execute ? 'x' : '-';
    return `${(bits & 4) !== 0 ? 'r' : '-'}${(bits & 2) !== 0 ? 'w' : '-'}${last}`;
  });
  return `${letter}${triples.join('')}`;
}

/** The same for --json. */
export function listingRecord(volume: ImageVolume, { path, kind, mode, uid, gid, sizeBytes, target }: VolumeEntry): Json {
  const record = { path: imagePathOf(volume, path), kind, mode: mode.toString(8).padStart(4, '0'), uid, gid, bytes: sizeBytes };
  return target === undefined ? record : { ...record, target };
}
