// Writes files into existing file systems. The result is compared with a model after each change, writing is
// interrupted at every write, and a refused change leaves the image unchanged.
import { Buffer } from 'node:buffer';
import { closeSync, ftruncateSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Context } from '../../core/events.ts';
import { KiB, MiB } from '../../core/sizes.ts';
import { directory, file, fileTree, symlink } from '../file-tree.ts';
import type { FileTree } from '../file-tree.ts';
import type { PutRequest } from '../change/put-request.ts';
import { permissionsOf } from '../redoxfs/node.ts';
import { blockBytes } from '../redoxfs/blocks.ts';
import { putIntoRedoxfs } from './put.ts';
import { openRedoxfs } from '../redoxfs/reader.ts';
import { fileDisk } from './sink.ts';
import type { BlockDisk } from './sink.ts';
import { verifyRedoxfs } from '../redoxfs/volume.ts';
import { writeRedoxfs } from './writer.ts';

const context: Context = { signal: new AbortController().signal, report: () => {} };
const dir = mkdtempSync(join(tmpdir(), 'redoxfs-put-'));
const image = join(dir, 'image');
test.after(() => rmSync(dir, { recursive: true }));

async function write(tree: FileTree, sizeBytes = 8 * MiB): Promise<void> {
  const fd = openSync(image, 'w+');
  try {
    ftruncateSync(fd, sizeBytes);
    await writeRedoxfs(tree, fd, { name: 'test', offsetBytes: 0, sizeBytes, timestampSec: 7 }, context);
  } finally {
    closeSync(fd);
  }
}

type Put = Partial<PutRequest> & { readonly path: string; readonly bytes: Buffer };

/** Puts a file into the image, or records the writes on `disk` instead. */
async function put({ bytes, ...request }: Put, disk?: BlockDisk): Promise<void> {
  const fs = openRedoxfs(image, 0);
  const fd = openSync(image, 'r+');
  try {
    const defaults = { what: `put "${request.path}"`, defaultMode: 0o644, parents: false, compress: false };
    await putIntoRedoxfs(fs, disk ?? fileDisk(fd, 0), { ...defaults, content: { kind: 'bytes', bytes }, ...request }, context);
  } finally {
    closeSync(fd);
    fs.close();
  }
}

/** The files of the image with their bytes. */
function contents(path = image): Map<string, Buffer> {
  const fs = openRedoxfs(path, 0);
  const found = new Map<string, Buffer>();
  for (const entry of fs.walk()) {
    const bytes = Buffer.alloc((entry.node.mode & 0xf000) === 0x8000 ? entry.node.sizeBytes : 0);
    if (bytes.length > 0) for (const piece of fs.pieces(entry.node, entry.path)) bytes.set(piece.bytes, piece.atBytes);
    found.set(entry.path, bytes);
  }
  fs.close();
  return found;
}

async function assertSound(path = image): Promise<void> {
  const { findings, leakedBlocks } = await verifyRedoxfs(path, 0, context);
  assert.equal({ findings, leakedBlocks }, { findings: [], leakedBlocks: 0 });
}

