// Trees written and read back through real files; the byte tables of the format, asserted by offset; room and
// damage.
import { Buffer } from 'node:buffer';
import { closeSync, mkdtempSync, openSync, readFileSync, readSync, rmSync, statSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Context } from '../../core/events.ts';
import { KiB, MiB } from '../../core/sizes.ts';
import { directory, file, fileTree, openContent, symlink } from '../file-tree.ts';
import type { Content, Entry, FileTree } from '../file-tree.ts';
import { nameHash, nodeTypes, permissionsOf, typeOf } from '../redoxfs/node.ts';
import { openRedoxfs } from '../redoxfs/reader.ts';
import type { Redoxfs, RedoxfsEntry } from '../redoxfs/reader.ts';
import { verifyRedoxfs } from '../redoxfs/volume.ts';
import { writeRedoxfs } from './writer.ts';
import { seahash } from '../redoxfs/seahash.ts';

const context: Context = { signal: new AbortController().signal, report: () => {} };
const dir = mkdtempSync(join(tmpdir(), 'redoxfs-test-'));
const image = join(dir, 'image');
const timestampSec = 1_700_000_000;
test.after(() => rmSync(dir, { recursive: true }));

async function write(tree: FileTree, sizeBytes = 8 * MiB, offsetBytes = 0): Promise<void> {
  const fd = openSync(image, 'w+');
  try {
    await writeRedoxfs(tree, fd, { name: 'test', offsetBytes, sizeBytes, timestampSec }, context);
  } finally {
    closeSync(fd);
  }
}

/** Writes, verifies, reads back and compares everything but the order. */
async function roundTrip(tree: FileTree, sizeBytes = 8 * MiB): Promise<void> {
  await write(tree, sizeBytes);
  const verdict = await verifyRedoxfs(image, 0, context);
  assert.equal({ ...verdict, usedBytes: 0 }, { findings: [], paths: tree.entries.size, usedBytes: 0, leakedBlocks: 0 });
  const fs = openRedoxfs(image, 0);
  try {
    const paths = new Set<string>();
    for (const { path, node } of fs.walk()) {
      paths.add(path);
      const entry = tree.entries.get(path);
      assert.ok(entry, path);
      assert.equal(
        [typeOf(node), permissionsOf(node), node.uid, node.gid],
        [nodeTypes[entry.kind], entry.mode, entry.uid, entry.gid],
        path,
      );
      if (entry.kind === 'symlink') assert.is(fs.linkTarget(node, path), entry.target);
      if (entry.kind === 'file') assertSameBytes(entry.content, node.sizeBytes, fs.pieces(node, path), path);
    }
    assert.is(paths.size, tree.entries.size);
  } finally {
    fs.close();
  }
}

/** What no piece covers must be a hole or zeros of the content. */
function assertSameBytes(
  content: Content,
  sizeBytes: number,
  pieces: Iterable<{ atBytes: number; bytes: Uint8Array }>,
  path: string,
): void {
  const open = openContent(content);
  assert.is(sizeBytes, open.sizeBytes, path);
  let end = 0;
  const assertZeros = (to: number): void => {
    if (open.isHole(end, to - end)) return;
    const bytes = Buffer.alloc(to - end);
    open.read(end, bytes);
    assert.ok(
      bytes.every((byte) => byte === 0),
      path,
    );
  };
  for (const { atBytes, bytes } of pieces) {
    assertZeros(atBytes);
    const expected = Buffer.alloc(bytes.length);
    open.read(atBytes, expected);
    assert.ok(expected.equals(bytes), `${path} at ${atBytes}`);
    end = atBytes + bytes.length;
  }
  assertZeros(sizeBytes);
  open.close();
}

/** Mulberry32: the same numbers in every run. */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

