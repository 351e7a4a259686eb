// Writes the content of an image into a directory of the host. The image is not trusted: the readers checked
// the names, and nothing is written through a link, because links are written last and the directory contains
// only files of this run. Set-id bits and owners are left out. So are extended attributes that do not begin
// with "user.": they give programs privileges, restrict access or belong to the system. Holes and hard links
// are kept.
import { chmodSync, closeSync, ftruncateSync, linkSync, mkdirSync, openSync, readdirSync, symlinkSync, writeSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Buffer } from 'node:buffer';
import { encodePath, removeTree, TreePaths } from '../../core/paths.ts';
import { cannot, cannotBecause, errnoOf, Failure, present } from '../../core/errors.ts';
import type { Context } from '../../core/events.ts';
import { pace } from '../../core/events.ts';
import { imagePathOf } from './image-reader.ts';
import type { ImageVolume } from './image-reader.ts';
import { tried } from '../image-tools.ts';
import type { ImageHost } from '../image-tools.ts';
import { xattrTexts } from './listing.ts';
import type { Volume, VolumeEntry } from './volume.ts';
import type { Xattrs } from '../xattrs.ts';

export interface Extracted {
  readonly files: number;
  readonly bytes: number;
  /** Devices, pipes and sockets, with the partition in front. They were left out. */
  readonly leftOut: readonly string[];
  /** Extended attributes that were left out, each with the path in front. */
  readonly xattrsLeftOut: readonly string[];
  /** A sentence for each extended attribute that could not be set. */
  readonly xattrComplaints: readonly string[];
}

const hostPermissions = 0o777;

/**
 * Extracts the volumes, each into a directory of its name, below `outDir`, which must not exist or be empty.
 * After a failure no file is left.
 */
export async function extractVolumes(
  volumes: readonly ImageVolume[],
  outDir: string,
  host: ImageHost,
  context: Context,
): Promise<Extracted> {
  refuseFullDirectory(outDir);
  const partial = `${outDir}.partial`;
  const what = `extract to "${outDir}"`;
  const done: Progress = { files: 0, bytes: 0, leftOut: [], xattrsLeftOut: [], xattrComplaints: [] };
  try {
    removeTree(partial);
    mkdirSync(dirname(outDir), { recursive: true });
    mkdirSync(partial);
    for (const volume of volumes) await extractVolume(volume, join(partial, volume.name), done, host, context);
    await rename(partial, outDir);
    return done;
  } catch (error) {
    removeTree(partial);
    const told = cannotBecause(what, error);
    throw told === error && errnoOf(error) && error instanceof Error ? cannot(what, error.message, { blame: 'host', cause: error }) : told;
  }
}

interface Progress {
  files: number;
  bytes: number;
  readonly leftOut: string[];
  readonly xattrsLeftOut: string[];
  readonly xattrComplaints: string[];
}

async function extractVolume(from: ImageVolume, to: string, done: Progress, host: ImageHost, context: Context): Promise<void> {
  const { name, volume } = from;
  if (!volume) return;
  const paths = new TreePaths();
  try {
    if (name !== '') mkdirSync(to);
    const links: (readonly [link: VolumeEntry, target: string])[] = [];
    const directories: VolumeEntry[] = [];
    const files: VolumeEntry[] = [];
    const firstNames = new Map<number, string>();
    /** Creates a hard link to an existing file. Returns false for the first name of a file. */
    const linked = ({ path, links: of }: VolumeEntry): boolean => {
      const first = of && firstNames.get(of.inode);
      if (first !== undefined) linkSync(paths.at(join(to, first)), paths.at(join(to, path)));
      else if (of) firstNames.set(of.inode, path);
      return first !== undefined;
    };
    for await (const entry of volume.entries()) {
      for (const text of xattrTexts(leftOutXattrs(entry))) done.xattrsLeftOut.push(`${imagePathOf(from, entry.path)} ${text}`);
      if (entry.kind === 'symlink') links.push([entry, present(entry.target, entry.path)]);
      else if (entry.kind === 'directory') {
        directories.push(entry);
        if (entry.path !== '') mkdirSync(paths.at(join(to, entry.path)));
      } else if (entry.kind === 'file') {
        done.files++;
        if (linked(entry)) continue;
        files.push(entry);
        await extractFile(volume, entry, paths.at(join(to, entry.path)), context);
        done.bytes += entry.sizeBytes;
      } else done.leftOut.push(imagePathOf(from, entry.path));
    }
    // Permissions may forbid to set attributes.
    const withXattrs = [...files, ...directories].flatMap(({ path, xattrs }) => (xattrs ? [[path, xattrs] as const] : []));
    done.xattrComplaints.push(...(await setXattrs(withXattrs, to, host, context)));
    for (const { path, mode } of files) chmodSync(paths.at(join(to, path)), mode & hostPermissions);
    for (const [link, target] of links) if (!linked(link)) symlinkSync(encodePath(target), paths.at(join(to, link.path)));
    // Last, and from inner to outer directories, because a read-only directory is complete by then.
    for (const { path, mode } of directories.reverse()) chmodSync(paths.at(join(to, path)), mode & hostPermissions);
  } finally {
    paths.close();
  }
}

