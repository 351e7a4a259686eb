// LZ4 blocks that our decompressor reads back, the limits of the format at the end of a block, and input that does not compress.
import { Buffer } from 'node:buffer';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { compressedLz4 } from './records.ts';
import { lz4Block } from '../redoxfs/blocks.ts';

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

test.run();
