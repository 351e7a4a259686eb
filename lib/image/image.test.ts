// Assembles images with the real tools. sfdisk and fsck.vfat check the partition table and the file systems.
// Images are also read back and damaged, and tests cover images that are too small, interrupted builds, and a
// full disk.
import { Buffer } from 'node:buffer';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { digestFile } from '../core/digest.ts';
import { Failure } from '../core/errors.ts';
import type { Context } from '../core/events.ts';
import { pathOf } from '../core/paths.ts';
import { run } from '../core/sh.ts';
import type { RunResult } from '../core/sh.ts';
import { KiB, MiB } from '../core/sizes.ts';
import { tool } from '../core/tools.ts';
import { extractVolumes } from './read/extract.ts';
import { directory, file, fileTree, symlink } from './file-tree.ts';
import type { FileTree } from './file-tree.ts';
import { assemble } from './image.ts';
import type { ImageLayout } from './image.ts';
import { findInImage, openImage, verifyImage } from './read/image-reader.ts';
import type { OpenImage } from './read/image-reader.ts';
import { writeInitfs } from './initfs/initfs.ts';
import { fileBytes } from './read/volume.ts';

const path = pathOf(process.env);
const host = { path };
const context: Context = { signal: new AbortController().signal, report: () => {} };
const dir = mkdtempSync(join(tmpdir(), 'image-test-'));
test.after(() => rmSync(dir, { recursive: true }));

const esp = fileTree([
  ['EFI/BOOT/BOOTX64.EFI', file(Buffer.alloc(300 * KiB, 'e'))],
  ['startup.nsh', file('fs0:\\EFI\\BOOT\\BOOTX64.EFI\r\n')],
  ['a long name, é [x].txt', file('odd')],
]);
const root = fileTree([
  ['bin', symlink('usr/bin')],
  ['etc/hostname', file('redox\n')],
  ['tmp', directory(0o1777)],
  ['usr/bin/x', file(Buffer.alloc(700 * KiB, 'x'), 0o4755, { uid: 1, gid: 2 })],
  ['usr/bin/out', symlink('/etc')],
]);

function layout(more: { sizeBytes?: number; espBytes?: number; esp?: FileTree; root?: FileTree } = {}): ImageLayout {
  return {
    sizeBytes: more.sizeBytes ?? 64 * MiB,
    timestampSec: 1_700_000_000,
    partitions: [
      {
        name: 'EFI',
        typeGuid: 'C12A7328-F81F-11D2-BA4B-00A0C93EC93B',
        startLba: 2048,
        sizeBytes: more.espBytes ?? 40 * MiB,
        contents: { kind: 'fat', label: 'EFI', tree: more.esp ?? esp },
      },
      {
        name: 'root',
        typeGuid: '0FC63DAF-8483-4772-8E79-3D69D8477DE4',
        startLba: 'next',
        sizeBytes: 'rest',
        contents: { kind: 'redoxfs', tree: more.root ?? root },
      },
    ],
  };
}

async function ran(program: string, ...words: string[]): Promise<RunResult> {
  return await run([await tool(program, path), ...words], { cwd: dir, env: { PATH: path } });
}

async function failureOf(work: Promise<unknown>): Promise<Failure> {
  const error = await work.then(
    () => assert.unreachable('it should have failed'),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof Failure)) throw error;
  return error;
}

async function withImage(imagePath: string, work: (image: OpenImage) => Promise<void>): Promise<void> {
  const image = await openImage(imagePath, dir, host, context);
  try {
    await work(image);
  } finally {
    await image.close();
  }
}

