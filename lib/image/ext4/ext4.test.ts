// Checks ext4 file systems with e2fsck and debugfs: they are valid, have the requested attributes, and have
// the same bytes each time.
import { closeSync, existsSync, mkdtempSync, openSync, readdirSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Failure } from '../../core/errors.ts';
import type { Context } from '../../core/events.ts';
import { pathOf } from '../../core/paths.ts';
import { run } from '../../core/sh.ts';
import { KiB, MiB } from '../../core/sizes.ts';
import { tool } from '../../core/tools.ts';
import { contentBytes, directory, file, fileTree, symlink } from '../file-tree.ts';
import type { Entry, FileTree } from '../file-tree.ts';
import { assemble } from '../image.ts';
import type { AssembledImage, ImageLayout } from '../image.ts';
import { openImage } from '../read/image-reader.ts';
import type { VolumeEntry } from '../read/volume.ts';

const path = pathOf(process.env);
const context: Context = { signal: new AbortController().signal, report: () => undefined };
const dir = mkdtempSync(join(tmpdir(), 'ext4-test-'));
test.after(() => rmSync(dir, { recursive: true }));

writeFileSync(join(dir, 'host file'), 'from the host\n', { mode: 0o600 });
const tree = fileTree([
  ['', directory(0o751, { uid: 3, gid: 4 })],
  ['bin', symlink('usr/bin')],
  ['etc/a "quoted" name', file('odd\n', 0o640, { uid: 0, gid: 42 })],
  ['etc/empty', file('')],
  ['etc/é', symlink('nowhere at all/'.repeat(10))],
  ['home/user', directory(0o700, { uid: 1000, gid: 100_000 })],
  ['tmp', directory(0o1777)],
  ['usr/bin/host', file({ kind: 'host', path: join(dir, 'host file'), sizeBytes: 14 }, 0o755)],
  ['usr/bin/sudo', file(Buffer.alloc(300 * KiB, 's'), 0o4755)],
]);

async function make(name: string, of: FileTree, more: Partial<ImageLayout> = {}): Promise<AssembledImage> {
  const partition = { name: 'root', typeGuid: '0FC63DAF-8483-4772-8E79-3D69D8477DE4', startLba: 'next', sizeBytes: 'rest' } as const;
  const contents = { kind: 'ext4', label: 'nixos', tree: of } as const;
  const layout: ImageLayout = { sizeBytes: 32 * MiB, timestampSec: 1_700_000_000, partitions: [{ ...partition, contents }], ...more };
  return await assemble(layout, join(dir, name), { path }, context);
}

async function asked(program: string, ...words: string[]): Promise<{ exitCode: number | null; text: string }> {
  const { exitCode, stdout, stderr } = await run([await tool(program, path), ...words], { cwd: dir, env: { PATH: path, TZ: 'UTC' } });
  return { exitCode, text: stdout + stderr };
}

test('a file system fills the image, and e2fsck finds no error', async () => {
  const image = await make('whole.img', tree, { table: 'none' });
  assert.is(image.diskGuid, undefined);
  assert.equal([image.partitions[0]?.startLba, image.partitions[0]?.sizeBytes], [0, 32 * MiB]);
  const { exitCode, text } = await asked('e2fsck', '-fn', 'whole.img');
  assert.is(exitCode, 0, text);
});

test('an ext2 has the features that every reader knows, and the same entries', async () => {
  const partition = { name: 'root', typeGuid: '0FC63DAF-8483-4772-8E79-3D69D8477DE4', startLba: 'next', sizeBytes: 'rest' } as const;
  await make('ext2.img', tree, {
    table: 'none',
    partitions: [{ ...partition, contents: { kind: 'ext4', label: 'old', tree, ext2: true } }],
  });
  const { exitCode, text } = await asked('e2fsck', '-fn', 'ext2.img');
  assert.is(exitCode, 0, text);
  const { text: about } = await asked('debugfs', '-R', 'show_super_stats -h', 'ext2.img');
  const features = /^Filesystem features: +(.*)$/m.exec(about)?.[1]?.split(' ');
  assert.equal(features?.sort(), ['ext_attr', 'filetype', 'large_file', 'sparse_super']);
  assert.match((await asked('debugfs', '-R', 'stat /home/user', 'ext2.img')).text, /Mode: +0700[^]*User: +1000 +Group: +100000/);
});

test('kinds, modes, owners, times and contents are those of the tree', async () => {
  await make('attributes.img', tree, { table: 'none' });
  const stat = async (name: string): Promise<string> => (await asked('debugfs', '-R', `stat "${name}"`, 'attributes.img')).text;
  assert.match(await stat('/'), /Mode: +0751[^]*User: +3 +Group: +4/);
  assert.match(await stat('/usr/bin/sudo'), /Type: regular +Mode: +04755[^]*User: +0 [^]*mtime: 0x6553f100/);
  assert.match(await stat('/usr/bin/host'), /Mode: +0755[^]*User: +0 [^]*Size: 14\b/);
  assert.match(await stat('/home/user'), /Type: directory +Mode: +0700[^]*User: +1000 +Group: +100000/);
  assert.match(await stat('/tmp'), /Mode: +01777/);
  assert.match(await stat('/bin'), /Type: symlink[^]*Fast link dest: "usr\/bin"/);
  assert.match(await stat('/etc/é'), /Type: symlink[^]*Size: 150\b/);
  assert.match((await asked('debugfs', '-R', 'cat "/etc/a ""quoted"" name"', 'attributes.img')).text, 'odd\n');
  assert.match((await asked('debugfs', '-R', 'stat /etc/empty', 'attributes.img')).text, /Size: 0\b/);
});

