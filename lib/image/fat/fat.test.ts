// Tests FAT file systems. fsck.vfat and mdir check what the writer wrote, and the reader reads files that
// mcopy wrote. Also tests damage, and names that FAT cannot store.
import { Buffer } from 'node:buffer';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { digestBytes } from '../../core/digest.ts';
import { Failure } from '../../core/errors.ts';
import type { Context } from '../../core/events.ts';
import { pathOf } from '../../core/paths.ts';
import { run } from '../../core/sh.ts';
import { GiB, KiB, MiB } from '../../core/sizes.ts';
import { tool } from '../../core/tools.ts';
import { contentBytes, directory, file, fileTree } from '../file-tree.ts';
import type { Entry, FileTree } from '../file-tree.ts';
import { assemble } from '../image.ts';
import { openImage, verifyImage } from '../read/image-reader.ts';
import type { OpenImage } from '../read/image-reader.ts';
import { putIntoImage } from '../change/put-image.ts';
import { fileBytes } from '../read/volume.ts';

const path = pathOf(process.env);
const host = { path };
const context: Context = { signal: new AbortController().signal, report: () => undefined };
const dir = mkdtempSync(join(tmpdir(), 'fat-test-'));
const scratch = join(dir, 'scratch');
mkdirSync(scratch);
test.after(() => rmSync(dir, { recursive: true }));

async function asked(program: string, ...words: string[]): Promise<{ exitCode: number | null; text: string }> {
  const env = { PATH: path, TZ: 'UTC', LC_ALL: 'C.UTF-8', MTOOLSRC: '/dev/null' };
  const { exitCode, stdout, stderr } = await run([await tool(program, path), ...words], { cwd: dir, env });
  return { exitCode, text: stdout + stderr };
}

/** A FAT that fills the image. */
async function made(name: string, tree: FileTree, sizeBytes: number, label = 'LABEL', timestampSec = 1_700_000_000): Promise<string> {
  const contents = { kind: 'fat', label, tree } as const;
  const partitions = [{ name: 'EFI', typeGuid: '', startLba: 'next', sizeBytes: 'rest', contents }] as const;
  await assemble({ sizeBytes, timestampSec, table: 'none', partitions }, join(dir, name), host, context);
  return join(dir, name);
}

async function opened<T>(imagePath: string, work: (image: OpenImage) => Promise<T>): Promise<T> {
  const image = await openImage(imagePath, scratch, host, context);
  try {
    return await work(image);
  } finally {
    await image.close();
  }
}

/** Short content as text, other content as a digest. */
function shown(bytes: Uint8Array): string {
  return bytes.length < 30 ? Buffer.from(bytes).toString('latin1') : digestBytes(bytes);
}

/** Path -> content, or '/' for a folder. */
async function contentsOf(imagePath: string): Promise<ReadonlyMap<string, string>> {
  return await opened(imagePath, async ({ volumes: [first] }) => {
    const found = new Map<string, string>();
    if (!first?.volume) return found;
    assert.is(first.kind, 'fat');
    for await (const entry of first.volume.entries()) {
      const chunks: Uint8Array[] = [];
      if (entry.kind === 'file') for await (const bytes of fileBytes(first.volume, entry)) chunks.push(Buffer.from(bytes));
      if (entry.path !== '') found.set(entry.path, entry.kind === 'directory' ? '/' : shown(Buffer.concat(chunks)));
    }
    return found;
  });
}

function contentsOfTree({ entries }: FileTree): ReadonlyMap<string, string> {
  const of = (entry: Entry): string => (entry.kind === 'file' ? shown(contentBytes(entry.content)) : '/');
  return new Map([...entries].filter(([at]) => at !== '').map(([at, entry]) => [at, of(entry)]));
}

async function assertClean(imagePath: string): Promise<void> {
  const { exitCode, text } = await asked('fsck.vfat', '-n', '-v', imagePath);
  assert.is(exitCode, 0, text);
}

async function failureOf(work: Promise<unknown>): Promise<Failure> {
  const failure = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (failure instanceof Failure) return failure;
  throw failure ?? new Error('it did not fail');
}

const named = (...names: readonly string[]): FileTree => fileTree(names.map((name, i) => [name, file(`content ${i}`)] as const));

/** Numbers that depend on the seed alone. */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return Math.floor((state / 2 ** 31) * below);
  };
}