test("the table has no errors, the digest is the file's, and nothing else is left", async () => {
  const out = join(dir, 'fresh', 'a.img');
  const image = await assemble(layout(), out, host, context);
  assert.is(statSync(out).size, 64 * MiB);
  assert.is(image.sha256, await digestFile(out));
  assert.equal(readdirSync(join(dir, 'fresh')), ['a.img']);
  assert.match((await ran('sfdisk', '--verify', out)).stdout, /No errors detected/);
  assert.equal(
    image.partitions.map(({ name, startLba, sizeBytes, fileSystem }) => ({ name, startLba, sizeBytes, fileSystem })),
    [
      { name: 'EFI', startLba: 2048, sizeBytes: 40 * MiB, fileSystem: 'fat' },
      { name: 'root', startLba: 83_968, sizeBytes: 23 * MiB - 20 * KiB, fileSystem: 'redoxfs' },
    ],
  );
  const bytes = readFileSync(out);
  assert.is(bytes.readUInt16LE(510), 0xaa55);
  assert.is(bytes[450], 0xee, 'the protective MBR');
  assert.is(bytes.toString('latin1', bytes.length - 512, bytes.length - 504), 'EFI PART', 'the backup header is in the last sector');
});

test('the FAT pleases fsck.vfat, for every width of FAT', async () => {
  for (const [espBytes, bits] of [
    [1 * MiB, 12],
    [16 * MiB, 16],
    [40 * MiB, 32],
  ] as const) {
    const out = join(dir, 'fat.img');
    await assemble(layout({ espBytes }), out, host, context);
    const fat = join(dir, 'fat');
    writeFileSync(fat, readFileSync(out).subarray(1 * MiB, 1 * MiB + espBytes));
    const { exitCode, stdout } = await ran('fsck.vfat', '-n', '-v', fat);
    assert.is(exitCode, 0, stdout);
    assert.match(stdout, new RegExp(`${bits} bit entries`));
  }
});

test('the same layout gives the same bytes, another content other ones', async () => {
  const first = await assemble(layout(), join(dir, 'one.img'), host, context);
  assert.equal(await assemble(layout(), join(dir, 'two.img'), host, context), first);
  const other = await assemble(layout({ root: fileTree([['etc/hostname', file('other\n')]]) }), join(dir, 'two.img'), host, context);
  assert.is.not(other.diskGuid, first.diskGuid);
  assert.is.not(other.sha256, first.sha256);
});

test('everything is listed, printed and extracted as it was put in; nothing is written through a link', async () => {
  const out = join(dir, 'read.img');
  await assemble(layout(), out, host, context);
  await withImage(out, async (image) => {
    assert.equal(
      image.volumes.map(({ name, kind }) => [name, kind]),
      [
        ['EFI', 'fat'],
        ['root', 'redoxfs'],
      ],
    );
    for (const [written, tree, inside] of [
      ['root/etc/hostname', root, 'etc/hostname'],
      ['/startup.nsh', esp, 'startup.nsh'],
      ['EFI/a long name, é [x].txt', esp, 'a long name, é [x].txt'],
    ] as const) {
      const { volume, entry } = await findInImage(image, written);
      const parts: Uint8Array[] = [];
      for await (const bytes of fileBytes(volume, entry)) parts.push(Uint8Array.from(bytes));
      const expected = tree.entries.get(inside);
      assert.ok(
        expected?.kind === 'file' && expected.content.kind === 'bytes' && Buffer.concat(parts).equals(expected.content.bytes),
        written,
      );
    }
    const to = join(dir, 'extracted');
    mkdirSync(to);
    await extractVolumes(image.volumes, to, { path }, context);
    assert.is(readlinkSync(join(to, 'root/usr/bin/out')), '/etc');
    assert.is(statSync(join(to, 'root/usr/bin/x')).mode & 0o7777, 0o755, 'set-id bits are left out');
    assert.is(readFileSync(join(to, 'EFI/EFI/BOOT/BOOTX64.EFI')).length, 300 * KiB);
    assert.match((await failureOf(extractVolumes(image.volumes, to, { path }, context))).message, /it is not empty/);
    symlinkSync(dir, join(dir, 'link'));
    assert.match((await failureOf(extractVolumes(image.volumes, join(dir, 'link'), { path }, context))).message, /it is not empty/);
    assert.not(existsSync(`${to}.partial`));
  });
});

