// Writes one file into an existing RedoxFS, in place, as one transaction: its contents, its node, and the
// directory that names it.
import { cannot } from '../../core/errors.ts';
import type { Context } from '../../core/events.ts';
import { pace } from '../../core/events.ts';
import { directoryOf, joinPath, nameOf, openContent } from '../file-tree.ts';
import type { OpenContent } from '../file-tree.ts';
import type { PutRequest } from '../change/put-request.ts';
import { changedNode, decodeHtree, encodeNode, nodeTypes, permissionsOf, typeOf } from '../redoxfs/node.ts';
import type { DirectoryEntry, Node } from '../redoxfs/node.ts';
import { writeDirectory } from './directory-writer.ts';
import { blockBytes, damaged, fileRecordLevel, isNull, pointerBytes, readPointers } from '../redoxfs/blocks.ts';
import type { BlockPointer } from '../redoxfs/blocks.ts';
import type { Redoxfs, RedoxfsEntry } from '../redoxfs/reader.ts';
import { RecordWriter } from './records.ts';
import type { WrittenData } from './records.ts';
import type { BlockDisk } from './sink.ts';
import { commit } from './transaction.ts';
import type { RedoxfsTransaction } from './transaction.ts';

/** Mode of directories that `parents` creates. */
const directoryMode = 0o755;

/**
 * Puts the file into the file system. The times of new nodes are those of their directory, so that the same
 * input gives the same image. An invalid path and too little space are Failures, and nothing is written then.
 */
export async function putIntoRedoxfs(fs: Redoxfs, disk: BlockDisk, request: PutRequest, context: Context): Promise<void> {
  const { what } = request;
  const parts = splitPath(fs, request);
  const turn = pace(context);
  const target = { fs, disk, what, blockCount: fs.header.sizeBytes / blockBytes };
  await commit(target, async (transaction) => {
    const content = openContent(request.content);
    try {
      if (parts.missing.length === 0) await replaceFile(transaction, parts.deepest, content, request, turn);
      else await addFile(transaction, parts, content, request, turn);
    } finally {
      content.close();
    }
  });
}

type Turn = (bytes: number) => Promise<void>;

interface PathParts {
  /** The deepest part of the path that exists. */
  readonly deepest: RedoxfsEntry;
  /** The names after it. */
  readonly missing: readonly string[];
}

/** Only a file may be last in the path, and only directories before it. */
function splitPath(fs: Redoxfs, { what, path, parents }: PutRequest): PathParts {
  const missing: string[] = [];
  let at = path;
  let deepest = fs.find(at);
  for (; !deepest; deepest = fs.find(at)) {
    missing.unshift(nameOf(at));
    at = directoryOf(at);
  }
  const type = typeOf(deepest.node);
  if (type === nodeTypes.symlink) {
    const target = fs.linkTarget(deepest.node, at);
    throw cannot(what, `"${at}" is a link to "${target}"`, { hint: 'name the path that the link leads to' });
  }
  if (missing.length === 0 && type === nodeTypes.directory)
    throw cannot(what, 'it is a directory', { hint: `name the file in it: ${joinPath(path, 'NAME')}` });
  if (missing.length === 0 && type !== nodeTypes.file) throw cannot(what, 'it is not a file');
  if (missing.length > 0 && type !== nodeTypes.directory) throw cannot(what, `"${at}" is not a directory`);
  const [first, second] = missing;
  if (first !== undefined && second !== undefined && !parents) {
    throw cannot(what, `the directory "${joinPath(at, first)}" does not exist`, { hint: '--parents creates it' });
  }
  return { deepest, missing };
}

async function replaceFile(
  transaction: RedoxfsTransaction,
  { path, id, node }: RedoxfsEntry,
  content: OpenContent,
  request: PutRequest,
  turn: Turn,
): Promise<void> {
  for (const block of nodeBlocks(transaction.fs, node, path)) transaction.release(block);
  const { data, blocks } = await writtenData(transaction, content, request, turn);
  const block = changedNode(transaction.fs.nodeBlock(id, path), {
    mode: nodeTypes.file | (request.mode ?? permissionsOf(node)),
    uid: request.uid ?? node.uid,
    gid: request.gid ?? node.gid,
    sizeBytes: content.sizeBytes,
    blocks: blocks + 1,
    recordLevel: fileRecordLevel,
    data,
  });
  transaction.setNode(id, block);
}

