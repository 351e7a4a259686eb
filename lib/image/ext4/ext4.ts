// Creates ext4 file systems with mke2fs and debugfs, in place at an offset of the image. `mke2fs -d` would
// take times and owners from files of the host and their order from its folders. debugfs gets each entry in
// the tree's order with its own time, so the bytes depend only on the tree and not on the user. There is no
// journal, because an image is booted from a copy.
import { mkdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { cannot, cannotBecause } from '../../core/errors.ts';
import type { Context } from '../../core/events.ts';
import { formatBytes, KiB } from '../../core/sizes.ts';
import { contentBytes, linkedNames } from '../file-tree.ts';
import type { Content, Entry, FileTree } from '../file-tree.ts';
import { lostAndFound, refuseForExt4 } from './limits.ts';
import { toolFailure, tried } from '../image-tools.ts';
import type { ImageHost, ToolCall } from '../image-tools.ts';
import { largestFolders } from '../tree-sizes.ts';

export interface Ext4Options {
  readonly offsetBytes: number;
  readonly sizeBytes: number;
  /** At most 16 bytes. */
  readonly label: string;
  /** As text, "8-4-4-4-12" hexadecimal digits. It also seeds the hashes of directories. */
  readonly uuid: string;
  readonly timestampSec: number;
  /** Creates an ext2, which simple drivers in kernels can read. Default: false. */
  readonly ext2?: boolean | undefined;
}

/**
 * A file system of the same size that this module created before, as a file. Its content need not be written
 * again.
 */
export interface Ext4Base {
  readonly path: string;
  readonly uuid: string;
  /** Its entries, as they were requested. */
  readonly entries: ReadonlyMap<string, Entry>;
}

const blockBytes = 4 * KiB;
/** Features that kernels since 4.4 can read. They are listed because distributions have different defaults. */
const features = ['64bit', 'dir_index', 'ext_attr', 'extent', 'extra_isize', 'filetype', 'flex_bg', 'huge_file', 'large_file'].concat(
  ...['metadata_csum', 'sparse_super'],
);
/** Features that every reader of ext2 supports. */
const ext2Features = ['ext_attr', 'filetype', 'large_file', 'sparse_super'];
const bytesPerInode = 8 * KiB;
/**
 * The name of the image in the staging folder. e2fsprogs interprets a "?" in the path of an image as the
 * beginning of options.
 */
const imageLink = 'image';

/**
 * Creates the file system inside the image file and fills it. With a base (only at offset 0) the image is a
 * copy of the base, and only differences are written. Everything in the base must also be in the tree,
 * unchanged or, for folders, with other attributes.
 */
export async function writeExt4(
  tree: FileTree,
  imagePath: string,
  options: Ext4Options & Staging & { readonly base?: Ext4Base | undefined },
  host: ImageHost,
  context: Context,
): Promise<void> {
  if (options.base) await copyBase(options.base, imagePath, host, context);
  else await makeEmpty(imagePath, options, host, context);
  await addToExt4(tree, imagePath, { ...options, there: options.base?.entries ?? new Map() }, host, context);
}

interface Staging {
  /** A private folder, which is removed afterwards. */
  readonly stagingDir: string;
}

export interface Ext4Addition extends Omit<Ext4Options, 'uuid'>, Staging {
  /** Existing entries of the file system. Entries of the tree with the same values are not written. */
  readonly there: ReadonlyMap<string, Entry>;
  /** Files that are removed first. */
  readonly removed?: readonly string[];
}

/** Writes the entries of the tree into the ext4 at `offsetBytes` of the image. */
export async function addToExt4(
  tree: FileTree,
  imagePath: string,
  { stagingDir, sizeBytes, label, timestampSec, offsetBytes, there, removed = [] }: Ext4Addition,
  host: ImageHost,
  context: Context,
): Promise<void> {
  try {
    refuseForExt4(tree, '');
    await rm(stagingDir, { recursive: true, force: true }); // left by a killed run
    await mkdir(stagingDir, { recursive: true });
    await symlink(resolve(imagePath), join(stagingDir, imageLink));
    const removals = removed.map((path) => `rm ${quoted(`/${path}`)}\n`).join('');
    await writeFile(join(stagingDir, 'commands'), removals + (await commandsFor(tree, there, timestampSec, stagingDir)));
    const fill: ToolCall['argv'] = ['debugfs', '-w', '-f', 'commands', `${imageLink}?offset=${offsetBytes}`];
    const { exitCode, stderr } = await tried(
      { what: `fill the ext4 "${label}"`, argv: fill, timestampSec, cwd: stagingDir },
      host,
      context,
    );
    // debugfs continues after a failure and exits with 0. Only its messages show the failure.
    const complaints = stderr.split('\n').filter((line) => line !== '' && !line.startsWith('debugfs '));
    if (exitCode === 0 && complaints.length === 0) return;
    if (complaints.some((line) => /could not allocate|no space left on device/i.test(line))) {
      const full = complaints.some((line) => /no space left on device/i.test(line));
      const smaller = `make the partition larger, or leave something out; the largest folders are ${largestFolders(tree)}`;
      const hint = full ? 'free some space, or choose another folder with --out DIR' : smaller;
      const why = full ? 'no space left on the device' : `its ${formatBytes(sizeBytes)} are too small`;
      throw cannot(`fill the ext4 "${label}"`, why, { hint, ...(full ? { blame: 'host' as const } : {}) });
    }
    const why = complaints[0] === undefined ? `debugfs ended with status ${exitCode}` : `debugfs reported "${complaints[0]}"`;
    throw cannot(`fill the ext4 "${label}"`, why, { detail: complaints.slice(0, 5).join('\n') });
  } catch (error) {
    throw cannotBecause(`write the ext4 "${label}"`, error);
  } finally {
    await rm(stagingDir, { recursive: true, force: true });
  }
}

async function makeEmpty(
  imagePath: string,
  { offsetBytes, sizeBytes, label, uuid, timestampSec, ext2 }: Ext4Options,
  host: ImageHost,
  context: Context,
): Promise<void> {
  const kind = ext2 ? 'ext2' : 'ext4';
  const what = `make the ${kind} "${label}"`;
  const extended = `offset=${offsetBytes},hash_seed=${uuid},nodiscard,assume_storage_prezeroed=1,root_owner=0:0`;
  const words = `-q -F -t ${kind} -b ${blockBytes} -I 256 -i ${bytesPerInode} -m 0 -U ${uuid}`.split(' ');
  const size = `${Math.floor(sizeBytes / KiB)}k`;
  const make: ToolCall['argv'] = [
    'mke2fs',
    ...words,
    '-L',
    label,
    '-O',
    `none,${(ext2 ? ext2Features : features).join(',')}`,
    '-E',
    extended,
    imagePath,
    size,
  ];
  const made = await tried({ what, argv: make, timestampSec }, host, context);
  if (made.exitCode === 0) return;
  if (/too small|invalid blocks|not enough space/i.test(made.stderr)) {
    throw cannot(what, `its ${formatBytes(sizeBytes)} are too small for a file system`, {
      hint: 'make the partition larger',
      detail: made.stderr,
    });
  }
  throw toolFailure({ what, argv: make }, made);
}

/** Copies the file and keeps holes. */
async function copyBase({ path }: Ext4Base, imagePath: string, host: ImageHost, context: Context): Promise<void> {
  const argv: ToolCall['argv'] = ['cp', '--sparse=auto', '--reflink=auto', '--', path, imagePath];
  const what = `copy "${path}"`;
  const copied = await tried({ what, argv }, host, context);
  if (copied.exitCode !== 0) throw toolFailure({ what, argv }, copied);
}

/** Returns debugfs(8) commands that create every entry. debugfs itself reads host files. */
async function commandsFor(tree: FileTree, there: ReadonlyMap<string, Entry>, timestampSec: number, stagingDir: string): Promise<string> {
  const lines = [`set_current_time @${timestampSec}`];
  const links = hardLinks(tree, there);
  let staged = 0;
  const stagedFile = async (content: Content): Promise<string> => {
    const source = `f${staged++}`;
    await stage(content, join(stagingDir, source));
    return source;
  };
  for (const [path, entry] of tree.entries) {
    const name = quoted(`/${path}`);
    const before = there.get(path);
    if (before === entry) continue;
    const first = links.get(path);
    if (first !== undefined) {
      lines.push(...linkCommands(first, path));
      continue;
    }
    if (before) lines.push(...attributes(name, entry, undefined, before));
    else if (path === '') lines.push(...attributes('/', entry, 0o755));
    else if (path === lostAndFound) lines.push(...attributes(name, entry, 0o700));
    else if (entry.kind === 'directory') lines.push(`mkdir ${name}`, ...attributes(name, entry, 0o755));
    else if (entry.kind === 'symlink') lines.push(`symlink ${name} ${quoted(entry.target)}`, ...attributes(name, entry, 0o777));
    else {
      lines.push(`write ${await stagedFile(entry.content)} ${name}`, ...attributes(name, entry, undefined));
    }
    for (const xattr of before?.xattrs?.keys() ?? []) if (!entry.xattrs?.has(xattr)) lines.push(`ea_rm ${name} ${quoted(xattr)}`);
    for (const [xattr, value] of entry.xattrs ?? []) {
      lines.push(`ea_set -f ${await stagedFile({ kind: 'bytes', bytes: value })} ${name} ${quoted(xattr)}`);
    }
  }
  for (const { first, others } of linkedNames(tree.entries)) {
    if ([first, ...others].some((path) => links.has(path)))
      lines.push(`set_inode_field ${quoted(`/${first}`)} links_count ${others.length + 1}`);
  }
  return `${lines.join('\n')}\n`;
}

/** Returns the names that become hard links, each with a name of the same file that is written before it. */
function hardLinks(tree: FileTree, there: ReadonlyMap<string, Entry>): ReadonlyMap<string, string> {
  const links = new Map<string, string>();
  for (const { first, others } of linkedNames(tree.entries)) {
    const names = [first, ...others];
    const written = names.find((path) => there.get(path) === tree.entries.get(path)) ?? first;
    for (const path of names) if (path !== written && !there.has(path)) links.set(path, written);
  }
  return links;
}

/**
 * debugfs's command `ln` does not extend a full directory. Its command `symlink` does, and `rm` leaves space
 * for the name.
 */
function linkCommands(first: string, path: string): readonly string[] {
  const name = quoted(`/${path}`);
  return [`symlink ${name} x`, `rm ${name}`, `ln ${quoted(`/${first}`)} ${name}`];
}

/**
 * Creates a file with the content, or a link to a file of the host, because debugfs interprets some
 * characters of a path.
 */
async function stage(content: Content, path: string): Promise<void> {
  if (content.kind !== 'host') return await writeFile(path, contentBytes(content));
  const { size } = await stat(content.path).catch((error: unknown) => {
    throw cannotBecause(`read "${content.path}"`, error);
  });
  if (size !== content.sizeBytes) throw cannot(`read "${content.path}"`, `it has ${size} bytes instead of ${content.sizeBytes}`);
  await symlink(resolve(content.path), path);
}

const fileType = { directory: 0o040000, file: 0o100000, symlink: 0o120000 } as const;

/**
 * Returns commands for the attributes that differ from the present ones. New entries have owner 0:0 and
 * `usual` permissions (for a file, those of its source).
 */
function attributes(name: string, { kind, mode, uid, gid }: Entry, usual: number | undefined, there = { uid: 0, gid: 0 }): string[] {
  return [
    ...(mode === usual ? [] : [`set_inode_field ${name} mode 0${(fileType[kind] | mode).toString(8)}`]),
    ...(uid === there.uid ? [] : [`set_inode_field ${name} uid ${uid}`]),
    ...(gid === there.gid ? [] : [`set_inode_field ${name} gid ${gid}`]),
  ];
}

/** Returns one word of a debugfs command. It contains no line end (limits.ts). */
function quoted(text: string): string {
  return `"${text.replaceAll('"', '""')}"`;
}