function randomTree(seed: number): FileTree {
  const random = randomNumbers(seed);
  const directories = [''];
  const entries = new Map<string, Entry>();
  const sizes = [0, 1, 3967, 3968, 3969, 4096, 4097, 128 * KiB - 1, 128 * KiB, 128 * KiB + 1, 300 * KiB];
  for (let i = 0; i < 120; i++) {
    const parent = directories[random(directories.length)] ?? '';
    const name =
      Array.from({ length: 1 + random(random(10) === 0 ? 80 : 12) }, () => 'abcXYZ0-_. é漢'[random(13)])
        .join('')
        .trim() + i;
    const path = parent === '' ? name : `${parent}/${name}`;
    const owner = { uid: random(2 ** 32), gid: random(70_000) };
    const kind = random(4);
    if (kind === 0) directories.push(path);
    if (kind === 0) entries.set(path, directory(random(0o10000), owner));
    else if (kind === 1) entries.set(path, symlink('../'.repeat(random(30)) + name, owner));
    else entries.set(path, file(Buffer.alloc(sizes[random(sizes.length)] ?? 0, random(3) === 0 ? '' : name), random(0o10000), owner));
  }
  return fileTree(entries);
}

test('random trees are read back unchanged', async () => {
  for (let seed = 1; seed <= 12; seed++) await roundTrip(randomTree(seed), 24 * MiB);
});

test('the same tree gives the same bytes', async () => {
  await write(randomTree(5), 24 * MiB);
  const first = readFileSync(image);
  await write(randomTree(5), 24 * MiB);
  assert.ok(first.equals(readFileSync(image)));
});

test('10,000 files in one directory', async () => {
  await roundTrip(fileTree(Array.from({ length: 10_000 }, (_, i) => [`many/file-${i}`, file(`content ${i}`)] as const)), 64 * MiB);
});

test('an H-tree of two levels: 4,000 names of 252 bytes', async () => {
  const name = (i: number): string => `${i}-`.padEnd(252, 'n');
  await roundTrip(fileTree(Array.from({ length: 4000 }, (_, i) => [name(i), file('')] as const)), 32 * MiB);
  const fs = openRedoxfs(image, 0);
  const { node } = entryAt(fs, '');
  assert.is('pointers' in node.data ? node.data.pointers[0]?.[0]?.level : undefined, 2, 'the marker says the depth');
  assert.ok(fs.find(name(1234)));
  fs.close();
});

test('names with equal hashes stay in one list and are both found', async () => {
  const byHash = new Map<number, string>();
  const colliding = new Set<string>();
  for (let i = 0; colliding.size < 4 && i < 1_000_000; i++) {
    const other = byHash.get(nameHash(`n${i}`));
    if (other) colliding.add(other).add(`n${i}`);
    byHash.set(nameHash(`n${i}`), `n${i}`);
  }
  assert.ok(colliding.size >= 4);
  const names = [...colliding, ...Array.from({ length: 1500 }, (_, i) => `other${i}`)];
  await roundTrip(fileTree(names.map((name) => [name, file(name)] as const)), 16 * MiB);
});

test('a file of 300 MiB that is mostly holes uses only the space of its data', async () => {
  const pieces = [
    { atBytes: 0, bytes: Buffer.from('begin') },
    { atBytes: 299 * MiB + 77, bytes: Buffer.alloc(300 * KiB, 'x') },
  ];
  await roundTrip(fileTree([['large', file({ kind: 'sparse', sizeBytes: 300 * MiB, pieces })]]));
  assert.ok(statSync(image).size < 8 * MiB);
});

test('records below block lists of every level, up to a petabyte', async () => {
  const piece = (atBytes: number): { atBytes: number; bytes: Buffer } => ({ atBytes, bytes: Buffer.from(`at ${atBytes}`) });
  const starts = [0, 20 * MiB, 3 * 1024 * MiB, 400 * 1024 * MiB, 40 * 1024 * 1024 * MiB];
  await roundTrip(fileTree([['deep', file({ kind: 'sparse', sizeBytes: 1024 * 1024 * 1024 * MiB, pieces: starts.map(piece) })]]));
});

test('a link target too long for its node is kept in blocks of 4 KiB', async () => {
  await roundTrip(fileTree([['long', symlink('t/'.repeat(5000))]]));
});

