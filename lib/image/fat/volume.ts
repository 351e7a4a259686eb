// A FAT as a volume. Its files are read here (fat-reader.ts), and fsck.vfat judges a copy of it.
import { closeSync, openSync, truncateSync, writeSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cannot } from '../../core/errors.ts';
import type { Context } from '../../core/events.ts';
import { MiB } from '../../core/sizes.ts';
import { FatReader } from './reader.ts';
import type { FatRecord } from './record.ts';
import { ImageBytes } from '../image-bytes.ts';
import { tried } from '../image-tools.ts';
import type { ImageHost } from '../image-tools.ts';
import { pace } from '../../core/events.ts';
import type { Volume, VolumeEntry } from '../read/volume.ts';

export interface FatPlace {
  readonly imagePath: string;
  readonly offsetBytes: number;
  readonly sizeBytes: number;
  /** An existing directory for temporary files. */
  readonly scratchDir: string;
}

/** What FAT does not have is shown as root's, readable by all. */
const attributes = { mode: 0o755, uid: 0, gid: 0 } as const;

/** Opens nothing until it is used. */
export function fatVolume({ imagePath, offsetBytes, sizeBytes, scratchDir }: FatPlace, host: ImageHost, context: Context): Volume {
  let bytes: ImageBytes | undefined;
  let opened: FatReader | undefined;
  let listed: ReadonlyMap<string, FatRecord> | undefined;
  const image = (): ImageBytes => (bytes ??= new ImageBytes(imagePath, offsetBytes, 'FAT'));
  const reader = (): FatReader => (opened ??= new FatReader(image()));
  const records = (): ReadonlyMap<string, FatRecord> => (listed ??= reader().entries());

  return {
    async *entries() {
      yield entryOf('', undefined);
      for (const [path, record] of records()) {
        context.signal.throwIfAborted();
        yield entryOf(path, record);
      }
    },
    async find(path) {
      const record = records().get(path);
      return path === '' || record ? entryOf(path, record) : undefined;
    },
    async *pieces(path) {
      const record = records().get(path);
      if (!record || record.isDirectory) throw cannot(`read "${path}"`, 'it is not a file');
      for (const piece of reader().pieces(path, record)) {
        context.signal.throwIfAborted();
        yield piece;
      }
    },
    async verify() {
      const own = await mkdtemp(join(scratchDir, 'bloomery-fat-'));
      try {
        const copy = join(own, 'volume');
        await copyVolume(image(), Math.min(sizeBytes, reader().table.usedEndBytes()), sizeBytes, copy, context);
        const call = { what: `check the FAT in "${imagePath}"`, argv: ['fsck.vfat', '-n', 'volume'], cwd: own } as const;
        const { exitCode, stdout } = await tried(call, host, context);
        const lines = stdout
          .split('\n')
          .map((line) => line.trim())
          .filter((line) => line !== '' && !line.startsWith('fsck.fat') && !line.startsWith('volume'));
        if (exitCode !== 0) return { findings: [{ path: '(FAT)', why: lines.join('; ') || 'fsck.vfat refuses it' }], paths: 0 };
        return { findings: [], paths: records().size + 1 };
      } finally {
        await rm(own, { recursive: true, force: true });
      }
    },
    async close() {
      bytes?.close();
    },
  };
}

function entryOf(path: string, record: FatRecord | undefined): VolumeEntry {
  if (!record || record.isDirectory) return { path, kind: 'directory', ...attributes, sizeBytes: 0 };
  return { path, kind: 'file', ...attributes, sizeBytes: record.sizeBytes };
}

/** fsck.vfat takes a file of its own. Only the part that is in use is copied. */
async function copyVolume(from: ImageBytes, usedBytes: number, sizeBytes: number, to: string, context: Context): Promise<void> {
  const out = openSync(to, 'w');
  try {
    const turn = pace(context);
    for (let at = 0; at < usedBytes; at += MiB) {
      const bytes = from.read(at, Math.min(MiB, usedBytes - at));
      writeSync(out, bytes, 0, bytes.length, at);
      await turn(bytes.length);
    }
    truncateSync(to, sizeBytes);
  } finally {
    closeSync(out);
  }
}