/**
 * Files and folders whose names have letters of several scripts, some of them outside of code page 850 and of
 * the BMP.
 */
function randomTree(seed: number, alphabet: readonly string[]): FileTree {
  const below = randomNumbers(seed);
  const folders = [''];
  const seen = new Set<string>();
  const entries: [string, Entry][] = [];
  for (let i = 0; i < 120; i++) {
    const length = [1, 4, 8, 9, 12, 13, 14, 26, 60][below(9)] ?? 1;
    const name = Array.from({ length }, () => alphabet[below(alphabet.length)] ?? 'a').join('');
    const at = `${folders[below(folders.length)] ?? ''}${name}${['', '.txt', '.TXT', '.conf'][below(4)] ?? ''}`;
    if (/[. ](\/|$)/.test(at) || seen.has(at.toUpperCase().toLowerCase())) continue;
    seen.add(at.toUpperCase().toLowerCase());
    if (below(6) === 0) {
      folders.push(`${at}/`);
      entries.push([at, directory()]);
    } else entries.push([at, file(Buffer.alloc([0, 1, 511, 512, 513, 5000, 70_000][below(7)] ?? 0, `${seed} ${i}`))]);
  }
  return fileTree(entries);
}

const ascii = [..."abcxyzABC019_-~!#$%&'()@^`{} .,+=[];"];
const letters = [...ascii, ...'éüÉÜßñ', ...'İıſςσλЖжあ漢', 'e\u0301', '😀', '\uf600', '\u{10ffff}'];

test('every name that FAT supports is stored unchanged, next to similar names', async () => {
  const groups = [
    ...[['e\u0301.x', 'e.x'], ['İ.txt', 'i.txt'], ['😀.txt', '\uf600.txt'], ['naïve.cfg', 'NAIVE.CFG'], ['ς.x'], ['é.x'], ['ſ.txt']],
    ...[
      ['con', 'prn', 'aux', 'nul', 'com1.txt', 'LPT1'],
      ['KERNEL~1.IMG', 'kernel-long-name.img', 'kernel-long-name2.img'],
      ['n'.repeat(255)],
    ],
    ...[
      ['😀'.repeat(127)],
      [' blank in front', '.hidden', 'a.b.c', 'Mixed.TXT', 'lower.txt', 'UPPER.TXT', 'low.TXT', 'a b', '~1', '-dash'],
    ],
  ];
  for (const [i, names] of groups.entries()) {
    for (const folder of ['', 'deep/er/']) {
      const tree = named(...names.map((name) => folder + name));
      const image = await made(`name-${i}.img`, tree, 4 * MiB);
      assert.equal(await contentsOf(image), contentsOfTree(tree));
      await assertClean(image);
    }
  }
});

test('random trees are read back, fsck.vfat finds them clean, and mdir lists the same names', async () => {
  for (const [seed, sizeBytes] of [4 * MiB, 20 * MiB, 40 * MiB].entries()) {
    const tree = randomTree(seed + 1, letters);
    const image = await made('random.img', tree, sizeBytes);
    assert.equal([...(await contentsOf(image))], [...contentsOfTree(tree)]);
    await assertClean(image);
    const simple = randomTree(seed + 50, ascii);
    const other = await made('listed.img', simple, sizeBytes);
    const { text } = await asked('mdir', '-a', '-b', '-/', '-i', other, '::/');
    const listed = text
      .split('\n')
      .flatMap((line) => (line.length > 3 && line.startsWith('::/') ? [line.slice(3).replace(/\/$/, '')] : []));
    assert.equal(listed.sort(), [...contentsOfTree(simple).keys()].sort());
  }
});

