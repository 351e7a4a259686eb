// Opens an image for reading, whatever it is: a GPT with any number of partitions, a bare RedoxFS, FAT or ext4, or an initfs. Gives its
// volumes names, and resolves paths that a person writes to a volume and a path in it.
import { Buffer } from 'node:buffer';
import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { encodePath, mayHaveLostBytes } from '../../core/paths.ts';
import { cannot, cannotBecause, nearest } from '../../core/errors.ts';
import type { Context } from '../../core/events.ts';
import { gzipMagic, newcMagic } from '../cpio.ts';
import { ext4Magic } from '../ext4/superblock.ts';
import { ext4Volume } from '../ext4/volume.ts';
import { fatVolume } from '../fat/volume.ts';
import { badName } from '../file-tree.ts';
import { readGpt } from '../gpt.ts';
import type { Gpt } from '../partitions.ts';
import type { ImageHost } from '../image-tools.ts';
import { initfsMagic } from '../initfs/format.ts';
import { isoMagic } from '../iso/reader.ts';
import { isoVolume } from '../iso/volume.ts';
import { sectorBytes } from '../partitions.ts';
import { blockBytes, headerRingBlocks } from '../redoxfs/pointer.ts';
import { isEncrypted } from '../redoxfs/reader.ts';
import { redoxfsVolume } from '../redoxfs/volume.ts';
import { cpioVolume, initfsVolume } from './tree-volume.ts';
import type { Volume, VolumeEntry } from './volume.ts';

export interface ImageVolume {
  /** The partition's name where it can be one, else 'partition-N'; '' when the image is the volume. */
  readonly name: string;
  readonly kind: 'redoxfs' | 'fat' | 'ext4' | 'initfs' | 'cpio' | 'iso' | 'unknown';
  readonly offsetBytes: number;
  readonly sizeBytes: number;
  /** Of a RedoxFS that is encrypted, if it was given. */
  readonly password?: string | undefined;
  /** undefined when its kind is unknown. */
  readonly volume: Volume | undefined;
}

export interface OpenImage {
  readonly path: string;
  readonly sizeBytes: number;
  /** undefined when it has no partition table. */
  readonly gpt: Gpt | undefined;
  readonly volumes: readonly ImageVolume[];
  close(): Promise<void>;
}

/** Says the password of an encrypted file system. It is asked once for an image, and only if something in it is encrypted. */
export type PasswordSource = () => Promise<string | undefined>;

/** Looks at the table and at the first bytes of each partition; `close` it. `scratchDir` is for files that other programs need. */
export async function openImage(
  path: string,
  scratchDir: string,
  host: ImageHost,
  context: Context,
  passwordSource?: PasswordSource,
): Promise<OpenImage> {
  let sizeBytes: number;
  try {
    const status = statSync(path);
    if (!status.isFile()) throw cannot(`read "${path}"`, 'it is not a file');
    sizeBytes = status.size;
    closeSync(openSync(path, 'r'));
  } catch (error) {
    throw cannotBecause(`read "${path}"`, error);
  }
  const bare = kindAt(path, 0);
  // A FAT begins with what may pass for a partition table.
  const gpt = bare === 'unknown' ? await readGpt(path, host, context) : undefined;
  if (bare === 'unknown' && !gpt) {
    throw cannot(`read "${path}"`, 'it is neither a GPT image nor a RedoxFS, a FAT, an ext4, an ISO, an initfs or an initramfs', {
      hint: 'build.ts makes images that can be read',
    });
  }
  const whole = [{ name: '', offsetBytes: 0, sizeBytes }];
  const places =
    gpt?.partitions.map(({ startLba, sectors }, i) => ({
      name: volumeName(gpt, i),
      offsetBytes: startLba * sectorBytes,
      sizeBytes: sectors * sectorBytes,
    })) ?? whole;
  // A damaged table may place a partition anywhere.
  const kinds = places.map(({ offsetBytes }) => (!gpt ? bare : offsetBytes < sizeBytes ? kindAt(path, offsetBytes) : 'unknown'));
  const encrypted = places.some(({ offsetBytes }, i) => kinds[i] === 'redoxfs' && isEncrypted(path, offsetBytes));
  const password = encrypted ? await passwordSource?.() : undefined;
  const volumes = places.map((place, i): ImageVolume => {
    const kind = kinds[i] ?? 'unknown';
    const volume = volumeOf(kind, { ...place, imagePath: path, scratchDir, whole: !gpt, password }, host, context);
    return { ...place, kind, volume, ...(kind === 'redoxfs' && { password }) };
  });
  return {
    path,
    sizeBytes,
    gpt,
    volumes,
    close: async () => {
      for (const { volume } of volumes) await volume?.close();
    },
  };
}

interface VolumePlace {
  readonly imagePath: string;
  readonly offsetBytes: number;
  readonly sizeBytes: number;
  readonly scratchDir: string;
  /** Whether the image has no table. */
  readonly whole: boolean;
  readonly password: string | undefined;
}