async function messageOf(work: Promise<unknown>): Promise<string> {
  return await work.then(
    () => 'it did not fail',
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
}

const bytesOf = (length: number, seed: number): Buffer => Buffer.from(Array.from({ length }, (_, i) => (i * seed + (i >> 8)) & 255));

test('a new file, a replaced one and one with new directories are read back', async () => {
  await write(
    fileTree([
      ['home', directory()],
      ['etc/motd', file('hello', 0o600, { uid: 3, gid: 4 })],
    ]),
  );
  await put({ path: 'home/blob', bytes: bytesOf(1_000_000, 7), mode: 0o755, uid: 1000, gid: 100 });
  await put({ path: 'etc/motd', bytes: Buffer.from('changed') });
  await put({ path: 'srv/a/b/file', bytes: bytesOf(5000, 3), parents: true });
  await put({ path: 'top', bytes: Buffer.alloc(0) });
  await assertSound();
  const found = contents();
  assert.equal([...found.keys()].sort(), ['', 'etc', 'etc/motd', 'home', 'home/blob', 'srv', 'srv/a', 'srv/a/b', 'srv/a/b/file', 'top']);
  assert.ok(found.get('home/blob')?.equals(bytesOf(1_000_000, 7)));
  assert.is(found.get('etc/motd')?.toString(), 'changed');
  const fs = openRedoxfs(image, 0);
  const [blob, motd] = [fs.find('home/blob')?.node, fs.find('etc/motd')?.node];
  assert.ok(blob && motd);
  assert.equal([permissionsOf(blob), blob.uid, blob.gid, blob.timeSec], [0o755, 1000, 100, 7]);
  assert.equal([permissionsOf(motd), motd.uid, motd.gid], [0o600, 3, 4], 'a replaced file keeps mode and owner');
  assert.is(fs.header.generation, 5);
  fs.close();
});

test('hundreds of changes keep the file system sound, lose no block and never touch the header in slot 0', async () => {
  await write(fileTree(Array.from({ length: 300 }, (_, i) => [`d${i % 3}/file-${i}`, file(`${i}`)] as const)), 6 * MiB);
  const slot0 = readFileSync(image).subarray(0, blockBytes);
  const model = contents();
  const sizes = [0, 10, 3967, 3968, 5000, 128 * KiB, 300 * KiB, 1 * MiB];
  for (let i = 0; i < 300; i++) {
    const path = i % 5 === 0 ? `d${i % 3}/file-${i}` : `d${i % 2}/new-${i % 40}`;
    const bytes = bytesOf(sizes[(i * 5) % (i % 40 < 4 ? sizes.length : 5)] ?? 0, i | 1);
    await put({ path, bytes, compress: i % 2 === 0 });
    model.set(path, bytes);
    if (i % 30 === 0) await assertSound();
  }
  await assertSound();
  const found = contents();
  assert.equal([...found.keys()].sort(), [...model.keys()].sort());
  for (const [path, bytes] of model) assert.ok(found.get(path)?.equals(bytes), path);
  assert.ok(readFileSync(image).subarray(0, blockBytes).equals(slot0), 'generations that are multiples of 256 are skipped');
  const fs = openRedoxfs(image, 0);
  assert.is(fs.header.generation, 302, '300 changes after generation 1, and 256 was skipped');
  fs.close();
});

test('whichever write is the last or is torn, the image reads as before or as afterwards', async () => {
  await write(fileTree(Array.from({ length: 150 }, (_, i) => [`home/file-${i}`, file(`${i}`)] as const)), 4 * MiB);
  await put({ path: 'home/file-3', bytes: bytesOf(300 * KiB, 3) });
  const cases: readonly Put[] = [
    { path: 'home/file-3', bytes: bytesOf(200 * KiB, 5) },
    { path: 'a/b/new', bytes: bytesOf(140 * KiB, 9), parents: true },
  ];
  for (const change of cases) {
    const before = readFileSync(image);
    const old = contents();
    const writes: { readonly at: number; readonly bytes: Buffer }[] = [];
    await put(change, { write: (index, bytes) => void writes.push({ at: index * blockBytes, bytes: Buffer.from(bytes) }) });
    assert.ok(readFileSync(image).equals(before), 'nothing was written yet');
    const cut = join(dir, 'cut');
    const outcomes: string[] = [];
    for (let whole = 0; whole <= writes.length; whole++) {
      for (const torn of [0, 512, 4000]) {
        const bytes = Buffer.from(before);
        for (const each of writes.slice(0, whole)) bytes.set(each.bytes, each.at);
        const next = writes[whole];
        if (next) bytes.set(next.bytes.subarray(0, torn), next.at);
        writeFileSync(cut, bytes);
        await assertSound(cut);
        const now = contents(cut);
        const changed = now.get(change.path)?.equals(change.bytes) ?? false;
        outcomes.push(changed ? 'after' : 'before');
        const expected = new Map(old);
        if (changed) for (const path of ['a', 'a/b', change.path]) if (now.has(path)) expected.set(path, now.get(path) ?? Buffer.alloc(0));
        assert.equal([...now.keys()].sort(), [...expected.keys()].sort());
        for (const [path, content] of expected) assert.ok(now.get(path)?.equals(content), path);
      }
    }
    assert.equal(outcomes.slice(-3), ['after', 'after', 'after'], 'all writes publish the change');
    assert.is(outcomes.indexOf('after'), outcomes.length - 3, 'only the last one does');
    await put(change);
  }
});

test('too little space changes nothing and is reported with the missing size', async () => {
  await write(fileTree([['home', directory()]]), 2 * MiB);
  const before = readFileSync(image);
  const message = await messageOf(put({ path: 'home/large', bytes: bytesOf(3 * MiB, 3) }));
  assert.match(message, /^Cannot put "home\/large": the file system of 2 MiB has too little room: \d+ bytes \(.*\) are missing$/);
  assert.ok(readFileSync(image).equals(before));
  const missing = Number(/(\d+) bytes \(/.exec(message)?.[1]);
  await write(fileTree([['home', directory()]]), 2 * MiB + missing);
  await put({ path: 'home/large', bytes: bytesOf(3 * MiB, 3) });
  await assertSound();
});

test('a file can be replaced any number of times, because the blocks of the old one are freed', async () => {
  await write(fileTree([['f', file('')]]), 4 * MiB);
  for (let i = 0; i < 20; i++) await put({ path: 'f', bytes: bytesOf(1 * MiB, 2 * i + 1) });
  await assertSound();
});

test('paths that cannot be written are refused, and nothing is written', async () => {
  await write(
    fileTree([
      ['bin', symlink('usr/bin')],
      ['usr/bin/x', file('x')],
    ]),
  );
  const before = readFileSync(image);
  for (const [path, why] of [
    ['usr', /Cannot put "usr": it is a directory/],
    ['bin', /"bin" is a link to "usr\/bin"/],
    ['bin/y', /"bin" is a link to "usr\/bin"/],
    ['usr/bin/x/y', /"usr\/bin\/x" is not a directory/],
    ['no/y', /the directory "no" does not exist/],
    ['usr/a:b', /RedoxFS forbids ":"/],
    [`usr/${'n'.repeat(253)}`, /its name has 253 bytes/],
  ] as const) {
    assert.match(await messageOf(put({ path, bytes: Buffer.from('y') })), why);
  }
  assert.ok(readFileSync(image).equals(before));
});

test('ids of a second list of nodes, and directories with an H-tree', async () => {
  await write(fileTree(Array.from({ length: 600 }, (_, i) => [`many/a-file-with-a-longer-name-${i}`, file('')] as const)), 8 * MiB);
  for (let i = 0; i < 60; i++) await put({ path: `many/another-file-with-a-name-${i}`, bytes: Buffer.from(`${i}`) });
  await assertSound();
  const found = contents();
  for (let i = 0; i < 60; i++) assert.is(found.get(`many/another-file-with-a-name-${i}`)?.toString(), `${i}`);
});

test.run();
