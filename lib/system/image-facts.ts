// An image as facts a person can read: partitions, and for each file where its bytes come from. Turned into the layout that
// lib/image assembles once the components are built.
import { readFile, stat } from 'node:fs/promises';
import { cannot } from '../core/errors.ts';
import { directory, file, fileTree, symlink } from '../image/file-tree.ts';
import type { Entry, FileTree } from '../image/file-tree.ts';
import type { ImageLayout } from '../image/image.ts';
import { writeInitfs } from '../image/initfs.ts';
import type { InitfsGeneration } from '../image/initfs-format.ts';

export interface ImageFacts {
  readonly sizeBytes: number;
  /** All times in the image, in seconds since 1970: an image does not know when it was made. */
  readonly timestampSec: number;
  readonly partitions: readonly PartitionFacts[];
}

export interface PartitionFacts {
  readonly name: string;
  readonly typeGuid: string;
  /** Absent: what is left. */
  readonly sizeBytes?: number;
  readonly fileSystem: { readonly kind: 'fat'; readonly label: string } | { readonly kind: 'redoxfs' };
  readonly files: FileFacts;
}

/** Path without a leading slash -> what is there. Folders that only hold others need no row. */
export type FileFacts = Readonly<Record<string, FileFact>>;

export type FileFact = Attributes &
  /** A file that a component made: "kernel/kernel" is the output "kernel" of the component "kernel". */
  (
    | { readonly made: string }
    | { readonly text: string }
    | { readonly link: string }
    | { readonly folder: true }
    | { readonly initfs: { readonly generation: InitfsGeneration; readonly bootstrap: string; readonly files: FileFacts } }
  );

interface Attributes {
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
}

/** Where a component's output lies: absolute path, or undefined when there is none of that name. */
export type MadeFile = (name: string) => string | undefined;

/** The layout that `assemble` takes. A file that no component made is a Failure that names the row. */
export async function layoutOf(facts: ImageFacts, made: MadeFile): Promise<ImageLayout> {
  const partitions = [];
  for (const { name, typeGuid, sizeBytes, fileSystem, files } of facts.partitions) {
    const tree = await treeOf(files, made, facts.timestampSec);
    const contents = fileSystem.kind === 'fat' ? { ...fileSystem, tree } : { kind: fileSystem.kind, tree };
    partitions.push({ name, typeGuid, startLba: 'next' as const, sizeBytes: sizeBytes ?? ('rest' as const), contents });
  }
  return { sizeBytes: facts.sizeBytes, timestampSec: facts.timestampSec, partitions };
}

async function treeOf(files: FileFacts, made: MadeFile, timestampSec: number): Promise<FileTree> {
  const entries: [string, Entry][] = [];
  for (const [path, fact] of Object.entries(files)) entries.push([path, await entryOf(path, fact, made, timestampSec)]);
  return fileTree(entries);
}

async function entryOf(path: string, fact: FileFact, made: MadeFile, timestampSec: number): Promise<Entry> {
  const owner = { uid: fact.uid ?? 0, gid: fact.gid ?? 0 };
  if ('folder' in fact) return directory(fact.mode ?? 0o755, owner);
  if ('link' in fact) return symlink(fact.link, owner);
  if ('text' in fact) return file(fact.text, fact.mode ?? 0o644, owner);
  if ('made' in fact) {
    const source = pathOf(path, fact.made, made);
    return file({ kind: 'host', path: source, sizeBytes: (await stat(source)).size }, fact.mode ?? 0o755, owner);
  }
  const bootstrap = await readFile(pathOf(path, fact.initfs.bootstrap, made));
  const tree = await treeOf(fact.initfs.files, made, timestampSec);
  return file(writeInitfs(tree, bootstrap, { generation: fact.initfs.generation, timestampSec }), fact.mode ?? 0o644, owner);
}

function pathOf(path: string, name: string, made: MadeFile): string {
  const source = made(name);
  if (source === undefined) throw cannot(`put "${path}" into the image`, `no component made "${name}"`);
  return source;
}