/** Returns the volume at a place; undefined for a kind that cannot be read there. */
function volumeOf(kind: ImageVolume['kind'], place: VolumePlace, host: ImageHost, context: Context): Volume | undefined {
  const { imagePath, offsetBytes, whole, password } = place;
  switch (kind) {
    case 'redoxfs':
      return redoxfsVolume(imagePath, offsetBytes, context, password);
    case 'fat':
      return fatVolume(place, host, context);
    case 'ext4':
      return ext4Volume(place, host, context);
    case 'initfs':
      return whole ? initfsVolume(imagePath) : undefined;
    case 'cpio':
      return whole ? cpioVolume(imagePath) : undefined;
    case 'iso':
      return whole ? isoVolume(imagePath) : undefined;
    default:
      return undefined;
  }
}

/** Where a path leads that a person wrote. */
export interface FoundEntry {
  readonly in: ImageVolume;
  readonly volume: Volume;
  readonly entry: VolumeEntry;
}

/**
 * `PARTITION/PATH`, or only `PATH` where no more than one volume has it. `only` names the partition instead, and the path is then one
 * inside it. A path that is nowhere, or in two places, is a Failure.
 */
export async function findInImage(image: OpenImage, written: string, only?: string): Promise<FoundEntry> {
  const path = written.replace(/^\/+|\/+$/g, '').replace(/\/{2,}/g, '/');
  const [first = '', ...rest] = path.split('/');
  const named = chosenVolumes(image, only);
  const prefixed = only === undefined ? named.filter(({ name }) => name !== '' && name === first) : [];
  const candidates = prefixed.map((volume) => [volume, rest.join('/')] as const);
  for (const tries of [candidates, named.map((volume) => [volume, path] as const)]) {
    const found: FoundEntry[] = [];
    for (const [volume, inside] of tries) {
      const entry = volume.volume && (await entryAt(volume.volume, inside));
      if (entry && volume.volume) found.push({ in: volume, volume: volume.volume, entry });
    }
    if (found.length > 1) {
      const paths = found.map((each) => `"${imagePathOf(each.in, each.entry.path)}"`);
      throw cannot(`choose "${written}"`, `${paths.join(' and ')} are both there`, { blame: 'usage' });
    }
    if (found[0]) return found[0];
  }
  throw cannot(`find "${written}" in "${image.path}"`, 'it is not there', { hint: 'npx zx tasks/image.ts ls IMAGE lists what is' });
}

/** On a command line, a byte that is no UTF-8 has become U+FFFD. Such a path means the only one that would become the same. */
async function entryAt(volume: Volume, path: string): Promise<VolumeEntry | undefined> {
  const exact = await volume.find(path);
  if (exact || !mayHaveLostBytes(path)) return exact;
  const alike: VolumeEntry[] = [];
  for await (const entry of volume.entries()) if (Buffer.from(encodePath(entry.path)).toString() === path) alike.push(entry);
  if (alike.length > 1) throw cannot(`choose "${path}"`, `it stands for ${alike.length} names that are no UTF-8`, { blame: 'usage' });
  return alike[0];
}

/** The volume of that name, or all that can be read. */
export function chosenVolumes({ volumes, path }: OpenImage, only: string | undefined): readonly ImageVolume[] {
  if (only === undefined) return volumes.filter(({ volume }) => volume !== undefined);
  const chosen = volumes.filter(({ name }) => name === only);
  if (chosen.length > 0) return chosen;
  const names = volumes.map(({ name }) => name);
  const near = nearest(only, names);
  const why = names.join('') === '' ? 'it has none' : `its partitions are ${names.join(', ')}`;
  throw cannot(`find partition "${only}" in "${path}"`, why, { blame: 'usage', hint: near ? `did you mean ${near}?` : undefined });
}

/** How a path is written for people: with the partition in front. */
export function imagePathOf({ name }: ImageVolume, path: string): string {
  if (name === '') return path === '' ? '/' : path;
  return path === '' ? name : `${name}/${path}`;
}

function volumeName({ partitions }: Gpt, i: number): string {
  const name = partitions[i]?.name ?? '';
  const unique = partitions.filter((other) => other.name === name).length === 1;
  return badName(name) === undefined && name.isWellFormed() && unique && !/^partition-\d+$/.test(name) ? name : `partition-${i + 1}`;
}

/** By the first bytes; of a RedoxFS any slot of its ring will do, for the first may be damaged. */
function kindAt(path: string, offsetBytes: number): ImageVolume['kind'] {
  const ring = Buffer.alloc(headerRingBlocks * blockBytes);
  const fd = openSync(path, 'r');
  try {
    readSync(fd, ring, 0, ring.length, offsetBytes);
  } finally {
    closeSync(fd);
  }
  if (ring.subarray(0, initfsMagic.length).equals(initfsMagic)) return 'initfs';
  if (ring.toString('latin1', 0, newcMagic.length) === newcMagic || ring.subarray(0, gzipMagic.length).equals(gzipMagic)) return 'cpio';
  for (let at = 0; at < ring.length; at += blockBytes) if (ring.toString('latin1', at, at + 8) === 'RedoxFS\0') return 'redoxfs';
  if (ring.toString('latin1', isoMagic.atBytes, isoMagic.atBytes + isoMagic.text.length) === isoMagic.text) return 'iso';
  const fat = ring.readUInt16LE(510) === 0xaa55 && (ring.toString('latin1', 54, 57) === 'FAT' || ring.toString('latin1', 82, 85) === 'FAT');
  if (fat) return 'fat';
  return ring.readUInt16LE(ext4Magic.atBytes) === ext4Magic.value ? 'ext4' : 'unknown';
}