test('the header matches the byte table, in slots 0 and 1', async () => {
  await write(fileTree([['a', file('x')]]), 8 * MiB + 1000, 1 * MiB);
  const bytes = readFileSync(image).subarray(1 * MiB);
  for (const generation of [0, 1]) {
    const header = bytes.subarray(4096 * generation, 4096 * (generation + 1));
    assert.is(header.toString('latin1', 0, 8), 'RedoxFS\0');
    assert.is(header.readBigUInt64LE(8), 8n);
    assert.is(header.readBigUInt64LE(32), BigInt(8 * MiB), 'the size is in bytes, in whole blocks');
    assert.is(header.readBigUInt64LE(40), BigInt(generation));
    assert.is((header[22] ?? 0) >> 4, 4, 'a version 4 UUID');
    assert.ok(header.subarray(80, 4072).every((byte) => byte === 0));
    assert.is(header.readBigUInt64LE(4072), header.readBigUInt64LE(4088));
    assert.is(header.readBigUInt64LE(4080), 0n);
    assert.is(header.readBigUInt64LE(4088), seahash(header.subarray(0, 4072)));
  }
});

test('tree, node, directory and log match the byte tables', async () => {
  const blocksIn = (8 * MiB) / 4096;
  await write(
    fileTree([
      ['b', file('hello', 0o640, { uid: 7, gid: 8 })],
      ['a', directory()],
    ]),
  );
  const bytes = readFileSync(image);
  const block = (pointerAt: number): Buffer => {
    const index = Number(bytes.readBigUInt64LE(pointerAt) >> 8n);
    const found = bytes.subarray(index * 4096, (index + 1) * 4096);
    assert.is(bytes.readBigUInt64LE(pointerAt + 8), seahash(found));
    return found;
  };
  const at = (inside: Buffer, offset: number): number => inside.byteOffset - bytes.byteOffset + offset;
  let list = block(48);
  for (let level = 3; level > 0; level--) {
    assert.is(list.readBigUInt64LE(4064), 0n, 'lists above are not full');
    list = block(at(list, 0));
  }
  assert.is(list.readBigUInt64LE(4064), 0b1111n, 'the reserved slot and three nodes');
  assert.is(list.readBigUInt64LE(0), 0n, 'id 0 is null');
  const root = block(at(list, 16));
  assert.equal([root.readUInt16LE(0), root.readUInt32LE(10)], [0o40755, 1], 'mode and links');
  assert.equal([root.readBigUInt64LE(14), root.readBigUInt64LE(22)], [4096n, 2n], 'size and blocks');
  assert.is(root.readBigUInt64LE(128), 0xffff_ffff_ffff_fff0n, 'the marker of depth 0');
  assert.is(root.readBigUInt64LE(136), 0xffff_ffff_ffff_ffffn);
  const names = block(at(root, 144));
  assert.equal([names.readUInt16LE(0), names.readUInt16LE(2)], [2, 12]);
  const node = block(at(list, 48));
  assert.equal([node.readUInt16LE(0), node.readUInt32LE(2), node.readUInt32LE(6)], [0o100640, 7, 8], 'mode and owner');
  assert.equal([node.readUInt32LE(66), node.readUInt32LE(70)], [5, 1], 'record level and the inline flag');
  assert.equal(
    [30, 42, 54].map((time) => Number(node.readBigUInt64LE(time))),
    [timestampSec, timestampSec, timestampSec],
  );
  assert.is(node.toString('latin1', 128, 133), 'hello');
  const log = block(64);
  assert.is(log.readBigUInt64LE(0), 0n, 'no block before it');
  const free = Number(log.readBigUInt64LE(16));
  assert.is(free + Number(log.readBigInt64LE(24)), blocksIn, 'the first extent reaches to the end');
  assert.ok(bytes.subarray(free * 4096).every((byte) => byte === 0));
});

test('a damaged block is reported by the path it belongs to', async () => {
  const large = file(Buffer.alloc(400 * KiB, 'x'));
  await write(
    fileTree([
      ['usr/bin/x', large],
      ['usr/bin/y', file(Buffer.alloc(10_000, 'y'))],
      ['small', file('inline')],
    ]),
  );
  const fs = openRedoxfs(image, 0);
  const { node } = entryAt(fs, 'usr/bin/x');
  const record = [...fs.records(node, '')][2]?.pointer.index ?? 0;
  fs.close();
  flipByte(record * 4096 + 123);
  const { findings } = await verifyRedoxfs(image, 0, context);
  const why = `block ${record} does not have the hash of its pointer`;
  assert.equal(findings, [{ path: 'usr/bin/x', why }]);
  const again = openRedoxfs(image, 0);
  const damaged = entryAt(again, 'usr/bin/x');
  assert.throws(() => [...again.pieces(damaged.node, 'usr/bin/x')], `Cannot read "usr/bin/x": ${why}`);
  assert.is(Buffer.concat([...again.pieces(entryAt(again, 'usr/bin/y').node, 'usr/bin/y')].map(({ bytes }) => bytes)).length, 10_000);
  again.close();
});

