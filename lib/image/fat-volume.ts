// A FAT as a volume, read by mtools and judged by fsck.vfat. A file is copied out to a name of our own before it is looked at, so
// nothing that the image calls its files reaches the host.
import { closeSync, openSync, readSync, statSync, truncateSync, writeSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cannot } from '../core/errors.ts';
import { byCodeUnit } from '../core/digest.ts';
import type { Context } from '../core/events.ts';
import { MiB } from '../core/sizes.ts';
import { readFatGeometry, usedEndOfFat } from './fat-geometry.ts';
import { badName } from './file-tree.ts';
import { ran, tried } from './image-tools.ts';
import type { ImageHost } from './image-tools.ts';
import { pace } from '../core/pace.ts';
import { hostPieces } from './volume.ts';
import type { Volume, VolumeEntry } from './volume.ts';

export interface FatPlace {
  readonly imagePath: string;
  readonly offsetBytes: number;
  readonly sizeBytes: number;
  /** An existing directory for temporary files. */
  readonly scratchDir: string;
}

/** What FAT does not have is told as root's, readable by all. */
const attributes = { mode: 0o755, uid: 0, gid: 0 } as const;

export function fatVolume({ imagePath, offsetBytes, sizeBytes, scratchDir }: FatPlace, host: ImageHost, context: Context): Volume {
  const drive = `${imagePath}@@${offsetBytes}`;
  let dir: Promise<string> | undefined;
  const ownDir = (): Promise<string> => (dir ??= mkdtemp(join(scratchDir, 'bloomery-fat-')));
  let listed: Promise<ReadonlyMap<string, VolumeEntry['kind']>> | undefined;
  const kinds = (): Promise<ReadonlyMap<string, VolumeEntry['kind']>> => (listed ??= list());
  const copies = new Map<string, Promise<string>>();

  async function list(): Promise<ReadonlyMap<string, VolumeEntry['kind']>> {
    const text = await ran({ what: `list the FAT in "${imagePath}"`, argv: ['mdir', '-a', '-b', '-/', '-i', drive, '::/'] }, host, context);
    const paths = text
      .split('\n')
      .filter((line) => line.startsWith('::/') && line !== '::/')
      .map((line) => line.slice(3));
    const found = new Map<string, VolumeEntry['kind']>([['', 'directory']]);
    for (const path of paths.sort(byCodeUnit)) {
      const plain = path.replace(/\/$/, '');
      const why = plain
        .split('/')
        .map(badName)
        .find((bad) => bad !== undefined);
      if (why) throw cannot(`read "${plain}"`, why);
      found.set(plain, path.endsWith('/') ? 'directory' : 'file');
    }
    return found;
  }

  /** The path of a copy of a file. */
  const copied = (path: string): Promise<string> => {
    const known = copies.get(path);
    if (known) return known;
    const copy = ownDir().then(async (own) => {
      const to = join(own, String(copies.size));
      const pattern = path.replace(/[*?[\]\\]/g, '\\$&');
      await ran(
        { what: `read "${path}" of the FAT in "${imagePath}"`, argv: ['mcopy', '-n', '-i', drive, `::/${pattern}`, to] },
        host,
        context,
      );
      return to;
    });
    copies.set(path, copy);
    return copy;
  };

  const entryOf = async (path: string, kind: VolumeEntry['kind']): Promise<VolumeEntry> => ({
    path,
    kind,
    ...attributes,
    sizeBytes: kind === 'file' ? statSync(await copied(path)).size : 0,
  });

  return {
    async *entries() {
      for (const [path, kind] of await kinds()) yield await entryOf(path, kind);
    },
    async find(path) {
      const kind = (await kinds()).get(path);
      return kind && (await entryOf(path, kind));
    },
    async *pieces(path) {
      yield* hostPieces(await copied(path));
    },
    async verify() {
      const copy = join(await ownDir(), 'volume');
      await copyVolume(imagePath, offsetBytes, sizeBytes, copy, context);
      const result = await tried({ what: `check the FAT in "${imagePath}"`, argv: ['fsck.vfat', '-n', copy] }, host, context);
      await rm(copy);
      const lines = result.stdout
        .split('\n')
        .map((line) => line.trim())
        .filter((line) => line !== '' && !line.startsWith('fsck.fat') && !line.startsWith(copy));
      if (result.exitCode !== 0) return { findings: [{ path: '(FAT)', why: lines.join('; ') || 'fsck.vfat refuses it' }], paths: 0 };
      return { findings: [], paths: (await kinds()).size };
    },
    async close() {
      if (dir) await rm(await dir, { recursive: true, force: true });
    },
  };
}

/** fsck.vfat wants a file of its own; only what is in use is copied. */
async function copyVolume(imagePath: string, offsetBytes: number, sizeBytes: number, to: string, context: Context): Promise<void> {
  const from = openSync(imagePath, 'r');
  const out = openSync(to, 'w');
  try {
    const turn = pace(context);
    const end = Math.min(sizeBytes, usedEndOfFat(from, offsetBytes, readFatGeometry(from, offsetBytes)));
    const bytes = Buffer.alloc(MiB);
    for (let at = 0, count = 1; at < end && count > 0; at += count) {
      count = readSync(from, bytes, 0, Math.min(bytes.length, end - at), offsetBytes + at);
      writeSync(out, bytes, 0, count, at);
      await turn(count);
    }
    truncateSync(to, sizeBytes);
  } finally {
    closeSync(from);
    closeSync(out);
  }
}
