// File systems with compressed records: the bytes come back, blocks are saved, and records that do not shrink stay as they are.
import { Buffer } from 'node:buffer';
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Context } from '../../core/events.ts';
import { KiB, MiB } from '../../core/sizes.ts';
import { file, fileTree } from '../file-tree.ts';
import type { FileTree } from '../file-tree.ts';
import { openRedoxfs } from '../redoxfs/reader.ts';
import { verifyRedoxfs } from '../redoxfs/volume.ts';
import { writeRedoxfs } from './writer.ts';

const context: Context = { signal: new AbortController().signal, report: () => {} };
const dir = mkdtempSync(join(tmpdir(), 'redoxfs-compression-'));
const image = join(dir, 'image');
test.after(() => rmSync(dir, { recursive: true }));

/** Bytes without any repetition of four bytes. */
const noise = Buffer.alloc(300 * KiB);
for (let i = 0; i < noise.length; i += 4) noise.writeUInt32LE(Math.imul(i + 1, 0x9e3779b1) >>> 0, i);
const text = Buffer.from(Array.from({ length: 40_000 }, (_, i) => `line ${i * 7} of a long text\n`).join(''));

async function write(tree: FileTree, compress: boolean): Promise<number> {
  const fd = openSync(image, 'w+');
  try {
    const options = { name: 'test', offsetBytes: 0, sizeBytes: 8 * MiB, timestampSec: 0, compress };
    return (await writeRedoxfs(tree, fd, options, context)).usedEndBytes;
  } finally {
    closeSync(fd);
  }
}

test('compressed records are read back, verified, and take less room', async () => {
  const contents = new Map([
    ['text', text],
    ['noise', noise],
    ['short', text.subarray(0, 5000)],
    ['tiny', text.subarray(0, 4000)],
    ['holes', Buffer.concat([Buffer.alloc(200 * KiB), text.subarray(0, 100 * KiB)])],
  ]);
  const tree = fileTree([...contents].map(([path, bytes]) => [path, file(bytes)] as const));
  const plain = await write(tree, false);
  assert.ok((await write(tree, true)) < plain - 512 * KiB);
  const verdict = await verifyRedoxfs(image, 0, context);
  assert.equal([verdict.findings, verdict.leakedBlocks], [[], 0]);
  const fs = openRedoxfs(image, 0);
  const levels = new Map<string, readonly number[]>();
  for (const [path, expected] of contents) {
    const node = fs.find(path)?.node;
    assert.ok(node);
    const bytes = Buffer.alloc(node.sizeBytes);
    for (const piece of fs.pieces(node, path)) bytes.set(piece.bytes, piece.atBytes);
    assert.ok(bytes.equals(expected), path);
    levels.set(
      path,
      [...fs.records(node, path)].map(({ pointer }) => pointer.decompressedLevel),
    );
  }
  fs.close();
  assert.ok(levels.get('text')?.every((level) => level > 0));
  assert.equal(levels.get('noise'), [0, 0, 0], 'records that do not shrink are stored as they are');
  assert.equal(levels.get('short'), [1], 'a short record is compressed from its own level');
  assert.equal(levels.get('tiny'), [0], 'a record of one block cannot become smaller');
});

test.run();
