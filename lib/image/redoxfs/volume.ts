// A RedoxFS as a volume.
import type { Context } from '../../core/events.ts';
import { formatBytes, plural } from '../../core/sizes.ts';
import { nodeTypes, permissionsOf, typeOf } from './node.ts';
import { openRedoxfs } from './reader.ts';
import type { Redoxfs, RedoxfsEntry } from './reader.ts';
import { verifyRedoxfs } from './verify.ts';
import { blockBytes } from './pointer.ts';
import type { Volume, VolumeEntry } from '../read/volume.ts';

/** Opens nothing before it is asked for something, so that a volume without a usable header can still be judged. */
export function redoxfsVolume(imagePath: string, offsetBytes: number, context: Context, password?: string): Volume {
  let opened: Redoxfs | undefined;
  const open = (): Redoxfs => (opened ??= openRedoxfs(imagePath, offsetBytes, { password }));
  return {
    async *entries() {
      for (const entry of open().walk()) {
        context.signal.throwIfAborted();
        yield volumeEntry(open(), entry);
      }
    },
    async find(path) {
      const entry = open().find(path);
      return entry && volumeEntry(open(), entry);
    },
    async *pieces(path) {
      const entry = open().find(path);
      if (!entry) return;
      for (const piece of open().pieces(entry.node, path)) {
        context.signal.throwIfAborted();
        yield piece;
      }
    },
    async verify() {
      const { findings, paths, leakedBlocks } = await verifyRedoxfs(imagePath, offsetBytes, context, password);
      if (leakedBlocks === 0) return { findings, paths };
      const leaked = `${plural(leakedBlocks, 'block')} (${formatBytes(leakedBlocks * blockBytes)})`;
      return { findings, paths, note: `${leaked} are taken, and nothing leads to them` };
    },
    async close() {
      opened?.close();
    },
  };
}

function volumeEntry(fs: Redoxfs, { path, node }: RedoxfsEntry): VolumeEntry {
  const type = typeOf(node);
  const common = { path, mode: permissionsOf(node), uid: node.uid, gid: node.gid, sizeBytes: node.sizeBytes };
  if (type === nodeTypes.symlink) return { ...common, kind: 'symlink', target: fs.linkTarget(node, path) };
  return { ...common, kind: type === nodeTypes.directory ? 'directory' : type === nodeTypes.file ? 'file' : 'other' };
}
