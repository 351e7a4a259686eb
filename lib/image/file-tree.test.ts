// Tests which files a file tree accepts, adds and rejects, and where partitions are placed. Both are checked
// before anything is written.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { MiB } from '../core/sizes.ts';
import { directory, file, fileTree, namesByDirectory, symlink } from './file-tree.ts';
import { fatShape } from './fat/fat.ts';
import { sfdiskScript, partitionPlaces } from './partitions.ts';
import { sfdiskTable } from './gpt.ts';

test('parents are added, and a directory comes before its entries', () => {
  const tree = fileTree([
    ['b/c/d', file('x')],
    ['a-b', file('')],
    ['a', directory(0o700)],
    ['a/b', symlink('..')],
  ]);
  assert.equal([...tree.entries.keys()], ['', 'a', 'a-b', 'a/b', 'b', 'b/c', 'b/c/d']);
  assert.is(tree.entries.get('a')?.mode, 0o700);
  assert.is(tree.entries.get('b/c')?.mode, 0o755);
  assert.equal(
    [...namesByDirectory(tree)],
    [
      ['', ['a', 'a-b', 'b']],
      ['a', ['b']],
      ['b', ['c']],
      ['b/c', ['d']],
    ],
  );
});

test('bad paths and entries are refused with their path', () => {
  for (const [path, entry, why] of [
    ['/a', file(''), 'a name is empty'],
    ['a//b', file(''), 'a name is empty'],
    ['a/../b', file(''), 'a name is ".."'],
    ['a\0', file(''), 'a name holds a NUL'],
    ['\ud800', file(''), 'a name is not well-formed Unicode'],
    ['', file(''), 'the root must be a directory'],
    ['a', directory(0o10000), 'its mode 4096 has more than 12 bits'],
    ['a', directory(0o755, { uid: -1, gid: 0 }), 'its owner -1:0 is not a pair of 32-bit numbers'],
    ['a', symlink(''), 'its link target is empty, holds a NUL or is not well-formed Unicode'],
    ['a', file({ kind: 'sparse', sizeBytes: 2, pieces: [{ atBytes: 1, bytes: new Uint8Array(2) }] }), 'a piece is beyond its end'],
  ] as const)
    assert.throws(() => fileTree([[path, entry]]), `Cannot put "${path}" into a file tree: ${why}`);
  assert.throws(
    () =>
      fileTree([
        ['a', file('')],
        ['a', file('')],
      ]),
    'Cannot put "a" into a file tree: it is there twice',
  );
  assert.throws(
    () =>
      fileTree([
        ['a', symlink('b')],
        ['a/b', file('')],
      ]),
    'Cannot put "a/b" into a file tree: "a" is a symlink',
  );
});

test('partitions follow each other at whole MiB, and the last gets the remaining space', () => {
  const places = partitionPlaces(64 * MiB, [
    { name: 'a', startLba: 2048, sizeBytes: 512 * 3 },
    { name: 'b', startLba: 'next', sizeBytes: 'rest' },
  ]);
  assert.equal(places, [
    { startLba: 2048, sectors: 3 },
    { startLba: 4096, sectors: 131_072 - 33 - 4096 - 7 },
  ]);
  assert.is((places[1]?.sectors ?? 0) % 8, 0, 'whole blocks of 4 KiB');
});

test('partitions that overlap, are not whole sectors, or do not fit are refused', () => {
  const place = (startLba: number | 'next', sizeBytes: number | 'rest') => () =>
    partitionPlaces(2 * MiB, [{ name: 'p', startLba, sizeBytes }]);
  assert.throws(place(10, 512), 'Cannot place partition "p": it starts at sector 10, and the first 34 sectors are taken');
  assert.throws(place(2048, 100), 'Cannot place partition "p": its size of 100 bytes is not a multiple of 512');
  assert.throws(place(2048, 1 * MiB), 'Cannot place partition "p": the image of 2 MiB is too small: 16896 bytes (16.5 KiB) are missing');
  assert.throws(place(4096, 'rest'), /too small: 17408 bytes/);
});

test('a FAT is as wide as its clusters allow', () => {
  assert.equal(fatShape(200 * MiB), { bits: 32, sectorsPerCluster: 4 });
  assert.equal(fatShape(34 * MiB), { bits: 32, sectorsPerCluster: 1 });
  assert.equal(fatShape(16 * MiB), { bits: 16, sectorsPerCluster: 4 });
  assert.equal(fatShape(1 * MiB), { bits: 12, sectorsPerCluster: 1 });
});

test('the partition table is passed to sfdisk as a script and read from its JSON', () => {
  const partition = { name: 'EFI', typeGuid: 'T', guid: 'G', startLba: 2048, sectors: 8 };
  const script = sfdiskScript({ diskGuid: 'D', partitions: [partition] });
  assert.match(script, /label: gpt\nlabel-id: D\n[^]*\nstart=2048, size=8, type=T, uuid=G, name="EFI"\n/);
  const json = {
    partitiontable: { label: 'gpt', id: 'D', partitions: [{ node: 'x1', start: 2048, size: 8, type: 'T', uuid: 'G', name: 'EFI' }] },
  };
  assert.equal(sfdiskTable(JSON.stringify(json)), { label: 'gpt', id: 'D', partitions: [partition] });
  for (const text of ['', 'null', '[]', '{"partitiontable":1}']) assert.is(sfdiskTable(text), undefined);
});

test.run();
