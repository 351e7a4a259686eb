// Compressed records. LZ4 blocks: the decompressor reads them, the limits of the format at the end of a block
// hold, and incompressible input is handled. File systems: the bytes are unchanged, blocks are saved, and
// records that do not shrink are stored uncompressed.
import { Buffer } from 'node:buffer';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compressedLz4 } from './records.ts';
import { lz4Block } from '../redoxfs/blocks.ts';
import type { Context } from '../../core/events.ts';
import { KiB, MiB } from '../../core/sizes.ts';
import { file, fileTree } from '../file-tree.ts';
import type { FileTree } from '../file-tree.ts';
import { openRedoxfs } from '../redoxfs/reader.ts';
import { verifyRedoxfs } from '../redoxfs/volume.ts';
import { writeRedoxfs } from './writer.ts';

function packed(source: Buffer, room = source.length + 1024): Buffer | undefined {
  const out = Buffer.alloc(room);
  const length = compressedLz4(source, out);
  return length === undefined ? undefined : out.subarray(0, length);
}

/** A linear congruential generator: the same bytes in every run. */
function noise(length: number, seed: number, values: number): Buffer {
  const bytes = Buffer.alloc(length);
  let state = seed;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[i] = (state >>> 24) % values;
  }
  return bytes;
}

test('text, runs, noise and short inputs are restored', () => {
  const inputs = [
    Buffer.alloc(0),
    Buffer.from('a'),
    Buffer.from('twelve bytes'),
    Buffer.alloc(131_072, 'ab'),
    Buffer.alloc(131_072),
    Buffer.from('the same words, '.repeat(3000)),
    noise(131_072, 1, 256),
    noise(131_072, 2, 3),
    Buffer.concat([noise(70_000, 3, 256), noise(70_000, 3, 256)]),
    ...Array.from({ length: 300 }, (_, length) => noise(length, length, 2)),
  ];
  for (const source of inputs) {
    const block = packed(source);
    assert.ok(block);
    const bytes = lz4Block(block, source.length);
    assert.ok(bytes && source.equals(bytes), `${source.length} bytes`);
  }
});

test('128 KiB of repetition need a few hundred bytes', () => {
  assert.ok((packed(Buffer.alloc(131_072, 'ab'))?.length ?? Infinity) < 600);
});

test('a block that does not fit is given up', () => {
  const source = noise(5000, 7, 256);
  const exact = packed(source)?.length ?? 0;
  assert.is(packed(source, exact)?.length, exact);
  assert.is(packed(source, exact - 1), undefined);
});

test('the last five bytes are literals, and no match begins in the last twelve', () => {
  for (let length = 13; length < 60; length++) {
    const block = packed(Buffer.alloc(length, 'x'));
    assert.ok(block);
    assert.ok((block.at(-6) ?? 0) >> 4 >= 5 || length < 18, `${length} bytes end in at least five literals`);
    assert.ok(block.subarray(-5).every((byte) => byte === 120));
  }
});

const context: Context = { signal: new AbortController().signal, report: () => {} };
const dir = mkdtempSync(join(tmpdir(), 'redoxfs-compression-'));
const image = join(dir, 'image');
test.after(() => rmSync(dir, { recursive: true }));

/** Bytes without any repetition of four bytes. */
const incompressible = Buffer.alloc(300 * KiB);
for (let i = 0; i < incompressible.length; i += 4) incompressible.writeUInt32LE(Math.imul(i + 1, 0x9e3779b1) >>> 0, i);
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

test('compressed records are read back, verified, and use less space', async () => {
  const contents = new Map([
    ['text', text],
    ['incompressible', incompressible],
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
  assert.equal(levels.get('incompressible'), [0, 0, 0], 'records that do not shrink are stored as they are');
  assert.equal(levels.get('short'), [1], 'a short record is compressed from its own level');
  assert.equal(levels.get('tiny'), [0], 'a record of one block cannot become smaller');
});

test.run();