/** Adds the file below `deepest`, with the directories in `missing` before its name. */
async function addFile(
  transaction: RedoxfsTransaction,
  { deepest, missing }: PathParts,
  content: OpenContent,
  request: PutRequest,
  turn: Turn,
): Promise<void> {
  const common = { uid: request.uid ?? 0, gid: request.gid ?? 0, links: 1, timeSec: deepest.node.timeSec };
  const { data, blocks } = await writtenData(transaction, content, request, turn);
  const mode = nodeTypes.file | (request.mode ?? request.defaultMode);
  let child: DirectoryEntry = { id: transaction.newId(), name: nameOf(request.path) };
  const fileNode = { ...common, mode, recordLevel: fileRecordLevel, sizeBytes: content.sizeBytes, data, blocks: blocks + 1 };
  transaction.setNode(child.id, encodeNode(fileNode));
  for (const name of missing.slice(0, -1).reverse()) {
    const written = writeDirectory(name, [child], transaction);
    child = { id: transaction.newId(), name };
    const node = { ...common, uid: 0, gid: 0, ...written, mode: nodeTypes.directory | directoryMode, recordLevel: 0 };
    transaction.setNode(child.id, encodeNode({ ...node, blocks: written.blocks + 1 }));
  }
  const { fs } = transaction;
  const { path, id, node } = deepest;
  const written = writeDirectory(path, [...fs.list(node, path), child], transaction);
  for (const block of nodeBlocks(fs, node, path)) transaction.release(block);
  transaction.setNode(id, changedNode(fs.nodeBlock(id, path), { ...node, ...written, blocks: written.blocks + 1 }));
}

async function writtenData(
  transaction: RedoxfsTransaction,
  content: OpenContent,
  { what, compress }: PutRequest,
  turn: Turn,
): Promise<WrittenData> {
  const written = await new RecordWriter(transaction, { compress, turn }).write(content, fileRecordLevel);
  if (!written) throw cannot(what, `a file of ${content.sizeBytes} bytes is larger than the format allows`);
  return written;
}

/**
 * Yields the blocks of the node at `path` other than the node itself, each before the blocks that it points
 * to: records and block lists of a file, lists and H-tree of a directory. A transaction that replaces the
 * contents of the node releases them.
 */
function* nodeBlocks(fs: Redoxfs, node: Node, path: string): Generator<BlockPointer> {
  if ('inline' in node.data) return;
  if (typeOf(node) === nodeTypes.directory) {
    const [marker, root] = node.data.pointers[0] ?? [];
    if (marker && root && !isNull(root)) yield* htreeBlocks(fs, root, marker.level, path);
    return;
  }
  for (const [depth, pointers] of node.data.pointers.entries()) {
    for (const pointer of pointers) yield* listBlocks(fs, pointer, depth, path);
  }
}

function* listBlocks(fs: Redoxfs, pointer: BlockPointer, depth: number, path: string): Generator<BlockPointer> {
  if (isNull(pointer)) return;
  yield pointer;
  if (depth === 0) return;
  for (const child of readPointers(fs.blocks.meta(pointer, path), 0, blockBytes / pointerBytes)) {
    yield* listBlocks(fs, child, depth - 1, path);
  }
}

function* htreeBlocks(fs: Redoxfs, pointer: BlockPointer, depth: number, path: string): Generator<BlockPointer> {
  yield pointer;
  if (depth === 0) return;
  const children = decodeHtree(fs.blocks.meta(pointer, path));
  if (!children) throw damaged(path, `block ${pointer.index} is not a part of an H-tree`);
  for (const child of children) yield* htreeBlocks(fs, child.pointer, depth - 1, path);
}