test('an image that names a directory ".." is refused, and nothing is written', async () => {
  // Only by going round fileTree() can such an image be made here.
  const evil: FileTree = {
    entries: new Map([
      ['', directory()],
      ['..', directory()],
      ['../evil', file('evil')],
    ]),
  };
  const out = join(dir, 'evil.img');
  await assemble(layout({ root: evil }), out, host, context);
  await withImage(out, async (image) => {
    const to = join(dir, 'victim', 'inner');
    assert.match((await failureOf(extractVolumes(image.volumes, to, { path }, context))).message, /^Cannot read "\/": a name is ".."$/);
    assert.equal(readdirSync(join(dir, 'victim')), []);
    assert.equal((await verifyImage(image, image.volumes, host, context)).findings.map((finding) => finding.why)[0], 'a name is ".."');
  });
});

test('an intact image has no findings; a damaged kernel, table and FAT have one each', async () => {
  const out = join(dir, 'damage.img');
  await assemble(layout(), out, host, context);
  const findings = async (): Promise<readonly string[]> => {
    let paths: readonly string[] = [];
    await withImage(out, async (image) => {
      paths = (await verifyImage(image, image.volumes, host, context)).findings.map((finding) => finding.path);
    });
    return paths;
  };
  assert.equal(await findings(), []);
  const good = readFileSync(out);
  const damage = async (at: number): Promise<readonly string[]> => {
    const bytes = Buffer.from(good);
    bytes.writeUInt8(bytes.readUInt8(at) ^ 0xff, at);
    writeFileSync(out, bytes);
    return await findings();
  };
  assert.equal(await damage(good.indexOf(Buffer.alloc(4096, 'x')) + 5000), ['root/usr/bin/x']);
  assert.equal(await damage(good.length - 512 + 40), ['(partition table)']);
  assert.equal(await damage(1 * MiB + good.readUInt16LE(1 * MiB + 14) * 512 + 4 * 5), ['EFI/(FAT)']);
});

test('a bare initfs is read as well', async () => {
  const out = join(dir, 'initfs');
  writeFileSync(out, writeInitfs(fileTree([['bin/init', file('init', 0o755)]]), undefined, { generation: 'newer', timestampSec: 0 }));
  await withImage(out, async (image) => {
    assert.is((await findInImage(image, 'bin/init')).entry.mode, 0o755);
    assert.equal((await verifyImage(image, image.volumes, host, context)).findings, []);
  });
});

test('errors about an image, partition or FAT that is too small have the missing bytes, and no file is left', async () => {
  const large = fileTree([['large', file(Buffer.alloc(30 * MiB, 1))]]);
  const out = join(dir, 'small', 'a.img');
  for (const [wrong, why] of [
    [
      layout({ sizeBytes: 16 * MiB }),
      /^Cannot place partition "EFI": the image of 16 MiB is too small: 26231296 bytes \(25.0 MiB\) are missing/,
    ],
    [layout({ root: large }), /^Cannot write the RedoxFS "root": its 23.0 MiB are too small: \d+ bytes \(8\.\d MiB\) are missing/],
    [
      layout({ espBytes: 16 * MiB, esp: large }),
      /^Cannot write the FAT "EFI": its 16 MiB are too small: about \d+ bytes \(14\.\d MiB\) are missing/,
    ],
  ] as const) {
    const failure = await failureOf(assemble(wrong, out, host, context));
    assert.match(failure.message, why);
    assert.is(failure.exitCode, 1);
    assert.equal(existsSync(join(dir, 'small')) ? readdirSync(join(dir, 'small')) : [], []);
  }
});

test('the times of a FAT are the timestamp, not the time of the run', async () => {
  const out = join(dir, 'times.img');
  await assemble(layout(), out, host, context);
  const bytes = readFileSync(out);
  const [date, time] = [((2023 - 1980) << 9) | (11 << 5) | 14, (22 << 11) | (13 << 5) | 10]; // 1,700,000,000 s is 2023-11-14 22:13:20 UTC
  for (const name of ['EFI        \x10', 'BOOT       \x10', 'BOOTX64 EFI', 'STARTUP NSH']) {
    const entry = bytes.subarray(bytes.indexOf(name, 1 * MiB + 512));
    assert.equal(
      [14, 16, 18, 22, 24].map((at) => entry.readUInt16LE(at)),
      [time, date, date, time, date],
      name,
    );
  }
});

