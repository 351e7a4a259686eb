// Changes, grows and compares images. Tests which volume a path belongs to, hard links, file systems of other
// tools, and partition tables.
import { Buffer } from 'node:buffer';
import {
  copyFileSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Context } from '../core/events.ts';
import { pathOf } from '../core/paths.ts';
import { KiB, MiB } from '../core/sizes.ts';
import { directory, file, fileTree, symlink } from './file-tree.ts';
import { growImage } from './change/grow-image.ts';
import { imageDifferences } from './read/image-diff.ts';
import { assemble } from './image.ts';
import type { ImageLayout } from './image.ts';
import { findInImage, openImage, verifyImage } from './read/image-reader.ts';
import type { OpenImage } from './read/image-reader.ts';
import { writeInitfs } from './initfs/initfs.ts';
import { putIntoImage } from './change/put-image.ts';
import type { PutOutcome } from './change/put-image.ts';
import type { PutRequest } from './change/put-request.ts';
import { fileBytes } from './read/volume.ts';

const host = { path: pathOf(process.env) };
const context: Context = { signal: new AbortController().signal, report: () => {} };
const dir = mkdtempSync(join(tmpdir(), 'image-change-'));
const scratch = join(dir, 'scratch');
mkdirSync(scratch);
test.after(() => rmSync(dir, { recursive: true }));

const linux = '0FC63DAF-8483-4772-8E79-3D69D8477DE4';
const esp = 'C12A7328-F81F-11D2-BA4B-00A0C93EC93B';
const efi = { kind: 'fat' as const, label: 'EFI', tree: fileTree([['EFI/BOOT/BOOTX64.EFI', file('loader')]]) };
const tree = fileTree([
  ['home', directory()],
  ['etc/motd', file('hello')],
  ['bin', symlink('usr/bin')],
]);
const partitions: ImageLayout['partitions'] = [
  { name: 'EFI', typeGuid: esp, startLba: 'next', sizeBytes: 2 * MiB, contents: efi },
  { name: 'root', typeGuid: linux, startLba: 'next', sizeBytes: 'rest', contents: { kind: 'redoxfs', tree } },
];
const original = join(dir, 'original');
const image = join(dir, 'image');
await assemble({ sizeBytes: 8 * MiB, timestampSec: 1_700_000_000, partitions }, original, host, context);
test.before.each(() => {
  rmSync(image, { force: true });
  copyFileSync(original, image);
});

async function opened<T>(path: string, work: (image: OpenImage) => Promise<T>): Promise<T> {
  const open = await openImage(path, scratch, host, context);
  try {
    return await work(open);
  } finally {
    await open.close();
  }
}

async function put(path: string, bytes: Buffer, more: Partial<PutRequest> = {}, only?: string, to = image): Promise<PutOutcome> {
  const defaults = { what: `put "${path}"`, defaultMode: 0o644, parents: false, compress: false };
  const request: PutRequest = { ...defaults, path, content: { kind: 'bytes', bytes }, ...more };
  return await opened(to, (open) => putIntoImage(open, { ...request, partition: only }, scratch, host, context));
}

async function read(path: string, from = image): Promise<Buffer> {
  return await opened(from, async (open) => {
    const { volume, entry } = await findInImage(open, path);
    const pieces: Buffer[] = [];
    for await (const piece of fileBytes(volume, entry)) pieces.push(Buffer.from(piece));
    return Buffer.concat(pieces);
  });
}

async function differences(before: string, after: string): Promise<readonly string[]> {
  return await opened(before, (a) =>
    opened(after, async (b) => {
      const lines: string[] = [];
      for await (const { change, path, details } of imageDifferences(a, b, context)) lines.push([change, path, ...details].join(' '));
      return lines;
    }),
  );
}

async function assertSound(path = image): Promise<void> {
  const { findings } = await opened(path, (open) => verifyImage(open, open.volumes, host, context));
  assert.equal(findings, []);
}

