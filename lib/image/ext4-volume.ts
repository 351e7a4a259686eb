// An ext4 as a volume, read by debugfs and judged by e2fsck, in place. Inodes are asked for by number, so that nothing the image calls its files
// becomes a word of a command or a path of the host. Source of the forms: debugfs(8), `ls -p` and `stat`.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cannot } from '../core/errors.ts';
import { byCodeUnit } from '../core/digest.ts';
import type { Context } from '../core/events.ts';
import { badName, joinPath } from './file-tree.ts';
import { ran, tried } from './image-tools.ts';
import type { ImageHost } from './image-tools.ts';
import { hostPieces } from './volume.ts';
import type { Volume, VolumeEntry } from './volume.ts';

export interface Ext4Place {
  readonly imagePath: string;
  readonly offsetBytes: number;
  /** An existing directory for temporary files. */
  readonly scratchDir: string;
}

/** The superblock's magic number, and where it lies in the file system (Linux, Documentation/filesystems/ext4). */
export const ext4Magic = { value: 0xef53, atBytes: 1024 + 56 } as const;

interface Node extends VolumeEntry {
  readonly inode: number;
}

const rootInode = 2;

export function ext4Volume({ imagePath, offsetBytes, scratchDir }: Ext4Place, host: ImageHost, context: Context): Volume {
  const drive = `${imagePath}?offset=${offsetBytes}`;
  let dir: Promise<string> | undefined;
  const ownDir = (): Promise<string> => (dir ??= mkdtemp(join(scratchDir, 'bloomery-ext4-')));
  let listed: Promise<ReadonlyMap<string, Node>> | undefined;
  const nodes = (): Promise<ReadonlyMap<string, Node>> => (listed ??= list());

  /** What debugfs answers to each command. */
  async function answers(commands: readonly string[]): Promise<readonly string[]> {
    const script = join(await ownDir(), 'commands');
    await writeFile(script, commands.map((command) => `${command}\n`).join(''));
    const text = await ran({ what: `read the ext4 in "${imagePath}"`, argv: ['debugfs', '-f', script, drive] }, host, context);
    return text.split(/^debugfs: .*\n/m).slice(1);
  }

  async function list(): Promise<ReadonlyMap<string, Node>> {
    const found = new Map<string, Node>();
    let folders: readonly { readonly path: string; readonly inode: number }[] = [{ path: '', inode: rootInode }];
    while (folders.length > 0) {
      const next: Node[] = [];
      for (const [at, text] of (await answers(folders.map(({ inode }) => `ls -p <${inode}>`))).entries()) {
        const folder = folders[at]?.path ?? '';
        for (const node of rowsOf(text, folder)) {
          if (found.has(node.path)) throw cannot(`read "${node.path}"`, 'it is there twice');
          found.set(node.path, node);
          if (node.kind === 'directory' && node.path !== '') next.push(node);
        }
      }
      if (found.size > mostEntries)
        throw cannot(`read the ext4 in "${imagePath}"`, `it has more than ${mostEntries} entries, or runs in circles`);
      folders = next;
    }
    const links = [...found.values()].filter(({ kind }) => kind === 'symlink');
    for (const [at, text] of (await answers(links.map(({ inode }) => `stat <${inode}>`))).entries()) {
      const link = links[at];
      const fast = /^Fast link dest: "(.*)"$/m.exec(text)?.[1];
      if (link) found.set(link.path, { ...link, target: fast ?? (await answers([`cat <${link.inode}>`])).join('') });
    }
    return new Map([...found].sort(([a], [b]) => byCodeUnit(a, b)));
  }

  return {
    async *entries() {
      for (const { inode: _, ...entry } of (await nodes()).values()) yield entry;
    },
    async find(path) {
      const { inode: _, ...entry } = (await nodes()).get(path) ?? { inode: 0 };
      return 'path' in entry ? entry : undefined;
    },
    async *pieces(path) {
      const node = (await nodes()).get(path);
      if (node?.kind !== 'file') throw cannot(`read "${path}"`, 'it is not a file');
      const copy = join(await ownDir(), 'file');
      await answers([`dump <${node.inode}> ${copy}`]);
      try {
        yield* hostPieces(copy);
      } finally {
        await rm(copy, { force: true });
      }
    },
    async verify() {
      const { exitCode, stdout } = await tried({ what: `check the ext4 in "${imagePath}"`, argv: ['e2fsck', '-fn', drive] }, host, context);
      const lines = stdout.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('Pass '));
      if (exitCode !== 0) return { findings: [{ path: '(ext4)', why: lines.join('; ') || 'e2fsck refuses it' }], paths: 0 };
      return { findings: [], paths: (await nodes()).size };
    },
    async close() {
      if (dir) await rm(await dir, { recursive: true, force: true });
    },
  };
}

/** A damaged folder could name itself. */
const mostEntries = 5_000_000;

const kinds: Readonly<Record<number, VolumeEntry['kind']>> = { 0o04: 'directory', 0o10: 'file', 0o12: 'symlink' };

/** Rows "/inode/mode/uid/gid/name/size/"; the folder's own is that of the root alone. */
function rowsOf(text: string, folder: string): readonly Node[] {
  return text.split('\n').flatMap((line): Node[] => {
    const [, inode = '', bits = '', uid = '', gid = '', name = '', size = ''] =
      /^\/(\d+)\/(\d{6})\/(\d+)\/(\d+)\/(.*)\/(\d*)\/$/.exec(line) ?? [];
    if (inode === '' || inode === '0' || name === '..' || (name === '.' && folder !== '')) return [];
    const why = name === '.' ? undefined : badName(name);
    if (why) throw cannot(`read "${joinPath(folder, name)}"`, why);
    const mode = Number.parseInt(bits, 8);
    const kind = kinds[mode >> 12] ?? 'other';
    const path = name === '.' ? '' : joinPath(folder, name);
    const sizeBytes = kind === 'file' ? Number(size) : 0;
    return [{ inode: Number(inode), path, kind, mode: mode & 0o7777, uid: Number(uid), gid: Number(gid), sizeBytes }];
  });
}
