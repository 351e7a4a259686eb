// Reads ext2, ext3 and ext4 file systems to which mke2fs copied trees: every variant that mke2fs can create,
// and unusual files.
import { Buffer } from 'node:buffer';
import {
  closeSync,
  ftruncateSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeName, encodePath, pathOf } from '../../core/paths.ts';
import type { Context } from '../../core/events.ts';
import { digestBytes } from '../../core/digest.ts';
import { run } from '../../core/sh.ts';
import { GiB, KiB } from '../../core/sizes.ts';
import { tool } from '../../core/tools.ts';
import { extractVolumes } from '../read/extract.ts';
import { joinPath } from '../file-tree.ts';
import { findInImage, openImage, verifyImage } from '../read/image-reader.ts';
import type { OpenImage } from '../read/image-reader.ts';
import { listingLine } from '../read/listing.ts';
import { putIntoImage } from '../change/put-image.ts';
import { fileBytes } from '../read/volume.ts';
import type { VolumeEntry } from '../read/volume.ts';

const path = pathOf(process.env);
const context: Context = { signal: new AbortController().signal, report: () => undefined };
const dir = mkdtempSync(join(tmpdir(), 'ext4-reader-'));
test.after(() => rmSync(dir, { recursive: true }));
const scratch = join(dir, 'scratch');
mkdirSync(scratch);

async function tooled(program: string, ...words: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await run([await tool(program, path), ...words], { cwd: dir, env: { PATH: path, TZ: 'UTC' } });
  assert.is(exitCode, 0, `${program} ${words.join(' ')}: ${stderr}`);
  return stdout;
}

/** An image of the name with the files of a folder. */
async function made(name: string, folder: string, size: string, ...words: string[]): Promise<string> {
  await tooled('mke2fs', '-q', '-F', ...words, '-d', folder, join(dir, name), size);
  return join(dir, name);
}

async function opened<T>(imagePath: string, work: (image: OpenImage) => Promise<T>): Promise<T> {
  const image = await openImage(imagePath, scratch, { path }, context);
  try {
    return await work(image);
  } finally {
    await image.close();
  }
}

async function entriesOf(imagePath: string): Promise<ReadonlyMap<string, VolumeEntry>> {
  return await opened(imagePath, async ({ volumes: [first] }) => {
    assert.is(first?.kind, 'ext4');
    const entries = new Map<string, VolumeEntry>();
    for await (const entry of first?.volume?.entries() ?? []) entries.set(entry.path, entry);
    return entries;
  });
}

/** Path -> the content of a file, the target of a link, or the kind of any other entry. */
async function contentsOf(imagePath: string): Promise<ReadonlyMap<string, string>> {
  return await opened(imagePath, async ({ volumes: [first] }) => {
    const found = new Map<string, string>();
    if (!first?.volume) return found;
    for await (const entry of first.volume.entries()) {
      if (entry.path === 'lost+found' || entry.path === '') continue;
      const chunks: Uint8Array[] = [];
      if (entry.kind === 'file') for await (const bytes of fileBytes(first.volume, entry)) chunks.push(Buffer.from(bytes));
      const text = entry.kind === 'file' ? digestBytes(Buffer.concat(chunks)) : (entry.target ?? entry.kind);
      found.set(entry.path, `${entry.mode.toString(8)} ${entry.uid} ${text}`);
      if (found.size % 10 === 0) assert.equal(await first.volume.find(entry.path), entry);
    }
    return found;
  });
}

/** The same of a folder of the host. */
function contentsOfFolder(folder: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const visit = (below: string): void => {
    for (const bytes of readdirSync(encodePath(join(folder, below)), 'buffer')) {
      const inside = joinPath(below, decodeName(bytes));
      const place = encodePath(join(folder, inside));
      const about = lstatSync(place);
      const text = about.isSymbolicLink()
        ? decodeName(readlinkSync(place, 'buffer'))
        : about.isFile()
          ? digestBytes(readFileSync(place))
          : 'directory';
      found.set(inside, `${(about.mode & 0o7777).toString(8)} ${about.uid} ${text}`);
      if (about.isDirectory()) visit(inside);
    }
  };
  visit('');
  return found;
}

/** The rows that only one of two has, the first of each. */
function assertSame(found: ReadonlyMap<string, string>, wanted: ReadonlyMap<string, string>, what: string): void {
  const rows = (map: ReadonlyMap<string, string>): readonly string[] => [...map].map(([at, text]) => `${JSON.stringify(at)} ${text}`);
  const without = (some: readonly string[], others: ReadonlySet<string>): string => some.find((row) => !others.has(row)) ?? 'none';
  assert.is(without(rows(found), new Set(rows(wanted))), without(rows(wanted), new Set(rows(found))), what);
}

/**
 * A tree that depends on the seed alone: folders, files with holes, names of all lengths and bytes, links
 * around the limits of an inode.
 */
