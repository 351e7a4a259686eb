// Converts the facts of an image to the layout that lib/image assembles, after the components are built.
import { lstat, readdir, readFile, readlink, stat } from 'node:fs/promises';
import { join, posix, relative } from 'node:path';
import { byCodeUnit, digestBytes } from '../core/digest.ts';
import { absentAsUndefined, cannot, cannotBecause } from '../core/errors.ts';
import { contentBytes, directory, file, fileTree, symlink } from '../image/file-tree.ts';
import type { Entry, FileTree, Owner } from '../image/file-tree.ts';
import { capabilityValue, capabilityXattr, xattrsOf, xattrValue } from '../image/xattrs.ts';
import { writeCpio } from '../image/cpio.ts';
import type { ImageLayout } from '../image/image.ts';
import { writeInitfs } from '../image/initfs/initfs.ts';
import { fatFile, grubFile } from './boot-files.ts';
import type { FileMaker } from './boot-files.ts';
import { bzImage } from '../image/boot/bzimage.ts';
import { digestWord } from '../system/image-facts.ts';
import type { FileFact, FileFacts, ImageFacts, ModuleFacts, PartitionFacts, RootFacts } from '../system/image-facts.ts';

/** Sources of an image's files that are not on its page. */
export interface FileSources {
  /** Returns the absolute path of a component's output, or undefined if it does not exist. */
  readonly made: (name: string) => string | undefined;
  /** Returns the path of a file of a package ("kernel:boot/vmlinuz-*"). */
  readonly packaged?: (name: string) => Promise<string>;
  /** Returns modules of a kernel, below usr/lib/modules. */
  readonly modules?: (facts: ModuleFacts) => Promise<ReadonlyMap<string, Entry>>;
  /** Returns the path of a file or folder of a component's source ("base:init.d"). */
  readonly source?: (name: string) => string | undefined;
  /** Returns the files that packages install into a partition. Its own files replace them. */
  readonly installed?: (facts: PartitionFacts) => Promise<ReadonlyMap<string, Entry> | undefined>;
  /** Creates files with programs of the host. */
  readonly host?: FileMaker;
  /** Returns the entries of a root file system, without the partition's own files. */
  readonly root?: (facts: RootFacts) => Promise<ReadonlyMap<string, Entry>>;
}

/**
 * Returns the layout that `assemble` takes. A file that no component produced is a Failure that names the
 * row.
 */
export async function layoutOf(facts: ImageFacts, sources: FileSources): Promise<ImageLayout> {
  const partitions = [];
  for (const partition of facts.partitions) {
    const { name, typeGuid, sizeBytes, fileSystem, root, files } = partition;
    const below = root ? await sources.root?.(root) : await sources.installed?.(partition);
    const tree = await treeOf(files, sources, facts.timestampSec, below);
    const contents = { ...fileSystem, tree };
    partitions.push({ name, typeGuid, startLba: 'next' as const, sizeBytes: sizeBytes ?? ('rest' as const), contents });
  }
  const table = facts.table === undefined ? {} : { table: facts.table };
  return { sizeBytes: facts.sizeBytes, timestampSec: facts.timestampSec, partitions, ...table };
}

/** Returns `files` on top of the entries below them. */
async function treeOf(
  files: FileFacts,
  sources: FileSources,
  timestampSec: number,
  below: ReadonlyMap<string, Entry> = new Map(),
): Promise<FileTree> {
  return fileTree(new Map([...below, ...(await entriesOf(files, sources, timestampSec, below))]));
}

/** Returns the entries that rows of facts describe. */
export async function entriesOf(
  files: FileFacts,
  sources: FileSources,
  timestampSec: number,
  below: ReadonlyMap<string, Entry> = new Map(),
): Promise<ReadonlyMap<string, Entry>> {
  const entries = new Map<string, Entry>();
  const named = await digestNames(files, sources, timestampSec);
  for (const [name, row] of Object.entries(files)) {
    const path = named.get(name) ?? name;
    const fact = 'text' in row ? { ...row, text: withNames(row.text, named) } : row;
    const put = (at: string, entry: Entry): void => void entries.set(at, withXattrs(at, entry, fact));
    if ('append' in fact) put(path, appended(path, fact.append, below.get(path)));
    else if ('source' in fact) for (const [at, entry] of await sourceEntries(path, fact, sources)) put(at, entry);
    else put(path, await entryOf(path, fact, sources, timestampSec));
  }
  return entries;
}

/** Returns the entry with the extended attributes of its row. In a folder of a source, only files get them. */
function withXattrs(path: string, entry: Entry, fact: FileFact): Entry {
  const { xattrs = {}, capabilities } = fact;
  if (capabilities && entry.kind !== 'file' && !('source' in fact)) throw cannot(`give "${path}" capabilities`, `it is a ${entry.kind}`);
  if ('source' in fact && entry.kind !== 'file') return entry;
  const added = Object.entries(xattrs).map(([name, value]) => [name, xattrValue(value)] as const);
  if (capabilities) added.push([capabilityXattr, capabilityValue(capabilities)]);
  return added.length === 0 ? entry : { ...entry, xattrs: xattrsOf([...(entry.xattrs ?? []), ...added]) };
}