test('links and colliding names are refused for a FAT', async () => {
  for (const [tree, why] of [
    [fileTree([['a', symlink('b')]]), /FAT has no symbolic links/],
    [
      fileTree([
        ['a', file('')],
        ['A', file('')],
      ]),
      /differs from it only in case/,
    ],
    [fileTree([['a?', file('')]]), /FAT allows no control characters/],
  ] as const)
    assert.match((await failureOf(assemble(layout({ esp: tree }), join(dir, 'refused.img'), host, context))).message, why);
});

test('an interrupted run ends with its reason and leaves nothing', async () => {
  const abort = new AbortController();
  const reason = new Failure('interrupted', 'Cannot finish: interrupted');
  // The content is what interrupts: it is asked for in the middle of the writing, when the partial image is there.
  const partial = join(dir, 'stopped', 'a.img.partial');
  const pieces = [{ atBytes: 0, bytes: Buffer.alloc(12 * MiB, 1) }];
  const interrupting = (): typeof pieces => {
    if (existsSync(partial)) abort.abort(reason);
    return pieces;
  };
  const tree = fileTree([
    [
      'a',
      file({
        kind: 'sparse',
        sizeBytes: 16 * MiB,
        get pieces() {
          return interrupting();
        },
      }),
    ],
  ]);
  const failure = await failureOf(
    assemble(layout({ root: tree }), join(dir, 'stopped', 'a.img'), host, { ...context, signal: abort.signal }),
  );
  assert.is(failure, reason);
  assert.equal(readdirSync(join(dir, 'stopped')), []);
});

test('leftovers of a killed run do not disturb the next', async () => {
  const out = join(dir, 'killed', 'a.img');
  mkdirSync(`${out}.partial.d/EFI/BOOT`, { recursive: true });
  writeFileSync(`${out}.partial.d/EFI/BOOT/BOOTX64.EFI`, 'old');
  writeFileSync(`${out}.partial`, Buffer.alloc(3 * MiB, 'old'));
  const { sha256 } = await assemble(layout(), out, host, context);
  assert.is(sha256, (await assemble(layout(), join(dir, 'clean.img'), host, context)).sha256);
  assert.equal(readdirSync(join(dir, 'killed')), ['a.img']);
});

test("a missing tool is the host's fault, and the package is named", async () => {
  // The programs of the other file systems are found in sbin folders too, which are not in the PATH.
  const contents = { kind: 'iso', label: 'CD', tree: fileTree([['a', file('a')]]), efiImage: 'a' } as const;
  const iso: ImageLayout = { ...layout(), partitions: [{ name: 'cd', typeGuid: '', startLba: 'next', sizeBytes: 'rest', contents }] };
  const failure = await failureOf(assemble(iso, join(dir, 'tool', 'a.img'), { path: '/nowhere' }, context));
  assert.is(failure.exitCode, 69);
  assert.match(failure.hint ?? '', /install the package xorriso/);
  assert.equal(readdirSync(join(dir, 'tool')), []);
});

test("a full disk is the host's fault, and nothing is left", async () => {
  const disk = join(dir, 'disk');
  mkdirSync(disk);
  const mounted = await run(['mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk], { cwd: dir, env: { PATH: path } });
  // Only root may mount; another user has /dev/full, which is full as well.
  if (mounted.exitCode !== 0) symlinkSync('/dev/full', join(disk, 'a.img.partial'));
  try {
    const large = fileTree([['large', file(Buffer.alloc(20 * MiB, 1))]]);
    const failure = await failureOf(assemble(layout({ root: large }), join(disk, 'a.img'), host, context));
    assert.is(failure.exitCode, 69, failure.message);
    assert.equal(readdirSync(disk), []);
    if (mounted.exitCode === 0) assert.match(failure.message, /no space left on the device/);
  } finally {
    if (mounted.exitCode === 0) await run(['umount', disk], { cwd: dir, env: { PATH: path } });
  }
});

test.run();