test('files that mcopy wrote are read, for all widths and sizes of sectors', async () => {
  const forms = [
    ['-F', '12', '-S', '512', '2048'],
    ['-F', '12', '-S', '4096', '8192'],
    ['-F', '16', '-S', '512', '-s', '1', '16384'],
    ['-F', '16', '-S', '2048', '-s', '1', '20480'],
    ['-F', '32', '-S', '512', '-s', '1', '40960'],
    ['-F', '32', '-S', '4096', '-s', '1', '307200'],
  ];
  for (const [seed, words] of forms.entries()) {
    // mcopy 4.0.32 changes the case of letters that are not ASCII in short names, and loses the long name
    // after a "~" as eighth letter.
    const long = ['ein längerer Name é.txt', 'ÖÜ in a long name', '漢 in a long name'].map((name) => [name, file(name)] as const);
    const tree = fileTree([...randomTree(seed + 100, [...'abcdefxyzXYZ019_()']).entries, ...long]);
    const folder = join(dir, `source-${seed}`);
    for (const [at, entry] of tree.entries) {
      if (entry.kind === 'directory') mkdirSync(join(folder, at), { recursive: true });
      if (entry.kind === 'file') writeFileSync(join(folder, at), contentBytes(entry.content));
    }
    const image = join(dir, 'mcopy.img');
    rmSync(image, { force: true });
    assert.is((await asked('mkfs.vfat', '-C', ...words.slice(0, -1), image, words.at(-1) ?? '')).exitCode, 0);
    const { exitCode, text } = await asked('mcopy', '-s', '-i', image, ...readdirSync(folder).map((name) => join(folder, name)), '::/');
    assert.is(exitCode, 0, text);
    const rows = (map: ReadonlyMap<string, string>): readonly string[] => [...map].map((row) => row.join(' '));
    assert.equal(rows(await contentsOf(image)), rows(contentsOfTree(tree)), words.join(' '));
    const { findings } = await opened(image, (open) => verifyImage(open, open.volumes, host, context));
    assert.equal(findings, []);
    assert.equal(readdirSync(scratch), []);
  }
});

test('two names that differ only for people are two files', async () => {
  const image = await made('sigma.img', named('ς1.txt', 'σ2.txt'), 4 * MiB);
  // "σ1.txt" next to "ς1.txt", as Linux writes it
  const bytes = readFileSync(image);
  const unit = Buffer.from('σ2', 'utf16le');
  const at = bytes.indexOf(unit);
  bytes.write('σ1', at, 'utf16le');
  writeFileSync(image, bytes);
  assert.equal(
    await contentsOf(image),
    new Map([
      ['ς1.txt', 'content 0'],
      ['σ1.txt', 'content 1'],
    ]),
  );
});

test('unsupported names are refused by path, and no file is left', async () => {
  const huge = file({ kind: 'sparse', sizeBytes: 4 * GiB, pieces: [] });
  const long = Array.from({ length: 400 }, (_, i) => `a long name with a number at its end ${i}`);
  const short = Array.from({ length: 600 }, (_, i) => `F${i}.TXT`);
  const cases: readonly (readonly [FileTree, RegExp, label?: string, timestampSec?: number])[] = [
    [named('ſ.txt', 's.txt'), /^Cannot write "ſ.txt" into a FAT: another name differs from it only in case$/],
    [named('ς.txt', 'σ.txt'), /^Cannot write "σ.txt" into a FAT: another name differs from it only in case$/],
    [named('K', '\u212a'), /^Cannot write "\u212a" into a FAT: another name differs from it only in case$/],
    [named('EFI/a', 'efi/b'), /differs from it only in case$/],
    [named('n'.repeat(256)), /its name has 256 UTF-16 units, and the limit of FAT is 255$/],
    [named('deep/' + '😀'.repeat(128)), /its name has 256 UTF-16 units, and the limit of FAT is 255$/],
    [named('a\u0001'), /FAT allows no control characters/],
    [fileTree([['huge', huge]]), /^Cannot write "huge" into a FAT: it has 4 GiB, and a file in a FAT has less than 4 GiB$/],
    [named(...long), /^Cannot write the FAT "LABEL": its root directory needs \d+ records, and that of a FAT16 has 512$/],
    [named(...short), /^Cannot write the FAT "LABEL": its root directory needs 601 records, and that of a FAT16 has 512$/],
    [named('a'), /^Cannot make the FAT "TWELVELETTER": its label has 12 letters, and the limit of FAT is 11$/, 'TWELVELETTER'],
    [named('a'), /^Cannot make the FAT "A\*B": its label may have/, 'A*B'],
    [named('a'), /^Cannot make the FAT "": its label may have/, ''],
    [named('a'), /^Cannot write the time 4354819200 into a FAT: a FAT has no time after the year 2107$/, 'LABEL', 4_354_819_200],
  ];
  for (const [tree, why, label, timestampSec] of cases) {
    const failure = await failureOf(made('refused/a.img', tree, 16 * MiB, label, timestampSec));
    assert.match(failure.message, why);
    assert.is(failure.exitCode, 1);
    assert.equal(existsSync(join(dir, 'refused')) ? readdirSync(join(dir, 'refused')) : [], []);
  }
});

