// File systems of this writer are read by an independent reader: the Rust library of the bundled bootloader,
// which shares no code with this room. Covers new images, compressed records, block lists of every level, and
// images after changes.
import { Buffer } from 'node:buffer';
import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Context } from '../../core/events.ts';
import { outputOf } from '../../core/sh.ts';
import { GiB, KiB, MiB } from '../../core/sizes.ts';
import { directory, file, fileTree, symlink } from '../file-tree.ts';
import type { Entry, FileTree } from '../file-tree.ts';
import { nodeTypes, typeOf } from '../redoxfs/node.ts';
import { blockBytes, bytesOfLevel, fileRecordLevel } from '../redoxfs/blocks.ts';
import { putIntoRedoxfs } from './put.ts';
import { openRedoxfs } from '../redoxfs/reader.ts';
import { fileDisk } from './sink.ts';
import { commit } from './transaction.ts';
import { writeRedoxfs } from './writer.ts';
import { seahash } from '../redoxfs/seahash.ts';
import { verifyRedoxfs } from '../redoxfs/volume.ts';

const context: Context = { signal: new AbortController().signal, report: () => {} };
const dir = mkdtempSync(join(tmpdir(), 'redoxfs-independent-'));
const image = join(dir, 'image');
const workspace = fileURLToPath(new URL('../../../fixtures/redox', import.meta.url));
const env = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));
test.after(() => rmSync(dir, { recursive: true }));

test.before(async () => {
  const cargo = ['cargo', 'build', '--offline', '--quiet', '--package', 'redoxfs-reader', '--example', 'digest', '--target-dir', dir];
  await outputOf('build the Rust reader', cargo, { cwd: workspace, env, signal: context.signal });
});

async function write(tree: FileTree, sizeBytes: number, compress = false): Promise<void> {
  const fd = openSync(image, 'w+');
  ftruncateSync(fd, sizeBytes);
  await writeRedoxfs(tree, fd, { name: 'test', offsetBytes: 0, sizeBytes, timestampSec: 0, compress }, context);
  closeSync(fd);
}

const large = 1 * GiB;

/** Returns the expected output of the Rust program, according to this room's reader. */
function expected(): readonly string[] {
  const fs = openRedoxfs(image, 0);
  const lines = [`generation ${fs.header.generation}`];
  for (const { path, node } of fs.walk()) {
    const written = path === '' ? '' : `/${path}`;
    const isDirectory = typeOf(node) === nodeTypes.directory;
    let hash = 0n;
    if (node.sizeBytes > large) {
      const recordBytes = bytesOfLevel(fileRecordLevel);
      const records = new Map([...fs.records(node, path)].map(({ record, pointer }) => [record, pointer]));
      for (const offset of [0, node.sizeBytes / 4, node.sizeBytes / 2, node.sizeBytes - 1]) {
        const pointer = records.get(Math.floor(offset / recordBytes));
        const bytes = pointer ? fs.blocks.record(pointer, node.recordLevel, path) : Buffer.alloc(0);
        lines.push(`record ${offset} ${hex(seahash(bytes))} ${written}`);
      }
    } else if (!isDirectory) {
      const bytes = Buffer.alloc(node.sizeBytes);
      for (const piece of fs.pieces(node, path)) bytes.set(piece.bytes, piece.atBytes);
      hash = seahash(bytes);
    }
    lines.push(`${node.mode.toString(8)} ${isDirectory ? 0 : node.sizeBytes} ${hex(hash)} ${written}`);
  }
  fs.close();
  return lines;
}

function hex(hash: bigint): string {
  return hash.toString(16).padStart(16, '0');
}

async function assertReadersAgree(): Promise<void> {
  const program = join(dir, 'debug', 'examples', 'digest');
  const output = await outputOf('run the Rust reader', [program, image, '0'], { cwd: dir, env, signal: context.signal });
  assert.equal(output.trimEnd().split('\n').sort(), [...expected()].sort());
  assert.equal((await verifyRedoxfs(image, 0, context)).findings, []);
}

async function change(path: string, bytes: Buffer, compress: boolean): Promise<void> {
  const fs = openRedoxfs(image, 0);
  const fd = openSync(image, 'r+');
  const content = { kind: 'bytes' as const, bytes };
  const request = { what: 'put', path, content, defaultMode: 0o644, parents: true, compress };
  await putIntoRedoxfs(fs, fileDisk(fd, 0), request, context);
  closeSync(fd);
  fs.close();
}

const text = Buffer.from(Array.from({ length: 60_000 }, (_, i) => `line ${i * 7} of a long text\n`).join(''));

test('directories of any size, links, inline files, records and compressed records', async () => {
  const tree = fileTree([
    ...Array.from({ length: 2000 }, (_, i) => [`many/a-file-with-a-name-${i}`, file(`${i}`)] as const),
    ['text', file(text)],
    ['link', symlink('many/'.repeat(1000))],
    ['empty', directory()],
    ['holes', file({ kind: 'sparse', sizeBytes: 1 * MiB, pieces: [{ atBytes: 700 * KiB, bytes: text.subarray(0, 9000) }] })],
  ]);
  for (const compress of [false, true]) {
    await write(tree, 24 * MiB, compress);
    await assertReadersAgree();
  }
});

test('records below block lists of levels 1 to 4', async () => {
  const sizes = { one: 2 * GiB, two: 200 * GiB, three: 30_000 * GiB, four: 900_000 * GiB };
  const sparse = (sizeBytes: number): Entry => {
    const starts = [0, sizeBytes / 4, sizeBytes / 2, sizeBytes - 5];
    return file({ kind: 'sparse', sizeBytes, pieces: starts.map((atBytes) => ({ atBytes, bytes: Buffer.from('piece') })) });
  };
  await write(fileTree(Object.entries(sizes).map(([name, size]) => [name, sparse(size)] as const)), 8 * MiB);
  await assertReadersAgree();
  await change('one', Buffer.from('small now'), false);
  await change('four', text, true);
  await assertReadersAgree();
  assert.is((await verifyRedoxfs(image, 0, context)).leakedBlocks, 0, 'all records and lists of the replaced files are free');
});

test('an image after many changes and after it grew', async () => {
  await write(fileTree([['home/a', file('a')]]), 6 * MiB);
  for (let i = 0; i < 270; i++) await change(`home/dir-${i % 2}/file-${i % 10}`, text.subarray(0, (i * 977) % 200_000), i % 3 === 0);
  await assertReadersAgree();
  const fs = openRedoxfs(image, 0);
  const fd = openSync(image, 'r+');
  ftruncateSync(fd, 16 * MiB);
  await commit({ fs, disk: fileDisk(fd, 0), blockCount: (16 * MiB) / blockBytes, what: 'grow' }, async () => {});
  closeSync(fd);
  fs.close();
  await change('home/large', Buffer.alloc(8 * MiB, text), false);
  await assertReadersAgree();
});

test('a file system of 8 GiB uses only the space of its content', async () => {
  await write(fileTree([['a', file(text)]]), 8 * GiB);
  await change('b', text, true);
  await assertReadersAgree();
  assert.ok(statSync(image).blocks * 512 < 16 * MiB);
});

test.run();