test('the same tree gives the same bytes, another one an other identity', async () => {
  const first = await make('one.img', tree, { table: 'none' });
  assert.is((await make('two.img', tree, { table: 'none' })).sha256, first.sha256);
  const told = (await asked('debugfs', '-R', 'show_super_stats -h', 'one.img')).text;
  const times = [...told.matchAll(/^(Filesystem created|Last write time|Last checked): +(.*)$/gm)].map(([, , time]) => time);
  assert.equal(times, Array(3).fill('Tue Nov 14 22:13:20 2023'), 'two images of one second could be equal by chance');
  const other = await make('three.img', fileTree([['x', file('x')]]), { table: 'none' });
  assert.is.not(other.partitions[0]?.fileSystemId, first.partitions[0]?.fileSystemId);
});

test('a file system is created from one that has a part of it: new and changed files, folders with other attributes', async () => {
  const part = fileTree([...tree.entries].filter(([name]) => !name.startsWith('etc')));
  const { partitions } = await make('part.img', part, { table: 'none' });
  const base = { path: join(dir, 'part.img'), uuid: partitions[0]?.fileSystemId ?? '', entries: part.entries };
  const changed = fileTree(
    [...tree.entries, ['usr/bin', directory(0o711, { uid: 7, gid: 0 })]].filter(([name], at, all) => {
      return all.findLastIndex(([other]) => other === name) === at;
    }) as [string, Entry][],
  );
  const contents = { kind: 'ext4', label: 'nixos', tree: changed, base } as const;
  const whole = { name: 'root', typeGuid: '', startLba: 'next', sizeBytes: 'rest', contents } as const;
  const first = await make('onto.img', changed, { table: 'none', partitions: [whole] });
  assert.is((await make('again.img', changed, { table: 'none', partitions: [whole] })).sha256, first.sha256);
  assert.is((await asked('e2fsck', '-fn', 'onto.img')).exitCode, 0);
  assert.match((await asked('debugfs', '-R', 'stat /usr/bin', 'onto.img')).text, /Type: directory +Mode: +0711[^]*User: +7 /);
  assert.match((await asked('debugfs', '-R', 'stat /etc/empty', 'onto.img')).text, /Size: 0\b/);
  assert.match((await asked('debugfs', '-R', 'stat /usr/bin/sudo', 'onto.img')).text, /Mode: +04755/);
});

test('it can be in a partition as well', async () => {
  const { partitions } = await make('gpt.img', tree);
  assert.is(partitions[0]?.startLba, 2048);
  assert.match((await asked('debugfs', '-R', 'ls -p /usr/bin', `gpt.img?offset=${2048 * 512}`)).text, '/sudo/');
});

test('it is read back unchanged, as a whole image and in a partition', async () => {
  await make('read.img', tree, { table: 'none' });
  await make('read-gpt.img', tree);
  for (const name of ['read.img', 'read-gpt.img']) {
    const image = await openImage(join(dir, name), dir, { path }, context);
    try {
      const [found] = image.volumes;
      assert.is(found?.kind, 'ext4');
      const volume = found?.volume;
      assert.ok(volume);
      const seen = new Map<string, VolumeEntry>();
      for await (const entry of volume.entries()) if (!entry.path.startsWith('lost+found')) seen.set(entry.path, entry);
      assert.equal([...seen.keys()], [...tree.entries.keys()]);
      for (const [at, entry] of tree.entries) {
        const { kind, mode, uid, gid, target } = seen.get(at) ?? { kind: 'other' };
        assert.equal(
          [kind, mode, uid, gid, target],
          [entry.kind, entry.mode, entry.uid, entry.gid, entry.kind === 'symlink' ? entry.target : undefined],
          at,
        );
        if (entry.kind !== 'file') continue;
        const chunks: Uint8Array[] = [];
        for await (const { bytes } of volume.pieces(at)) chunks.push(Buffer.from(bytes));
        assert.ok(Buffer.concat(chunks).equals(contentBytes(entry.content)), at);
      }
      assert.equal(await volume.verify(), { findings: [], paths: tree.entries.size + 1 });
    } finally {
      await image.close();
    }
  }
});

test('damage is a finding', async () => {
  await make('damaged.img', tree, { table: 'none' });
  const fd = openSync(join(dir, 'damaged.img'), 'r+');
  writeSync(fd, Buffer.alloc(4096, 0xff), 0, 4096, 4096); // the group descriptors
  closeSync(fd);
  const image = await openImage(join(dir, 'damaged.img'), dir, { path }, context);
  try {
    const verdict = await image.volumes[0]?.volume?.verify();
    assert.is(verdict?.findings.length, 1);
  } finally {
    await image.close();
  }
});

test('a file system that is too small and a name that debugfs cannot write leave no files', async () => {
  const big = fileTree([['big', file(Buffer.alloc(9 * MiB, 'b'))]]);
  for (const [of, why] of [
    [big, /^Cannot fill the ext4 "nixos": its 8 MiB are too small$/],
    [fileTree([['a\nb', file('')]]), /debugfs does not support line ends in names$/],
  ] as const) {
    const failure = await make('small.img', of, { table: 'none', sizeBytes: 8 * MiB }).catch((error: unknown) => error);
    assert.instance(failure, Failure);
    assert.match((failure as Failure).message, why);
    assert.not.ok(existsSync(join(dir, 'small.img')));
    assert.equal(
      readdirSync(dir).filter((name) => name.includes('partial')),
      [],
    );
  }
});

test('an image without a table has one partition', async () => {
  const failure = await make('none.img', tree, { table: 'none', partitions: [] }).catch((error: unknown) => error);
  assert.match((failure as Failure).message, 'it has 0 partitions, not one');
});

test.run();