test('too small a FAT is refused with the least size', async () => {
  const failure = await failureOf(made('refused/a.img', named('a'), 32 * KiB));
  assert.is(failure.message, 'Cannot make the FAT "LABEL": its 32 KiB are too small for a file system, which needs 64 KiB');
});

test('a folder of 1,500 long names, and a root of a FAT32 with 600', async () => {
  const names = Array.from({ length: 1500 }, (_, i) => `a long name with a number at its end ${i}.img`);
  const tree = named(...names.map((name) => `folder/${name}`), ...names.slice(0, 600));
  const image = await made('many.img', tree, 64 * MiB);
  assert.equal(await contentsOf(image), contentsOfTree(tree));
  await assertClean(image);
});

test('the same tree gives the same bytes, in a folder of any name', async () => {
  const tree = randomTree(7, letters);
  const bytes = readFileSync(await made('one.img', tree, 8 * MiB));
  for (const folder of ['what?', 'a@@b', 'back\\slash', 'new\nline', '-x']) {
    const image = await made(join(folder, 'a.img'), tree, 8 * MiB);
    assert.ok(readFileSync(image).equals(bytes), folder);
    const { findings, paths } = await opened(image, (open) => verifyImage(open, open.volumes, host, context));
    assert.equal([findings, paths], [[], tree.entries.size]);
  }
});

test('put adds and replaces files of any name, and refuses names that would hide another', async () => {
  const image = await made('put.img', named('EFI/BOOT/kernel-long-name.img', 'README.TXT'), 4 * MiB);
  const put = async (at: string, text: string): Promise<void> => {
    const content = { kind: 'bytes', bytes: Buffer.from(text) } as const;
    const request = { what: `put "${at}"`, path: at, content, defaultMode: 0o644, parents: true, compress: false };
    await opened(image, (open) => putIntoImage(open, request, scratch, host, context));
  };
  await put('EFI/BOOT/😀 é.cfg', 'emoji');
  await put('README.TXT', 'longer than it was'.repeat(300));
  await put('new/folder/file', '');
  await put('new/folder/file', 'short');
  for (const [at, why] of [
    ['efi/x', /"EFI" differs from it only in case$/],
    ['readme.txt', /"README.TXT" differs from it only in case$/],
    ['EFI/BOOT/KERNEL~1.IMG', /it is the short name of "kernel-long-name.img"$/],
    ['big', /the FAT has too little room$/],
  ] as const)
    assert.match((await failureOf(put(at, at === 'big' ? 'b'.repeat(5 * MiB) : ''))).message, why);
  assert.equal(
    await contentsOf(image),
    new Map([
      ['EFI', '/'],
      ['EFI/BOOT', '/'],
      ['EFI/BOOT/kernel-long-name.img', 'content 0'],
      ['EFI/BOOT/😀 é.cfg', 'emoji'],
      ['README.TXT', shown(Buffer.from('longer than it was'.repeat(300)))],
      ['new', '/'],
      ['new/folder', '/'],
      ['new/folder/file', 'short'],
    ]),
  );
  await assertClean(image);
});

test('a damaged boot sector, and damage anywhere else, end in a sentence', async () => {
  const image = await made('damaged.img', randomTree(9, letters), 4 * MiB);
  const sound = readFileSync(image);
  const below = randomNumbers(3);
  for (let round = 0; round < 80; round++) {
    const fd = openSync(image, 'w');
    const bytes = Buffer.from(sound);
    if (round < 52) bytes.fill(round % 2 === 0 ? 0 : 0xff, 11 + (round >> 1), 13 + (round >> 1));
    else for (let i = 0; i < 30; i++) bytes.writeUInt8(below(256), round % 2 === 0 ? 11 + below(42) : below(200 * KiB));
    bytes.writeUInt16LE(0xaa55, 510);
    bytes.write('FAT12', 54);
    writeSync(fd, bytes);
    closeSync(fd);
    const { findings } = await opened(image, (open) => verifyImage(open, open.volumes, host, context));
    for (const { why } of findings) assert.ok(why.length > 0);
    await contentsOf(image).catch((error: unknown) => assert.match(error instanceof Error ? error.message : '', /^Cannot read /));
  }
  assert.equal(readdirSync(scratch), []);
});

test.run();