function randomTree(seed: number, endsInHole = true): string {
  const folder = join(dir, `tree-${seed}`);
  mkdirSync(folder);
  let state = seed;
  const below = (most: number): number => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return Math.floor((state / 2 ** 31) * most);
  };
  const name = (): Buffer => {
    const length = [1, 3, 8, 20, 100, 255][below(6)] ?? 1;
    return Buffer.from(
      Array.from({ length }, () => [97 + below(26), 1 + below(255)][below(8) === 0 ? 1 : 0] ?? 97).map((b) => (b === 47 ? 48 : b)),
    );
  };
  const folders = [folder];
  for (let i = 0; i < 80; i++) {
    const bytes = name();
    if (/^\.{1,2}$/.test(bytes.toString('latin1'))) continue;
    const place = join(folders[below(folders.length)] ?? folder, decodeName(bytes));
    if (lstatSync(encodePath(place), { throwIfNoEntry: false })) continue;
    const kind = below(10);
    if (kind < 2) {
      mkdirSync(encodePath(place));
      folders.push(place);
    } else if (kind < 4) {
      symlinkSync(Buffer.alloc([1, 58, 59, 60, 61, 100, 160, 900][below(8)] ?? 1, 1 + below(255)), encodePath(place));
    } else writeSparse(encodePath(place), below, endsInHole);
  }
  return folder;
}

function writeSparse(place: string | Buffer, below: (most: number) => number, endsInHole: boolean): void {
  const fd = openSync(place, 'wx', 0o600 + below(64));
  try {
    const size = [0, 1, 59, 60, 61, 140, 1000, 5000, 70_000, 300_000][below(10)] ?? 0;
    if (size < 1000) writeSync(fd, Buffer.alloc(size, 1 + below(250)));
    for (let at = 0; size >= 1000 && at < size; at += 1 + below(40_000))
      writeSync(fd, Buffer.alloc(Math.min(1 + below(9000), size - at), 1 + (at % 250)), 0, null, at);
    if (size >= 1000 && endsInHole) ftruncateSync(fd, size + below(100_000));
  } finally {
    closeSync(fd);
  }
}

const forms: readonly (readonly string[])[] = [
  ['-t', 'ext2', '-b', '1024'],
  ['-t', 'ext2', '-b', '4096', '-I', '128'],
  ['-r', '0', '-t', 'ext2', '-b', '1024', '-O', 'none'],
  ['-t', 'ext3', '-b', '2048'],
  ['-t', 'ext4', '-b', '1024', '-O', '^64bit'],
  ['-t', 'ext4', '-b', '1024', '-g', '1024', '-O', 'meta_bg,^resize_inode,64bit'],
  ['-t', 'ext4', '-b', '1024', '-O', 'bigalloc,meta_bg,^resize_inode'],
  ['-t', 'ext4', '-b', '2048', '-O', 'metadata_csum,64bit'],
  ['-t', 'ext4', '-b', '4096', '-O', '^metadata_csum,^flex_bg,sparse_super2'],
  ['-t', 'ext4', '-b', '4096', '-I', '256', '-O', 'inline_data'],
  ['-t', 'ext4', '-b', '1024', '-I', '1024', '-O', 'inline_data,large_dir'],
  ['-t', 'ext4', '-b', '4096', '-O', 'casefold,ea_inode,metadata_csum_seed,orphan_file'],
  ['-t', 'ext4', '-b', '65536'],
];

test('all forms of the file system give the files of the tree that mke2fs copied', async () => {
  for (const [seed, words] of forms.entries()) {
    // With inline_data, mke2fs 1.47.0 leaves out zeros at the end of a file.
    const folder = randomTree(seed + 1, !words.join().includes('inline_data'));
    const image = await made('form.img', folder, '64M', ...words);
    assertSame(await contentsOf(image), contentsOfFolder(folder), words.join(' '));
  }
});

test('extraction gives the same names, targets and bytes, including names that are not UTF-8', async () => {
  const folder = randomTree(100);
  const image = await made('extract.img', folder, '64M', '-t', 'ext4', '-b', '1024');
  assertSame(await contentsOf(image), contentsOfFolder(folder), 'read');
  const odd = [...(await contentsOf(image)).keys()].find((name) => !name.isWellFormed()) ?? '';
  assert.is((await opened(image, (open) => findInImage(open, Buffer.from(encodePath(odd)).toString()))).entry.path, odd);
  await opened(image, ({ volumes }) => extractVolumes(volumes, join(dir, 'extracted'), { path }, context));
  rmSync(join(dir, 'extracted', 'lost+found'), { recursive: true });
  assertSame(contentsOfFolder(join(dir, 'extracted')), contentsOfFolder(folder), 'extracted');
});

test('a directory with a hashed index of several levels has all of its names', async () => {
  const folder = join(dir, 'many');
  mkdirSync(folder);
  for (let i = 0; i < 2500; i++) writeFileSync(join(folder, `${i}-${'n'.repeat(100)}`), '');
  const image = await made('many.img', folder, '64M', '-t', 'ext4', '-b', '1024', '-N', '8192');
  const entries = await entriesOf(image);
  assert.is(entries.size, 2502);
});