test('whichever block in use is damaged, the verdict finds it', async () => {
  const tree = fileTree([
    ...Array.from({ length: 400 }, (_, i) => [`d/file-${i}`, file('x')] as const),
    ['big', file(Buffer.alloc(20_000, 'b'))],
  ]);
  await write(tree, 4 * MiB);
  const { usedBytes } = await verifyRedoxfs(image, 0, context);
  let found = 0;
  for (let index = 257; index < 1024; index += 7) {
    const used = readFileSync(image)
      .subarray(index * 4096, (index + 1) * 4096)
      .some((byte) => byte !== 0);
    flipByte(index * 4096 + 5);
    if ((await verifyRedoxfs(image, 0, context)).findings.length > 0) found++;
    else assert.not(used, `block ${index} is in use, and its damage was not found`);
    flipByte(index * 4096 + 5);
  }
  assert.ok(found >= Math.floor(usedBytes / 4096 / 7) - 1, `${found} of the blocks`);
});

test('the loss of the newest header is survived by the one before it', async () => {
  await write(fileTree([['a', file('x')]]));
  flipByte(4096 + 50);
  assert.equal((await verifyRedoxfs(image, 0, context)).findings, []);
  flipByte(50);
  assert.throws(() => openRedoxfs(image, 0), /Cannot read the RedoxFS in ".*": the header does not have its hash/);
});

test('the error for an image that is too small has the exact missing size', async () => {
  const tree = randomTree(3);
  const error = await write(tree, 2 * MiB).then(
    () => assert.unreachable(),
    (thrown: unknown) => thrown,
  );
  const message = error instanceof Error ? error.message : '';
  assert.match(message, /^Cannot write the RedoxFS "test": its 2 MiB are too small: \d+ bytes \(.*\) are missing$/);
  const missing = Number(/(\d+) bytes/.exec(message)?.[1]);
  assert.match(
    await write(tree, 2 * MiB + missing - 4096).then(
      () => '',
      (thrown: unknown) => String(thrown),
    ),
    /4096 bytes/,
  );
  await roundTrip(tree, 2 * MiB + missing);
});

test('names that RedoxFS cannot hold are refused by path', async () => {
  await roundTrip(fileTree([['é'.repeat(126), file('252 bytes')]]));
  for (const [path, why] of [
    [`d/${'é'.repeat(126)}x`, /its name has 253 bytes/],
    ['d/a:b', /RedoxFS forbids ":"/],
  ] as const) {
    assert.match(
      await write(fileTree([[path, file('')]])).then(
        () => '',
        (thrown: unknown) => String(thrown),
      ),
      why,
    );
  }
});

test('a host file with another length than declared is refused', async () => {
  for (const [sizeBytes, why] of [
    [1 * MiB, /it ended at/],
    [4096 + 10, /it is longer than/],
  ] as const) {
    const tree = fileTree([['f', file({ kind: 'host', path: new URL(import.meta.url).pathname, sizeBytes })]]);
    assert.match(
      await write(tree).then(
        () => '',
        (thrown: unknown) => String(thrown),
      ),
      why,
    );
  }
});

function entryAt(fs: Redoxfs, path: string): RedoxfsEntry {
  const entry = fs.find(path);
  if (!entry) throw new Error(`there is no "${path}"`);
  return entry;
}

function flipByte(at: number): void {
  const fd = openSync(image, 'r+');
  const byte = Buffer.alloc(1);
  readSync(fd, byte, 0, 1, at);
  writeSync(fd, Buffer.from([byte.readUInt8(0) ^ 0xff]), 0, 1, at);
  closeSync(fd);
}

test.run();
