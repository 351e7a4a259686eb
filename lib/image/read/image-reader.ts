// Opens any image for reading: a GPT with any number of partitions, or one file system. Names its volumes,
// resolves paths that a user writes to a volume and a path in it, and verifies everything: the partition
// table with sfdisk, each volume with its own reader.
import { Buffer } from 'node:buffer';
import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { encodePath, mayHaveLostBytes } from '../../core/paths.ts';
import { cannot, cannotBecause, Failure, itemOf, nearest } from '../../core/errors.ts';
import type { Context } from '../../core/events.ts';
import { cpioVolume, gzipMagic, newcMagic } from '../cpio.ts';
import { ext4Magic } from '../ext4/format.ts';
import { ext4Volume } from '../ext4/reader.ts';
import { fatVolume } from '../fat/reader.ts';
import { badName } from '../file-tree.ts';
import { readGpt, sectorBytes } from '../gpt.ts';
import type { Gpt } from '../gpt.ts';
import { tried } from '../image-tools.ts';
import type { ImageHost, ToolCall } from '../image-tools.ts';
import { initfsMagic, initfsVolume } from '../initfs/reader.ts';
import { isoMagic, isoVolume } from '../iso/reader.ts';
import { blockBytes, headerRingBlocks } from '../redoxfs/blocks.ts';
import { isEncrypted } from '../redoxfs/reader.ts';
import { redoxfsVolume } from '../redoxfs/volume.ts';
import type { Finding, Volume, VolumeEntry } from './volume.ts';

export interface ImageVolume {
  /** The partition's name if it is valid, otherwise 'partition-N'. '' if the image is the volume. */
  readonly name: string;
  readonly kind: 'redoxfs' | 'fat' | 'ext4' | 'initfs' | 'cpio' | 'iso' | 'unknown';
  readonly offsetBytes: number;
  readonly sizeBytes: number;
  /** Password of an encrypted RedoxFS, if it was given. */
  readonly password?: string | undefined;
  /** Undefined for an unknown kind. */
  readonly volume: Volume | undefined;
}

export type PlacedVolume = ImageVolume & { readonly imagePath: string };

export interface OpenImage {
  readonly path: string;
  readonly sizeBytes: number;
  /** Undefined if it has no partition table. */
  readonly gpt: Gpt | undefined;
  readonly volumes: readonly ImageVolume[];
  close(): Promise<void>;
}

/**
 * Returns the password of an encrypted file system. It is called once for an image, and only if some content
 * is encrypted.
 */
export type PasswordSource = () => Promise<string | undefined>;

/**
 * Reads the table and the first bytes of each partition. Call `close` afterwards. `scratchDir` is for
 * temporary files of other programs.
 */
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
  // The beginning of a FAT may look like a partition table.
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

/** Returns the volume at a position, or undefined for a kind that cannot be read there. */
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

/** The entry for a path that a user wrote. */
export interface FoundEntry {
  readonly in: ImageVolume;
  readonly volume: Volume;
  readonly entry: VolumeEntry;
}

/**
 * Finds `PARTITION/PATH`, or `PATH` if only one volume has it. `only` names the partition instead, and the
 * path is then inside it. A path that exists nowhere or in two volumes is a Failure.
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

/**
 * In arguments, a byte that is not UTF-8 was replaced by U+FFFD. Such a path means the only path that is
 * equal after this replacement.
 */
async function entryAt(volume: Volume, path: string): Promise<VolumeEntry | undefined> {
  const exact = await volume.find(path);
  if (exact || !mayHaveLostBytes(path)) return exact;
  const alike: VolumeEntry[] = [];
  for await (const entry of volume.entries()) if (Buffer.from(encodePath(entry.path)).toString() === path) alike.push(entry);
  if (alike.length > 1) throw cannot(`choose "${path}"`, `it matches ${alike.length} names that are not UTF-8`, { blame: 'usage' });
  return alike[0];
}

