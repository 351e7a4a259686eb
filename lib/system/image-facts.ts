// An image as facts a person can read: partitions, and for each file where its bytes come from. Turned into the layout that
// lib/image assembles once the components are built.
import { readFile, stat } from 'node:fs/promises';
import { cannot } from '../core/errors.ts';
import { contentBytes } from '../image/content.ts';
import { directory, file, fileTree, symlink } from '../image/file-tree.ts';
import type { Entry, FileTree, Owner } from '../image/file-tree.ts';
import type { ImageLayout } from '../image/image.ts';
import { writeInitfs } from '../image/initfs.ts';
import type { InitfsGeneration } from '../image/initfs-format.ts';
import type { ServiceSet } from './services.ts';

/** An init that services can be rendered for. */
export type InitName = 'systemd' | 'sysvinit' | 'table';

export interface ImageFacts {
  readonly sizeBytes: number;
  /** 'none': the only partition is the whole image. */
  readonly table?: 'none';
  /** All times in the image, in seconds since 1970: an image does not know when it was made. */
  readonly timestampSec: number;
  readonly partitions: readonly PartitionFacts[];
}

export interface PartitionFacts {
  readonly name: string;
  readonly typeGuid: string;
  /** Absent: what is left. */
  readonly sizeBytes?: number;
  /** `compress` (default: false): contents of files are compressed with LZ4 where that saves blocks. */
  readonly fileSystem:
    { readonly kind: 'fat' | 'ext4'; readonly label: string } | { readonly kind: 'redoxfs'; readonly compress?: boolean };
  /** Packages that its files lie on top of. */
  readonly root?: RootFacts;
  readonly files: FileFacts;
}

/** A root file system of packages, some of whose programs gave way to components. */
export interface RootFacts {
  /** One of `bases` of the system's sources. */
  readonly base: string;
  /** Names of the system's replacements. */
  readonly replacements: readonly string[];
  /** What runs, and the init that runs it. */
  readonly services?: { readonly init: InitName; readonly set: ServiceSet };
  /** Modules of the kernel, by name; what they depend on comes with them. `from`: a package that is taken alone. */
  readonly modules?: { readonly from: string; readonly names: readonly string[] };
  /** Only these files of the base: paths, or folders ending with a slash. Absent: all. */
  readonly keeps?: readonly string[];
}

/** Path without a leading slash -> what is there. Folders that only hold others need no row. */
export type FileFacts = Readonly<Record<string, FileFact>>;

export type FileFact = Attributes &
  /** A file that a component made: "kernel/kernel" is the output "kernel" of the component "kernel". */
  (
    | { readonly made: string }
    | { readonly text: string }
    /** Behind what the base's file has. */
    | { readonly append: string }
    | { readonly link: string }
    | { readonly folder: true }
    /** A file of a package that is taken alone: "kernel:boot/vmlinuz-*", of which there must be one. */
    | { readonly packaged: string }
    | { readonly initfs: { readonly generation: InitfsGeneration; readonly bootstrap: string; readonly files: FileFacts } }
  );

interface Attributes {
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
}

/** Where the files of an image come from that are not on its page. */
export interface FileSources {
  /** Where a component's output lies: absolute path, or undefined when there is none of that name. */
  readonly made: (name: string) => string | undefined;
  /** Where a file of a package lies ("kernel:boot/vmlinuz-*"). */
  readonly packaged?: (name: string) => Promise<string>;
  /** The entries of a root, without the partition's own files. */
  readonly root?: (facts: RootFacts) => Promise<ReadonlyMap<string, Entry>>;
}

/** The layout that `assemble` takes. A file that no component made is a Failure that names the row. */
export async function layoutOf(facts: ImageFacts, sources: FileSources): Promise<ImageLayout> {
  const partitions = [];
  for (const { name, typeGuid, sizeBytes, fileSystem, root, files } of facts.partitions) {
    const below = root && (await sources.root?.(root));
    const tree = await treeOf(files, sources, facts.timestampSec, below);
    const contents = { ...fileSystem, tree };
    partitions.push({ name, typeGuid, startLba: 'next' as const, sizeBytes: sizeBytes ?? ('rest' as const), contents });
  }
  const table = facts.table === undefined ? {} : { table: facts.table };
  return { sizeBytes: facts.sizeBytes, timestampSec: facts.timestampSec, partitions, ...table };
}

/** `files` on top of what is below them. */
async function treeOf(
  files: FileFacts,
  sources: FileSources,
  timestampSec: number,
  below: ReadonlyMap<string, Entry> = new Map(),
): Promise<FileTree> {
  return fileTree(new Map([...below, ...(await entriesOf(files, sources, timestampSec, below))]));
}

/** The entries that rows of facts stand for. */
export async function entriesOf(
  files: FileFacts,
  sources: FileSources,
  timestampSec: number,
  below: ReadonlyMap<string, Entry> = new Map(),
): Promise<ReadonlyMap<string, Entry>> {
  const entries = new Map<string, Entry>();
  for (const [path, fact] of Object.entries(files)) {
    entries.set(path, 'append' in fact ? appended(path, fact.append, below.get(path)) : await entryOf(path, fact, sources, timestampSec));
  }
  return entries;
}

function appended(path: string, text: string, below: Entry | undefined): Entry {
  if (below?.kind !== 'file') throw cannot(`append to "${path}"`, 'the base has no such file');
  return { ...below, content: { kind: 'bytes', bytes: Buffer.concat([contentBytes(below.content), Buffer.from(text)]) } };
}

async function entryOf(
  path: string,
  fact: Exclude<FileFact, { append: string }>,
  sources: FileSources,
  timestampSec: number,
): Promise<Entry> {
  const owner = { uid: fact.uid ?? 0, gid: fact.gid ?? 0 };
  if ('folder' in fact) return directory(fact.mode ?? 0o755, owner);
  if ('link' in fact) return symlink(fact.link, owner);
  if ('text' in fact) return file(fact.text, fact.mode ?? 0o644, owner);
  if ('made' in fact) return await hostFile(pathOf(path, fact.made, sources), fact.mode ?? 0o755, owner);
  if ('packaged' in fact) {
    const source = await sources.packaged?.(fact.packaged);
    if (source === undefined) throw cannot(`put "${path}" into the image`, `there is no package with "${fact.packaged}"`);
    return await hostFile(source, fact.mode ?? 0o644, owner);
  }
  const bootstrap = await readFile(pathOf(path, fact.initfs.bootstrap, sources));
  const tree = await treeOf(fact.initfs.files, sources, timestampSec);
  return file(writeInitfs(tree, bootstrap, { generation: fact.initfs.generation, timestampSec }), fact.mode ?? 0o644, owner);
}

async function hostFile(path: string, mode: number, owner: Owner): Promise<Entry> {
  return file({ kind: 'host', path, sizeBytes: (await stat(path)).size }, mode, owner);
}

function pathOf(path: string, name: string, sources: FileSources): string {
  const source = sources.made(name);
  if (source === undefined) throw cannot(`put "${path}" into the image`, `no component made "${name}"`);
  return source;
}
