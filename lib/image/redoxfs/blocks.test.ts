// Tests the decompressor with output of the lz4 tool, and with damaged data.
import { Buffer } from 'node:buffer';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { lz4Block, RedoxfsBlocks } from './blocks.ts';
import type { BlockPointer } from './blocks.ts';
import { seahash } from './seahash.ts';

/** The block of `lz4 -9` 1.9 for `text`: literals, long and overlapping matches, long runs. */
const compressed = Buffer.from(
  '8RdsaW5lIDAgb2YgYSB0ZXh0IHRoYXQgcmVwZWF0cyBpdHNlbGYsICYAHzEmABIfMiYAEh8zJgASHzQmABIfNSYAEh82JgANDwoB' +
    '/////////9IfQQEA//+q/xhhaGNtanV1aGl5YnN5cnl1ZGFtbHlhcHNrcGlxbHVzZGNxcmdrYmcnACVQYW1seWE=',
  'base64',
);
const lines = Array.from({ length: 60 }, (_, i) => `line ${i % 7} of a text that repeats itself, `).join('');
const letters = Array.from({ length: 100 }, (_, i) => String.fromCharCode(97 + ((i * i * 7 + Math.floor(i / 3)) % 26))).join('');
const text = Buffer.from(`${lines}${'A'.repeat(700)}${letters}`);

test('decompresses blocks of the lz4 tool', () => {
  assert.equal(lz4Block(compressed, 4096), new Uint8Array(text));
  assert.equal(lz4Block(compressed, text.length), new Uint8Array(text), 'into exactly as many bytes');
});

test('refuses a block that would give more than it may', () => {
  assert.is(lz4Block(compressed, text.length - 1), undefined);
});

test('refuses cut blocks, matches before the start, and lengths without end', () => {
  assert.is(lz4Block(Buffer.alloc(0), 10), undefined);
  for (let length = 1; length < compressed.length; length++) {
    const cut = lz4Block(compressed.subarray(0, length), 4096);
    assert.ok(cut === undefined || text.subarray(0, cut.length).equals(cut), `cut at ${length}`);
  }
  assert.is(lz4Block(Buffer.from([0x10, 65, 2, 0, 0]), 100), undefined, 'distance 2 after one byte');
  assert.is(lz4Block(Buffer.from([0x10, 65, 0, 0, 0]), 100), undefined, 'distance 0');
  assert.is(lz4Block(Buffer.from([0xf0, 255, 255]), 100_000), undefined);
});

test('a compressed record is read through its pointer; a length beyond its block is refused', () => {
  const dir = mkdtempSync(join(tmpdir(), 'lz4-test-'));
  const path = join(dir, 'image');
  const image = Buffer.alloc(8 * 4096);
  image.writeUInt16LE(compressed.length, 5 * 4096);
  image.set(compressed, 5 * 4096 + 2);
  image.writeUInt16LE(4095, 6 * 4096);
  writeFileSync(path, image);
  const fd = openSync(path, 'r');
  try {
    const blocks = new RedoxfsBlocks(fd, 0, 8);
    const pointer = (index: number): BlockPointer => ({
      index,
      level: 0,
      decompressedLevel: 5,
      hash: seahash(image.subarray(index * 4096, (index + 1) * 4096)),
    });
    assert.ok(text.equals(blocks.record(pointer(5), 5, 'x')));
    assert.throws(() => blocks.record(pointer(6), 5, 'x'), 'Cannot read "x": block 6 cannot be decompressed');
    assert.throws(() => blocks.record(pointer(5), 4, 'x'), 'Cannot read "x": block 5 is larger than its record');
  } finally {
    closeSync(fd);
    rmSync(dir, { recursive: true });
  }
});

test.run();