/** Returns the volume of that name, or all readable ones. */
export function chosenVolumes({ volumes, path }: OpenImage, only: string | undefined): readonly ImageVolume[] {
  if (only === undefined) return volumes.filter(({ volume }) => volume !== undefined);
  const chosen = volumes.filter(({ name }) => name === only);
  if (chosen.length > 0) return chosen;
  const names = volumes.map(({ name }) => name);
  const near = nearest(only, names);
  const why = names.join('') === '' ? 'it has no partitions with names' : `its partitions are ${names.join(', ')}`;
  throw cannot(`find partition "${only}" in "${path}"`, why, { blame: 'usage', hint: near ? `did you mean ${near}?` : undefined });
}

/** Returns a path for messages, with the partition in front. */
export function imagePathOf({ name }: ImageVolume, path: string): string {
  if (name === '') return path === '' ? '/' : path;
  return path === '' ? name : `${name}/${path}`;
}

function volumeName({ partitions }: Gpt, i: number): string {
  const { name } = itemOf(partitions, i);
  const unique = partitions.filter((other) => other.name === name).length === 1;
  return badName(name) === undefined && name.isWellFormed() && unique && !/^partition-\d+$/.test(name) ? name : `partition-${i + 1}`;
}

/**
 * Recognizes a volume by its first bytes. For a RedoxFS any slot of its ring is sufficient, because the first
 * may be damaged.
 */
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

export interface ImageVerdict {
  /** Paths have the partition in front. */
  readonly findings: readonly Finding[];
  readonly paths: number;
  readonly notes: readonly string[];
}

/** Reads everything in `volumes`. The table is checked if the image has one. */
export async function verifyImage(
  image: OpenImage,
  volumes: readonly ImageVolume[],
  host: ImageHost,
  context: Context,
): Promise<ImageVerdict> {
  const table = image.gpt ? await verifyGpt(image.path, host, context) : { findings: [], notes: [] };
  const findings: Finding[] = [...table.findings];
  const notes: string[] = [...table.notes];
  let paths = 0;
  for (const each of volumes) {
    if (!each.volume) continue;
    try {
      const verdict = await each.volume.verify();
      findings.push(...verdict.findings.map(({ path, why }) => ({ path: imagePathOf(each, path), why })));
      if (verdict.note) notes.push(`${each.name || each.kind}: ${verdict.note}`);
      paths += verdict.paths;
    } catch (error) {
      if (!(error instanceof Failure) || error.blame !== 'failed') throw error;
      findings.push({ path: imagePathOf(each, ''), why: error.message });
    }
  }
  return { findings, paths, notes };
}

/**
 * Messages of sfdisk about an image that was enlarged after its table was written, as for a larger disk. The
 * table itself is intact.
 */
const grown = [
  /^The backup GPT table is not on the end of the device\.?$/,
  /^GPT PMBR size mismatch /,
  /^MyLBA mismatch with real position at backup header\.?$/,
  /^\d+ errors? detected\.?$/,
] as const;

async function verifyGpt(path: string, host: ImageHost, context: Context): Promise<Pick<ImageVerdict, 'findings' | 'notes'>> {
  const call: ToolCall = { what: `check the partition table of "${path}"`, argv: ['sfdisk', '--verify', path] };
  const { exitCode, stdout, stderr } = await tried(call, host, context);
  const linesOf = (text: string): readonly string[] =>
    text
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '');
  const lines = linesOf(stderr);
  const isSound = exitCode === 0 && /No errors detected/.test(stdout) && !lines.some((line) => /corrupt|mismatch/i.test(line));
  if (isSound) return { findings: [], notes: [] };
  const all = [...lines, ...linesOf(stdout)].filter((line) => line !== `${path}:`);
  if (all.some((line) => grown[0].test(line)) && all.every((line) => grown.some((known) => known.test(line)))) {
    return { findings: [], notes: ['the image is larger than its partition table: the backup of the table is not at the end'] };
  }
  return { findings: [{ path: '(partition table)', why: lines.join('; ') || stdout.trim() || 'sfdisk refuses it' }], notes: [] };
}