function leftOutXattrs({ xattrs = new Map() }: VolumeEntry): Pick<VolumeEntry, 'xattrs'> {
  return { xattrs: new Map([...xattrs].filter(([name]) => !isRestorable(name))) };
}

async function extractFile(volume: Volume, { path, sizeBytes }: VolumeEntry, to: string | Buffer, context: Context): Promise<void> {
  const turn = pace(context);
  const fd = openSync(to, 'wx', 0o600);
  try {
    ftruncateSync(fd, sizeBytes);
    for await (const { atBytes, bytes } of volume.pieces(path)) {
      for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at, bytes.length - at, atBytes + at);
      await turn(bytes.length);
    }
  } finally {
    closeSync(fd);
  }
}

function refuseFullDirectory(outDir: string): void {
  try {
    if (readdirSync(outDir).length === 0) return;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return;
    throw cannotBecause(`extract to "${outDir}"`, error);
  }
  throw cannot(`extract to "${outDir}"`, 'it is not empty', { blame: 'usage', hint: 'name a directory that does not exist yet' });
}

/** Whether an attribute may be set on a file of the host. */
function isRestorable(name: string): boolean {
  return name.startsWith('user.');
}

/**
 * Sets the restorable attributes of files and directories, whose paths are relative to the folder. The folder
 * must contain no links. Returns a sentence for each attribute that could not be set.
 */
async function setXattrs(
  rows: readonly (readonly [path: string, xattrs: Xattrs])[],
  folder: string,
  host: ImageHost,
  context: Context,
): Promise<readonly string[]> {
  const restored = rows.flatMap(([path, xattrs]) => {
    const of = [...xattrs].filter(([name]) => isRestorable(name));
    return of.length === 0
      ? []
      : [`# file: ${escaped(`./${path}`, '\\')}\n${of.map(([name, value]) => attributeLine(name, value)).join('')}\n`];
  });
  if (restored.length === 0) return [];
  try {
    const call = { what: 'set extended attributes', argv: ['setfattr', '--restore=-'], stdin: restored.join(''), cwd: folder } as const;
    const { exitCode, stderr } = await tried(call, host, context);
    const complaints = stderr.split('\n').flatMap((line) => (line === '' ? [] : [line.replace(/^setfattr: (?:\.\/)?/, '')]));
    return exitCode === 0 || complaints.length > 0 ? complaints : [`setfattr ended with status ${exitCode}`];
  } catch (error) {
    if (error instanceof Failure) return [`${error.message}${error.hint === undefined ? '' : ` (${error.hint})`}`];
    throw error;
  }
}

function attributeLine(name: string, value: Uint8Array): string {
  return `${escaped(name, '=\\')}=0s${Buffer.from(value).toString('base64')}\n`;
}

/**
 * The form of getfattr(1): a backslash and three octal digits for each byte that is not printable ASCII, and
 * for some characters.
 */
function escaped(text: string, signs: string): string {
  return [...Buffer.from(encodePath(text))]
    .map((byte) =>
      byte < 0x20 || byte > 0x7e || signs.includes(String.fromCharCode(byte))
        ? `\\${byte.toString(8).padStart(3, '0')}`
        : String.fromCharCode(byte),
    )
    .join('');
}