test('owners of all sizes, deleted files and devices are read as debugfs wrote them', async () => {
  const folder = join(dir, 'owners');
  mkdirSync(folder);
  for (const name of ['nobody', 'half', 'gone']) writeFileSync(join(folder, name), name);
  const image = await made('owners.img', folder, '20M', '-t', 'ext4');
  const commands = [
    ...['sif nobody uid 4294967294', 'sif nobody gid 4294967294', 'sif half uid 2147483648'],
    ...['rm gone', 'mknod tty c 5 1', 'mknod disk b 259 7', 'mknod pipe p'],
  ];
  writeFileSync(join(dir, 'commands'), `${commands.join('\n')}\n`);
  await tooled('debugfs', '-w', '-f', join(dir, 'commands'), image);
  const entries = await entriesOf(image);
  assert.equal([...entries.keys()], ['', 'disk', 'half', 'lost+found', 'nobody', 'pipe', 'tty']);
  assert.equal([entries.get('nobody')?.uid, entries.get('nobody')?.gid], [4_294_967_294, 4_294_967_294]);
  assert.is(entries.get('half')?.uid, 2 ** 31);
  assert.equal(entries.get('tty')?.special, { type: 'character device', device: [5, 1] });
  assert.equal(entries.get('disk')?.special, { type: 'block device', device: [259, 7] });
  await opened(image, async ({ volumes }) => {
    const [volume] = volumes;
    const entry = entries.get('tty');
    if (volume && entry) assert.match(listingLine(volume, entry, 5), /^c.* {2}5,1 tty$/);
    const { leftOut, files } = await extractVolumes(volumes, join(dir, 'owned'), { path }, context);
    assert.equal([leftOut, files], [['disk', 'pipe', 'tty'], 2]);
  });
});

test('a name with a line end is one line of a listing, and is extracted under its name', async () => {
  const folder = join(dir, 'lines');
  mkdirSync(folder);
  writeFileSync(join(folder, 'new\nline'), 'y');
  symlinkSync('to\nline', join(folder, 'link'));
  const image = await made('lines.img', folder, '20M', '-t', 'ext4');
  await opened(image, async ({ volumes }) => {
    const [volume] = volumes;
    const lines: string[] = [];
    for await (const entry of volume?.volume?.entries() ?? []) if (volume) lines.push(listingLine(volume, entry, 1).replace(/^.* \d /, ''));
    assert.equal(lines, ['/', "link -> $'to\\nline'", 'lost+found', "$'new\\nline'"]);
    await extractVolumes(volumes, join(dir, 'lines-out'), { path }, context);
  });
  assert.is(readFileSync(join(dir, 'lines-out', 'new\nline'), 'utf8'), 'y');
  assert.is(readlinkSync(join(dir, 'lines-out', 'link')), 'to\nline');
});

test('holes use no space when they are extracted, and none in the folder for temporary files', async () => {
  const folder = join(dir, 'holes');
  mkdirSync(folder);
  writeFileSync(join(folder, 'hole'), 'start');
  truncateSync(join(folder, 'hole'), GiB);
  const image = await made('holes.img', folder, '24M', '-t', 'ext4');
  await opened(image, async ({ volumes }) => {
    await extractVolumes(volumes, join(dir, 'holes-out'), { path }, context);
    assert.equal(readdirSync(scratch), []);
  });
  const { size, blocks } = statSync(join(dir, 'holes-out', 'hole'));
  assert.is(size, GiB);
  assert.ok(blocks * 512 < 64 * KiB, `${blocks} blocks`);
});

test('the path of an image may have the characters that e2fsprogs and mtools give a meaning to', async () => {
  const folder = join(dir, 'plain');
  mkdirSync(folder);
  writeFileSync(join(folder, 'plain'), 'x');
  for (const name of ['what?.img', 'a@@b.img', 'back\\slash.img', 'a b "c".img', 'C:x.img', 'new\nline.img']) {
    const image = await made(name, folder, '20M', '-t', 'ext4');
    assert.ok((await entriesOf(image)).has('plain'), name);
    const content = { kind: 'bytes', bytes: Buffer.from('put') } as const;
    const request = { what: 'put', path: 'put', content, defaultMode: 0o644, parents: false, compress: false };
    await opened(image, (open) => putIntoImage(open, request, scratch, { path }, context));
    const verdict = await opened(image, (open) => verifyImage(open, open.volumes, { path }, context));
    assert.equal([verdict.findings, verdict.paths], [[], 4], name);
    assert.equal(readdirSync(scratch), []);
  }
});

test('damage ends in a sentence, wherever it is', async () => {
  const folder = randomTree(200);
  const image = await made('damaged.img', folder, '4M', '-t', 'ext4', '-b', '1024', '-N', '256');
  const sound = readFileSync(image);
  let state = 7;
  for (let round = 0; round < 80; round++) {
    const bytes = Buffer.from(sound);
    for (let i = 0; i < 40; i++) {
      state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
      const at = 1024 + (state % (round % 2 === 0 ? 200 * KiB : 2 * KiB));
      if (at < 1024 + 56 || at > 1024 + 57) bytes.writeUInt8(state % 251, at);
    }
    writeFileSync(image, bytes);
    try {
      await contentsOf(image);
    } catch (error) {
      assert.match(error instanceof Error ? error.message : '', /^Cannot read /);
    }
  }
});

test.run();
