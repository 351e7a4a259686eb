// A layout that an image cannot store is refused before anything is written, and the error names the field to
// change. Layouts exactly at the limits are written.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Failure } from '../core/errors.ts';
import type { Context } from '../core/events.ts';
import { pathOf, removeTree, TreePaths } from '../core/paths.ts';
import { run } from '../core/sh.ts';
import { MiB } from '../core/sizes.ts';
import { tool } from '../core/tools.ts';
import { extractVolumes } from './read/extract.ts';
import { directory, file, fileTree, symlink } from './file-tree.ts';
import type { FileTree } from './file-tree.ts';
import { assemble } from './image.ts';
import type { ImageLayout, PartitionContents } from './image.ts';
import { openImage, verifyImage } from './read/image-reader.ts';

const path = pathOf(process.env);
const host = { path };
const context: Context = { signal: new AbortController().signal, report: () => undefined };
const dir = mkdtempSync(join(tmpdir(), 'layout-limits-'));
test.after(() => rmSync(dir, { recursive: true }));

const small = fileTree([['etc/hostname', file('name\n')]]);
const linux = '0FC63DAF-8483-4772-8E79-3D69D8477DE4';

function layout(
  contents: Partial<Extract<PartitionContents, { kind: 'ext4' }>>,
  name = 'root',
  more: Partial<ImageLayout> = {},
): ImageLayout {
  const ext4 = { kind: 'ext4', label: 'label', tree: small, ...contents } as const;
  const partitions = [{ name, typeGuid: linux, startLba: 'next', sizeBytes: 'rest', contents: ext4 }] as const;
  return { sizeBytes: 16 * MiB, timestampSec: 1_700_000_000, partitions, ...more };
}

async function asked(program: string, ...words: string[]): Promise<string> {
  const { stdout, stderr } = await run([await tool(program, path), ...words], { cwd: dir, env: { PATH: path, TZ: 'UTC' } });
  return stdout + stderr;
}

test('an invalid field is reported in a sentence, and no file is left', async () => {
  const tree = (name: string, target?: string): { tree: FileTree } => ({
    tree: fileTree([[name, target === undefined ? file('') : symlink(target)]]),
  });
  const rows: readonly (readonly [ImageLayout, RegExp])[] = [
    [layout({ label: 'l'.repeat(17) }), /^Cannot make the ext4 "l{17}": its label has 17 bytes, and the limit of ext4 is 16 on one line$/],
    [layout({ label: 'é'.repeat(9) }), /its label has 18 bytes/],
    [layout({}, 'n'.repeat(37)), /^Cannot lay out partition "n{37}": its name has 37 UTF-16 units, and the limit of GPT is 36$/],
    [
      layout({}, '😀'),
      /^Cannot lay out partition "😀": its name has a quote, a backslash, a control character or a character beyond U\+FFFF$/,
    ],
    [layout({}, 'a"b'), /its name has a quote/],
    [
      layout({}, 'root', { partitions: layout({}).partitions.map((each) => ({ ...each, typeGuid: 'linux' })) }),
      /its typeGuid "linux" is not a GUID$/,
    ],
    [
      layout({}, 'root', { partitions: Array.from({ length: 129 }, () => layout({}).partitions).flat() }),
      /it has 129 partitions, and the limit of GPT is 128$/,
    ],
    [layout({}, 'a\nb'), /its name has a quote/],
    [
      layout({}, 'root', { timestampSec: 1.5 }),
      /^Cannot lay out the image: timestampSec is 1.5, which is not a whole number of seconds since 1970$/,
    ],
    [layout({}, 'root', { timestampSec: -1 }), /timestampSec is -1, which/],
    [layout({}, 'root', { timestampSec: Number.NaN }), /timestampSec is NaN, which/],
    [
      layout({}, 'root', { timestampSec: 4_102_444_800 }),
      /^Cannot lay out partition "root": timestampSec is 4102444800, and its ext4 supports no time after 2038-01-19T03:14:07.000Z$/,
    ],
    [layout({}, 'root', { timestampSec: 10 ** 12 }), /supports no time after 2038/],
    [layout(tree('n'.repeat(256))), /its name has 256 bytes, and the limit of ext4 is 255$/],
    [layout(tree('é'.repeat(128))), /its name has 256 bytes/],
    [
      layout(tree('link', 't'.repeat(4096))),
      /^Cannot write "link" into an ext4: its target has 4096 bytes, and the limit of ext4 is 4095$/,
    ],
    [layout(tree('link', 'a\nb')), /debugfs does not support line ends in targets of links$/],
    [layout(tree('a\nb')), /^Cannot write "a\\nb" into an ext4: debugfs does not support line ends in names$/],
    [layout(tree('lost+found')), /an ext4 has a directory of that name$/],
    [layout({}, 'root', { sizeBytes: 1 * MiB + 128 * 512 }), /^Cannot make the ext4 "label": its 44 KiB are too small for a file system$/],
    [layout({}, 'root', { sizeBytes: 1024, table: 'none' }), /^Cannot make the ext4 "label": its 1 KiB are too small for a file system$/],
  ];
  for (const [wrong, why] of rows) {
    const failure = await assemble(wrong, join(dir, 'refused', 'a.img'), host, context).catch((error: unknown) => error);
    assert.instance(failure, Failure);
    if (!(failure instanceof Failure)) continue;
    assert.match(failure.message, why);
    assert.is(failure.exitCode, 1);
    assert.not.match(failure.message, /ended with/);
    assert.equal(existsSync(join(dir, 'refused')) ? readdirSync(join(dir, 'refused')) : [], []);
  }
});