/** Returns the paths of files that are named after their content. */
async function digestNames(files: FileFacts, sources: FileSources, timestampSec: number): Promise<ReadonlyMap<string, string>> {
  const named = new Map<string, string>();
  for (const [path, fact] of Object.entries(files)) {
    if (!path.includes(digestWord) || 'append' in fact || 'source' in fact) continue;
    const entry = await entryOf(path, fact, sources, timestampSec);
    if (entry.kind !== 'file') throw cannot(`name "${path}" after its content`, 'it is not a file');
    named.set(path, path.replace(digestWord, digestBytes(contentBytes(entry.content)).slice(0, 32)));
  }
  return named;
}

function withNames(text: string, named: ReadonlyMap<string, string>): string {
  return [...named].reduce((sum, [from, to]) => sum.replaceAll(posix.basename(from), posix.basename(to)), text);
}

/** Returns the entries of a file or folder of a component's source, by path. */
async function sourceEntries(
  path: string,
  fact: Extract<FileFact, { source: string }>,
  { source }: FileSources,
): Promise<ReadonlyMap<string, Entry>> {
  const what = `put "${path}" into the image`;
  const from = source?.(fact.source);
  const about = from === undefined ? undefined : await absentAsUndefined(lstat(from));
  if (from === undefined || !about) throw cannot(what, `no source of a component has "${fact.source}"`);
  const owner = { uid: fact.uid ?? 0, gid: fact.gid ?? 0 };
  const rows = about.isDirectory() ? await readdir(from, { recursive: true, withFileTypes: true }) : [];
  const paths = about.isDirectory() ? rows.map((row) => join(row.parentPath, row.name)).sort(byCodeUnit) : [from];
  const entries = new Map<string, Entry>();
  for (const one of paths) {
    const at = posix.join(path, relative(from, one));
    const stats = await lstat(one);
    if (stats.isDirectory()) entries.set(at, directory(0o755, owner));
    else if (stats.isSymbolicLink()) entries.set(at, symlink(await readlink(one), owner));
    else if (stats.isFile()) entries.set(at, await hostFile(one, fact.mode ?? ((stats.mode & 0o100) === 0 ? 0o644 : 0o755), owner));
    else throw cannot(what, `"${one}" is not a file, a folder or a link`);
  }
  return entries;
}

function appended(path: string, text: string, below: Entry | undefined): Entry {
  if (below?.kind !== 'file') throw cannot(`append to "${path}"`, 'the base has no such file');
  const { inode: _, ...own } = below; // other names of the file keep their attributes
  return { ...own, content: { kind: 'bytes', bytes: Buffer.concat([contentBytes(below.content), Buffer.from(text)]) } };
}

async function entryOf(
  path: string,
  fact: Exclude<FileFact, { append: string } | { source: string }>,
  sources: FileSources,
  timestampSec: number,
): Promise<Entry> {
  const owner = { uid: fact.uid ?? 0, gid: fact.gid ?? 0 };
  if ('folder' in fact) return directory(fact.mode ?? 0o755, owner);
  if ('link' in fact) return symlink(fact.link, owner);
  if ('text' in fact) return file(fact.text, fact.mode ?? 0o644, owner);
  if ('file' in fact) {
    return await hostFile(fact.file, fact.mode ?? 0o644, owner).catch((error: unknown) => {
      throw cannotBecause(`put "${fact.file}" into the image as "${path}"`, error);
    });
  }
  if ('made' in fact) return await hostFile(pathOf(path, fact.made, sources), fact.mode ?? 0o755, owner);
  if ('bzImage' in fact) return file(bzImage(await readFile(pathOf(path, fact.bzImage, sources))), fact.mode ?? 0o644, owner);
  if ('packaged' in fact) {
    const source = await sources.packaged?.(fact.packaged);
    if (source === undefined) throw cannot(`put "${path}" into the image`, `there is no package with "${fact.packaged}"`);
    return await hostFile(source, fact.mode ?? 0o644, owner);
  }
  if ('initramfs' in fact) {
    const { gzip, files, modules } = fact.initramfs;
    const below = modules && (await sources.modules?.(modules));
    return file(writeCpio(await treeOf(files, sources, timestampSec, below), { timestampSec, gzip }), fact.mode ?? 0o644, owner);
  }
  if ('grub' in fact) return file(await grubFile(fact.grub, timestampSec, makerOf(path, sources)), fact.mode ?? 0o644, owner);
  if ('fat' in fact) {
    const tree = await treeOf(fact.fat.files, sources, timestampSec);
    return file(await fatFile(tree, { ...fact.fat, timestampSec }, makerOf(path, sources)), fact.mode ?? 0o644, owner);
  }
  const bootstrap = await readFile(pathOf(path, fact.initfs.bootstrap, sources));
  const tree = await treeOf(fact.initfs.files, sources, timestampSec);
  return file(writeInitfs(tree, bootstrap, { generation: fact.initfs.generation, timestampSec }), fact.mode ?? 0o644, owner);
}

async function hostFile(path: string, mode: number, owner: Owner): Promise<Entry> {
  return file({ kind: 'host', path, sizeBytes: (await stat(path)).size }, mode, owner);
}

function makerOf(path: string, { host }: FileSources): FileMaker {
  if (!host) throw new Error(`"${path}" is made with programs of the host, which this caller does not provide`);
  return host;
}

function pathOf(path: string, name: string, sources: FileSources): string {
  const source = sources.made(name);
  if (source === undefined) throw cannot(`put "${path}" into the image`, `no component has the output "${name}"`);
  return source;
}
