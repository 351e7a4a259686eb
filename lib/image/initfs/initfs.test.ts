// The initfs written and read back in both generations, its header by offset, and damage.
import { Buffer } from 'node:buffer';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { directory, file, fileTree, symlink } from '../file-tree.ts';
import { readInitfs } from './reader.ts';
import { writeInitfs } from './initfs.ts';

const tree = fileTree([
  ['bin/init', file(Buffer.alloc(5000, 7), 0o755, { uid: 3, gid: 4 })],
  ['bin/sh', symlink('init')],
  ['empty', file('', 0o600)],
  ['etc', directory(0o700)],
]);
const elf = Buffer.alloc(4200);
elf.write('\x7fELF\x02\x01\x01', 'latin1');
elf.writeBigUInt64LE(0x3000n, 24);

test('the older generation keeps modes and owners, the newer one whether a file is executable', () => {
  const older = readInitfs(writeInitfs(tree, elf, { generation: 'older', timestampSec: 5 }));
  assert.is(older.generation, 'older');
  assert.equal([...older.tree.entries], [...tree.entries]);
  const newer = readInitfs(writeInitfs(tree, elf, { generation: 'newer', timestampSec: 5 }));
  assert.is(newer.generation, 'newer');
  assert.equal(
    [...newer.tree.entries].map(([path, { mode }]) => [path, mode]),
    [
      ['', 0o755],
      ['bin', 0o755],
      ['bin/init', 0o755],
      ['bin/sh', 0o777],
      ['empty', 0o644],
      ['etc', 0o755],
    ],
  );
});

test('the bootstrap program is at offset 4096 and its entry point at 0x1a of the header', () => {
  const image = Buffer.from(writeInitfs(tree, elf, { generation: 'newer', timestampSec: 1_700_000_000 }));
  assert.ok(image.subarray(4096, 4096 + elf.length).equals(elf));
  assert.is(image.readBigUInt64LE(0x1a), 0x3000n);
  assert.is(image.toString('latin1', 0, 8), 'RedoxFtw');
  assert.is(image.readUInt32LE(8), 4096 + 8192, 'the inode table follows, page-aligned');
  assert.is(image.readBigUInt64LE(12), 1_700_000_000n);
  assert.is(image.readUInt16LE(24), 6);
  assert.is(Number(image.readBigUInt64LE(0x22)), image.length);
  assert.is(image.readUInt16LE(42), 4096);
  const without = writeInitfs(tree, undefined, { generation: 'newer', timestampSec: 0 });
  assert.is(Buffer.from(without).readBigUInt64LE(0x1a), 0xffff_ffff_ffff_ffffn);
  assert.is(readInitfs(without).bootstrapEntry, undefined);
});

test('inode 0 is the root and children are numbered before their directory', () => {
  const image = Buffer.from(writeInitfs(tree, undefined, { generation: 'newer', timestampSec: 0 }));
  const rootTable = image.readUInt32LE(image.readUInt32LE(8) + 8);
  const numbers = [0, 1, 2].map((i) => image.readUInt16LE(rootTable + 8 * i));
  assert.equal(numbers, [3, 4, 5], 'bin follows bin/init (1) and bin/sh (2)');
});

test('a bootstrap program that is not ELF is refused', () => {
  const why = /Cannot use the bootstrap program of an initfs: it is not an ELF file/;
  assert.throws(() => writeInitfs(tree, Buffer.alloc(100), { generation: 'newer', timestampSec: 0 }), why);
});

test('damage is refused with the path, whichever byte is hit', () => {
  const good = writeInitfs(tree, undefined, { generation: 'older', timestampSec: 0 });
  assert.throws(() => readInitfs(good.subarray(0, good.length - 1)), /Cannot read the initfs: its header has a size of \d+ bytes/);
  const table = Buffer.from(good).readUInt32LE(8);
  const damaged = Buffer.from(good);
  damaged.writeUInt32LE(0xffff_0000, table + 20 + 8);
  assert.throws(() => readInitfs(damaged), /Cannot read "bin\/init": it leads to bytes/);
  for (let at = 8; at < good.length; at += at < 44 || (at >= table && at < table + 120) ? 1 : 509) {
    const bytes = Buffer.from(good);
    bytes.writeUInt8(bytes.readUInt8(at) ^ 0xff, at);
    try {
      readInitfs(bytes);
    } catch (error) {
      assert.match(error instanceof Error ? error.message : '', /^Cannot /);
    }
  }
});

test.run();