async function messageOf(work: Promise<unknown>): Promise<string> {
  return await work.then(
    () => 'it did not fail',
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
}

test('a path means the partition that it begins with, else the one that has the file or its directory', async () => {
  assert.equal(await put('/home/blob', Buffer.from('1')), { path: 'root/home/blob', replaced: false, copied: false });
  assert.equal(await put('etc/motd', Buffer.from('2')), { path: 'root/etc/motd', replaced: true, copied: false });
  assert.equal(await put('EFI/BOOT/BOOTX64.EFI', Buffer.from('3')), { path: 'EFI/EFI/BOOT/BOOTX64.EFI', replaced: true, copied: false });
  assert.is((await put('top', Buffer.from('4'), {}, 'root')).path, 'root/top');
  assert.is((await put('new/file', Buffer.from('5'), { parents: true })).path, 'root/new/file');
  assert.match(await messageOf(put('top2', Buffer.from('6'))), /it could be "EFI\/top2" or "root\/top2"/);
  assert.match(await messageOf(put('none/x', Buffer.from('6'))), /the directory "none" does not exist/);
  await assertSound();
  assert.equal(await differences(original, image), [
    'changed EFI/EFI/BOOT/BOOTX64.EFI size 6 -> 1',
    'changed root/etc/motd size 5 -> 1',
    'added root/home/blob',
    'added root/new',
    'added root/new/file',
    'added root/top',
  ]);
});

test('paths and images that cannot be written are refused, and the image keeps its bytes', async () => {
  for (const [path, why] of [
    ['home/../x', /a name is "\.\."/],
    ['home/', /the path names a directory/],
    ['home', /it is a directory/],
    ['root', /it is a partition/],
    ['EFI/EFI', /it is a directory/],
    ['EFI/a:b', /FAT allows/],
    ['home/large', /too little room/],
    ['EFI/large', /the FAT has too little room/],
  ] as const) {
    assert.match(await messageOf(put(path, Buffer.alloc(path.endsWith('large') ? 9 * MiB : 1, 'x'))), why);
  }
  assert.ok(readFileSync(image).equals(readFileSync(original)));
  const initfs = join(dir, 'initfs');
  writeFileSync(initfs, writeInitfs(tree, undefined, { generation: 'older', timestampSec: 0 }));
  assert.match(
    await messageOf(put('home/x', Buffer.from('x'), {}, undefined, initfs)),
    /cannot be written into this kind of volume: initfs/,
  );
  assert.equal(readdirSync(scratch), [], 'no temporary files are left');
  assert.equal(
    readdirSync(dir).filter((name) => name.endsWith('.partial')),
    [],
  );
});

test('another hard link of the image keeps its bytes', async () => {
  const blob = join(dir, 'blob');
  linkSync(image, blob);
  assert.ok((await put('home/x', Buffer.from('x'))).copied);
  assert.ok(readFileSync(blob).equals(readFileSync(original)));
  assert.is((await read('home/x')).toString(), 'x');
  assert.is(statSync(image).nlink, 1);
  rmSync(blob);
});

test('a file is written into a FAT and into an ext4, with mode, owner and directories', async () => {
  await put('EFI/loader/entries/a.conf', Buffer.from('entry'), { parents: true });
  assert.is((await read('EFI/loader/entries/a.conf')).toString(), 'entry');
  await assertSound();
  const ext4 = join(dir, 'ext4');
  const contents = { kind: 'ext4' as const, label: 'ext4', tree };
  const layout = { name: 'all', typeGuid: linux, startLba: 0, sizeBytes: 'rest' as const, contents };
  await assemble({ sizeBytes: 8 * MiB, table: 'none', timestampSec: 1_700_000_000, partitions: [layout] }, ext4, host, context);
  const before = join(dir, 'ext4-before');
  copyFileSync(ext4, before);
  await put('srv/data/blob', Buffer.alloc(100 * KiB, 'b'), { parents: true, mode: 0o750, uid: 5, gid: 6 }, undefined, ext4);
  await put('etc/motd', Buffer.from('changed'), {}, undefined, ext4);
  assert.match(await messageOf(put('bin', Buffer.from('x'), {}, undefined, ext4)), /it is a link to "usr\/bin"/);
  await assertSound(ext4);
  assert.equal(await differences(before, ext4), ['changed etc/motd size 5 -> 7', 'added srv', 'added srv/data', 'added srv/data/blob']);
  assert.ok((await read('srv/data/blob', ext4)).equals(Buffer.alloc(100 * KiB, 'b')));
  const entry = await opened(ext4, async (open) => (await findInImage(open, 'srv/data/blob')).entry);
  assert.equal([entry.mode, entry.uid, entry.gid], [0o750, 5, 6]);
});

test('differences in mode, owner, link target and content, and of images of another shape', async () => {
  assert.equal(await differences(original, image), []);
  await put('etc/motd', Buffer.from('HELLO'), { mode: 0o600, uid: 9 });
  assert.equal(await differences(original, image), [
    'changed root/etc/motd mode -rw-r--r-- -> -rw-------, owner 0:0 -> 9:0, content'.replaceAll(', ', ' '),
  ]);
  const initfs = [join(dir, 'initfs-1'), join(dir, 'initfs-2')] as const;
  const options = { generation: 'older', timestampSec: 0 } as const;
  writeFileSync(initfs[0], writeInitfs(tree, undefined, options));
  writeFileSync(
    initfs[1],
    writeInitfs(
      fileTree([...tree.entries, ['bin', symlink('bin2')] as const].filter(([, entry]) => entry !== tree.entries.get('bin'))),
      undefined,
      options,
    ),
  );
  assert.equal(await differences(...initfs), ['changed bin target "usr/bin" -> "bin2"']);
  assert.equal(await differences(initfs[0], image), ['changed (partition table) none -> GPT', 'removed /', 'added EFI', 'added root']);
});

test('an image grows into its partition and beyond, and a file that did not fit then fits', async () => {
  const large = Buffer.alloc(9 * MiB, 'large');
  assert.match(await messageOf(put('home/large', large)), /too little room/);
  const none = await opened(image, (open) => growImage(open, undefined, host, context));
  assert.is(none.afterBytes, none.beforeBytes);
  assert.ok(readFileSync(image).equals(readFileSync(original)), 'an image that fills its partition is not written');
  const grown = await opened(image, (open) => growImage(open, 24 * MiB, host, context));
  assert.is(grown.afterBytes - grown.beforeBytes, 16 * MiB);
  assert.is(statSync(image).size, 24 * MiB);
  await assertSound();
  await put('home/large', large);
  await assertSound();
  assert.ok((await read('home/large')).equals(large));
  assert.match(await messageOf(opened(image, (open) => growImage(open, 8 * MiB, host, context))), /images do not shrink/);
});

test('a bare RedoxFS grows to the end of its file, and an image that ends in another file system is refused', async () => {
  const bare = join(dir, 'bare');
  const root = { name: 'all', typeGuid: linux, startLba: 0, sizeBytes: 'rest' as const, contents: { kind: 'redoxfs' as const, tree } };
  await assemble({ sizeBytes: 2 * MiB, table: 'none', timestampSec: 0, partitions: [root] }, bare, host, context);
  truncateSync(bare, 4 * MiB);
  assert.is((await opened(bare, (open) => growImage(open, undefined, host, context))).afterBytes, 4 * MiB);
  await put('home/x', Buffer.alloc(2 * MiB, 'x'), {}, undefined, bare);
  await assertSound(bare);
  const fat = join(dir, 'fat');
  const [only] = partitions;
  assert.ok(only);
  await assemble({ sizeBytes: 4 * MiB, timestampSec: 0, partitions: [only] }, fat, host, context);
  assert.match(await messageOf(opened(fat, (open) => growImage(open, 8 * MiB, host, context))), /of kind fat, and only a RedoxFS can grow/);
});

test.run();
