// ext4 file systems by mke2fs and debugfs, written in place at an offset of the image. `mke2fs -d` would take
// times and owners from files of the host and their order from its folders; debugfs is told each entry, in
// the tree's order and with a time of its own, so the bytes depend on the tree alone, whoever makes it. No
// journal: an image is booted from a copy.
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
  /** As text, "8-4-4-4-12" hexadecimal digits; it also seeds the hashes of directories. */
  readonly uuid: string;
  readonly timestampSec: number;
  /** Makes an ext2, which kernels with a simple driver read. Default: false. */
  readonly ext2?: boolean | undefined;
}

/**
 * A file system that was made before, by this module, as a file of the same size; what it has need not be
 * written again.
 */
export interface Ext4Base {
  readonly path: string;
  readonly uuid: string;
  /** What it has, as it was asked for. */
  readonly entries: ReadonlyMap<string, Entry>;
}

const blockBytes = 4 * KiB;
/** What a kernel since 4.4 reads, named one by one: distributions' own defaults differ. */
const features = ['64bit', 'dir_index', 'ext_attr', 'extent', 'extra_isize', 'filetype', 'flex_bg', 'huge_file', 'large_file'].concat(
  ...['metadata_csum', 'sparse_super'],
);
/** What every reader of ext2 knows. */
const ext2Features = ['ext_attr', 'filetype', 'large_file', 'sparse_super'];
const bytesPerInode = 8 * KiB;
/** The image in the staging folder. The path of an image may have a "?", which begins options in e2fsprogs. */
const imageLink = 'image';

/**
 * Makes the file system inside the image file and fills it. With a base (offset 0 only) the image is a copy
 * of that, and only what differs is written: all that it has must be in the tree, as it is there or, of
 * folders, with other attributes.
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
  /** A folder that is ours alone, and is removed afterwards. */
  readonly stagingDir: string;
}

export interface Ext4Addition extends Omit<Ext4Options, 'uuid'>, Staging {
  /** What the file system has already; entries of the tree that are the same values are not written. */
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
    await rm(stagingDir, { recursive: true, force: true }); // of a run that was killed
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
    // It goes on after a failure and exits with 0: only its messages show the failure.
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

/** Holes stay holes. */
async function copyBase({ path }: Ext4Base, imagePath: string, host: ImageHost, context: Context): Promise<void> {
  const argv: ToolCall['argv'] = ['cp', '--sparse=auto', '--reflink=auto', '--', path, imagePath];
  const what = `copy "${path}"`;
  const copied = await tried({ what, argv }, host, context);
  if (copied.exitCode !== 0) throw toolFailure({ what, argv }, copied);
}

/** debugfs(8) commands that make every entry; host files are read by debugfs itself. */
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
 * The command `ln` of debugfs does not make a full directory larger. The command `symlink` does, and `rm`
 * leaves room for the name.
 */
function linkCommands(first: string, path: string): readonly string[] {
  const name = quoted(`/${path}`);
  return [`symlink ${name} x`, `rm ${name}`, `ln ${quoted(`/${first}`)} ${name}`];
}

/**
 * Creates a file with the content, or a link to a file of the host. debugfs gives a meaning to some
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
 * What differs from what is there: by debugfs itself owner 0:0, and `usual` permissions (of a file: those of
 * its source).
 */
function attributes(name: string, { kind, mode, uid, gid }: Entry, usual: number | undefined, there = { uid: 0, gid: 0 }): string[] {
  return [
    ...(mode === usual ? [] : [`set_inode_field ${name} mode 0${(fileType[kind] | mode).toString(8)}`]),
    ...(uid === there.uid ? [] : [`set_inode_field ${name} uid ${uid}`]),
    ...(gid === there.gid ? [] : [`set_inode_field ${name} gid ${gid}`]),
  ];
}

/** One word of a debugfs command. It has no line end (limits.ts). */
function quoted(text: string): string {
  return `"${text.replaceAll('"', '""')}"`;
}
