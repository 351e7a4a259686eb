// An ext4 as a volume. Its files are read here (ext4-reader.ts), and e2fsck judges it, in place.
import type { Context } from '../../core/events.ts';
import { Ext4Reader } from './reader.ts';
import { ImageBytes } from '../image-bytes.ts';
import { tried } from '../image-tools.ts';
import type { ImageHost } from '../image-tools.ts';
import { withPlainName } from '../plain-name.ts';
import type { Volume, VolumeEntry } from '../read/volume.ts';

export interface Ext4Place {
  readonly imagePath: string;
  readonly offsetBytes: number;
  /** An existing directory for temporary files. */
  readonly scratchDir: string;
}

/** Opens nothing until it is used. */
export function ext4Volume({ imagePath, offsetBytes, scratchDir }: Ext4Place, host: ImageHost, context: Context): Volume {
  let bytes: ImageBytes | undefined;
  let opened: Ext4Reader | undefined;
  let listed: ReadonlyMap<string, VolumeEntry> | undefined;
  const reader = (): Ext4Reader => (opened ??= new Ext4Reader((bytes ??= new ImageBytes(imagePath, offsetBytes, 'ext4'))));
  const entries = (): ReadonlyMap<string, VolumeEntry> => (listed ??= reader().entries());

  return {
    async *entries() {
      for (const entry of entries().values()) {
        context.signal.throwIfAborted();
        yield entry;
      }
    },
    async find(path) {
      return listed ? listed.get(path) : reader().find(path);
    },
    async *pieces(path) {
      for (const piece of reader().pieces(path)) {
        context.signal.throwIfAborted();
        yield piece;
      }
    },
    async verify() {
      const what = `check the ext4 in "${imagePath}"`;
      const { exitCode, stdout } = await withPlainName(imagePath, scratchDir, ({ cwd, name }) =>
        tried({ what, argv: ['e2fsck', '-fn', `${name}?offset=${offsetBytes}`], cwd }, host, context),
      );
      const lines = stdout.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('Pass '));
      if (exitCode !== 0) return { findings: [{ path: '(ext4)', why: lines.join('; ') || 'e2fsck refuses it' }], paths: 0 };
      return { findings: [], paths: entries().size };
    },
    async close() {
      bytes?.close();
    },
  };
}