test('the longest names, labels and times are in the image', async () => {
  const out = join(dir, 'limits.img');
  const name = 'p'.repeat(36);
  const tree = fileTree([
    ['n'.repeat(255), file('n')],
    ['link', symlink('t'.repeat(4095))],
  ]);
  const { partitions } = await assemble(layout({ label: 'l'.repeat(16), tree }, name, { timestampSec: 2 ** 31 - 1 }), out, host, context);
  assert.is(partitions[0]?.name, name);
  assert.match(await asked('sfdisk', '--dump', out), `name="${name}"`);
  const drive = `${out}?offset=${1 * MiB}`;
  assert.match(await asked('debugfs', '-R', 'show_super_stats -h', drive), 'l'.repeat(16));
  assert.match(await asked('debugfs', '-R', `stat ${'n'.repeat(255)}`, drive), /mtime: 0x7fffffff/);
  assert.match(await asked('debugfs', '-R', 'stat link', drive), /Size: 4095\b/);
});

test('lost+found may be on the page, with files in it', async () => {
  const out = join(dir, 'lost.img');
  const tree = fileTree([
    ['lost+found', directory(0o700)],
    ['lost+found/.keep', file('')],
  ]);
  const partitions = layout({ tree }).partitions;
  await assemble(layout({}, 'root', { partitions, table: 'none' }), out, host, context);
  assert.match(await asked('debugfs', '-R', 'ls -p /lost+found', out), '/.keep/');
  assert.match(await asked('debugfs', '-R', 'stat /lost+found', out), /Mode: +0700/);
  assert.match(await asked('e2fsck', '-fn', out), /: \d+\/\d+ files/);
});

test('an image may be in a folder of any name, and files of the host too', async () => {
  const plain = join(dir, 'plain.img');
  await assemble(layout({}), plain, host, context);
  for (const folder of ['what?', 'a@@b', 'back\\slash', 'a "quoted" one', 'new\nline']) {
    const out = join(dir, folder, 'a.img');
    await assemble(layout({}), out, host, context);
    assert.ok(readFileSync(out).equals(readFileSync(plain)), folder);
    const content = { kind: 'host', path: out, sizeBytes: 16 * MiB } as const;
    await assemble(
      layout({ tree: fileTree([['inner.img', file(content)]]) }, 'root', { sizeBytes: 40 * MiB }),
      join(dir, folder, 'b.img'),
      host,
      context,
    );
    const image = await openImage(join(dir, folder, 'b.img'), dirname(out), host, context);
    try {
      const { findings, paths } = await verifyImage(image, image.volumes, host, context);
      assert.equal([findings, paths], [[], 3]);
    } finally {
      await image.close();
    }
    assert.equal(readdirSync(dirname(out)).sort(), ['a.img', 'b.img']);
  }
});

test("a path that is longer than the kernel's limit is written, read and extracted", async () => {
  const deep = Array.from({ length: 22 }, (_, i) => String(i).padEnd(250, 'd')).join('/');
  const tree = fileTree([
    [`${deep}/file`, file('deep')],
    [`${deep}/link`, symlink('file')],
  ]);
  await assemble(layout({ tree }), join(dir, 'deep.img'), host, context);
  const image = await openImage(join(dir, 'deep.img'), dir, host, context);
  try {
    const { files, bytes } = await extractVolumes(image.volumes, join(dir, 'deep'), { path }, context);
    assert.equal([files, bytes], [1, 4]);
  } finally {
    await image.close();
  }
  const paths = new TreePaths();
  try {
    assert.is(readFileSync(paths.at(join(dir, 'deep', 'root', deep, 'file')), 'utf8'), 'deep');
    assert.is(paths.linkTarget(join(dir, 'deep', 'root', deep, 'link')), 'file');
  } finally {
    paths.close();
  }
  assert.ok(removeTree(join(dir, 'deep')));
});

test.run();
