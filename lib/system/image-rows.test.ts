// Facts of an image become the layout that is assembled: each row its bytes, mode and owner.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { digestBytes } from '../core/digest.ts';
import { Failure } from '../core/errors.ts';
import { MiB } from '../core/sizes.ts';
import { contentBytes, file } from '../image/file-tree.ts';
import type { Entry } from '../image/file-tree.ts';
import { readInitfs } from '../image/initfs/reader.ts';
import { xattrsOf } from '../image/xattrs.ts';
import { entriesOf, layoutOf } from '../rootfs/image-layout.ts';
import type { FileFacts, ImageFacts } from './image-facts.ts';

/** The head of an ELF file of 64 bits whose entry point is 0x3000. */
function elf(): Buffer {
  const bytes = Buffer.alloc(64);
  bytes.write('\x7fELF', 'latin1');
  bytes[4] = 2;
  bytes[5] = 1;
  bytes.writeBigUInt64LE(0x3000n, 24);
  return bytes;
}

const facts: ImageFacts = {
  sizeBytes: 64 * MiB,
  timestampSec: 1_000_000,
  partitions: [
    {
      name: 'root',
      typeGuid: '0FC63DAF-8483-4772-8E79-3D69D8477DE4',
      fileSystem: { kind: 'redoxfs', compress: true },
      files: {
        'usr/bin/tool': { made: 'tools/tool' },
        'etc/shadow': { text: 'root;\n', mode: 0o600, uid: 3 },
        bin: { link: 'usr/bin' },
        tmp: { folder: true, mode: 0o1777 },
        'boot/initfs': { initfs: { generation: 'newer', bootstrap: 'tools/tool', files: { 'etc/motd': { text: 'hello\n' } } } },
      },
    },
  ],
};

test('each row has its kind, mode, owner and bytes, and an initfs is built from its own rows', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'bloomery-facts-'));
  try {
    await writeFile(join(dir, 'tool'), elf());
    const layout = await layoutOf(facts, { made: (name) => (name === 'tools/tool' ? join(dir, 'tool') : undefined) });
    const [partition] = layout.partitions;
    assert.is(partition?.sizeBytes, 'rest');
    assert.ok(partition?.contents.kind === 'redoxfs' && partition.contents.compress);
    const entries = partition?.contents.tree.entries;
    const tool = entries?.get('usr/bin/tool');
    assert.equal(tool, { kind: 'file', mode: 0o755, uid: 0, gid: 0, content: { kind: 'host', path: join(dir, 'tool'), sizeBytes: 64 } });
    assert.is(entries?.get('tmp')?.mode, 0o1777);
    assert.equal([entries?.get('etc/shadow')?.mode, entries?.get('etc/shadow')?.uid], [0o600, 3]);
    assert.is(entries?.get('bin')?.kind, 'symlink');
    const initfs = entries?.get('boot/initfs');
    assert.ok(initfs?.kind === 'file' && initfs.content.kind === 'bytes');
    const read = initfs?.kind === 'file' && initfs.content.kind === 'bytes' ? readInitfs(initfs.content.bytes) : undefined;
    assert.is(read?.bootstrapEntry, 0x3000n);
    assert.ok(read?.tree.entries.has('etc/motd'));
  } finally {
    await rm(dir, { recursive: true });
  }
});

test('a row that names a missing output of a component is reported with its path', async () => {
  const failure = await layoutOf(facts, { made: () => undefined }).catch((error: unknown) => error);
  assert.instance(failure, Failure);
  assert.match(String(failure), 'Cannot put "usr/bin/tool" into the image: no component has the output "tools/tool"');
});

test('a file of the host that does not exist is reported with its place in the image', async () => {
  const partitions = [{ name: 'a', typeGuid: '', fileSystem: { kind: 'cpio' as const }, files: { 'b/c': { file: '/nothing/at/all' } } }];
  const failure = await layoutOf({ sizeBytes: 0, timestampSec: 0, partitions }, { made: () => undefined }).catch((error: unknown) => error);
  assert.is(failure instanceof Failure && failure.message, 'Cannot put "/nothing/at/all" into the image as "b/c": it does not exist');
});

test('a file is named after its content, where a text has the name too, and another content is another name', async () => {
  const names = async (content: string): Promise<readonly [paths: readonly string[], text: string]> => {
    const files: FileFacts = {
      'boot/grub.cfg': { text: 'linux /boot/kernels/<digest>-kernel\ninitrd /boot/kernels/<digest>-initrd\n' },
      'boot/kernels/<digest>-kernel': { text: content },
      'boot/kernels/<digest>-initrd': { initramfs: { gzip: true, files: { init: { text: 'x' } } } },
    };
    const entries = await entriesOf(files, { made: () => undefined }, 0);
    const config = entries.get('boot/grub.cfg');
    assert.ok(config?.kind === 'file');
    return [[...entries.keys()], Buffer.from(contentBytes(config.content)).toString()];
  };
  const [paths, text] = await names('one');
  const kernel = `boot/kernels/${digestBytes('one').slice(0, 32)}-kernel`;
  assert.is(paths[1], kernel);
  assert.match(paths[2] ?? '', /^boot\/kernels\/[0-9a-f]{32}-initrd$/);
  assert.is(text, `linux /${paths[1]}\ninitrd /${paths[2]}\n`);
  const [others] = await names('two');
  assert.equal([others[1] === kernel, others[2]], [false, paths[2]]);
});

test('a row gives its file extended attributes and capabilities, and appended text leaves other names of a file alone', async () => {
  const below = new Map<string, Entry>([
    ['etc/a', { ...file('1', 0o600), inode: 'etc/a', xattrs: xattrsOf([['user.kept', Buffer.from('k')]]) }],
    ['etc/b', { ...file('1', 0o600), inode: 'etc/a', xattrs: xattrsOf([['user.kept', Buffer.from('k')]]) }],
  ]);
  const files: FileFacts = {
    'bin/ping': { text: 'x', mode: 0o755, capabilities: ['cap_net_raw', 'cap_net_admin'] },
    data: { folder: true, xattrs: { 'user.text': 'plain', 'user.hex': '0x00ff', 'user.base64': '0sAP8=' } },
    'etc/a': { append: '2', xattrs: { 'user.more': 'm' } },
  };
  const entries = await entriesOf(files, { made: () => undefined }, 0, below);
  const xattrs = (path: string): unknown =>
    Object.fromEntries([...(entries.get(path)?.xattrs ?? [])].map(([name, value]) => [name, Buffer.from(value).toString('hex')]));
  assert.equal(xattrs('bin/ping'), { 'security.capability': '0100000200300000000000000000000000000000' });
  assert.equal(xattrs('data'), { 'user.base64': '00ff', 'user.hex': '00ff', 'user.text': '706c61696e' });
  assert.equal(xattrs('etc/a'), { 'user.kept': '6b', 'user.more': '6d' });
  assert.is(entries.get('etc/a')?.inode, undefined);
  for (const [row, why] of [
    [
      { text: '', xattrs: { 'user.x': '0xf' } },
      'Cannot use "0xf" as the value of an extended attribute: its digits are not whole bytes in hexadecimal or base64',
    ],
    [{ link: 'x', capabilities: ['cap_net_raw'] }, 'Cannot give "a" capabilities: it is a symlink'],
  ] as const) {
    const failure = await entriesOf({ a: row }, { made: () => undefined }, 0).catch((error: unknown) => error);
    assert.is((failure as Error).message, why);
  }
});

test.run();
