// Tests extended attributes and hard links in ext4. debugfs and e2fsck read what the writer wrote, and the
// reader reads what debugfs wrote.
import { Buffer } from 'node:buffer';
import { lstatSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { digestFile } from '../../core/digest.ts';
import type { Context } from '../../core/events.ts';
import { pathOf } from '../../core/paths.ts';
import { run } from '../../core/sh.ts';
import { MiB } from '../../core/sizes.ts';
import { tool } from '../../core/tools.ts';
import { capabilityText, capabilityValue, capabilityXattr, xattrsOf } from '../xattrs.ts';
import { extractVolumes } from '../read/extract.ts';
import { directory, file, fileTree, symlink } from '../file-tree.ts';
import type { Entry, FileTree } from '../file-tree.ts';
import { imageDifferences } from '../read/image-diff.ts';
import { assemble } from '../image.ts';
import type { PartitionContents } from '../image.ts';
import { openImage } from '../read/image-reader.ts';
import type { OpenImage } from '../read/image-reader.ts';
import { listingLine } from '../read/listing.ts';
import { putIntoImage } from '../change/put-image.ts';
import type { PutOutcome } from '../change/put-image.ts';
import type { VolumeEntry } from '../read/volume.ts';

const path = pathOf(process.env);
const context: Context = { signal: new AbortController().signal, report: () => undefined };
const dir = mkdtempSync(join(tmpdir(), 'ext4-xattrs-'));
test.after(() => rmSync(dir, { recursive: true }));

const ping = capabilityValue(['cap_net_raw']);
const long = Buffer.alloc(3000, 'long ');
const odd = Buffer.from([0, 10, 255, 61, 34, 0]);
const names = Array.from({ length: 400 }, (_, i) => `usr/lib/git-core/git-command-number-${i}`);
const given: readonly (readonly [string, Entry])[] = [
  ['usr/bin/ping', { ...file('ping', 0o755), xattrs: xattrsOf([[capabilityXattr, ping]]) }],
  ['usr/bin/perl', { ...file('perl', 0o755), inode: 'perl' }],
  ['usr/bin/perl5.36.0', { ...file('perl', 0o755), inode: 'perl' }],
  ['usr/bin/alone', { ...file('alone'), inode: 'alone' }],
  ...names.map((name) => [name, { ...file('git', 0o755), inode: 'git', xattrs: xattrsOf([['user.long', long]]) }] as const),
  [
    'etc',
    {
      ...directory(),
      xattrs: xattrsOf([
        ['user.a "b" =\\', odd],
        ['user.empty', Buffer.alloc(0)],
      ]),
    },
  ],
  ['etc/link', { ...symlink('nowhere'), xattrs: xattrsOf([['trusted.mark', Buffer.from('m')]]) }],
];
const tree = fileTree(given);

async function make(name: string, contents: PartitionContents): Promise<string> {
  const partition = { name: 'root', typeGuid: '0FC63DAF-8483-4772-8E79-3D69D8477DE4', startLba: 'next', sizeBytes: 'rest' } as const;
  const layout = { sizeBytes: 32 * MiB, table: 'none', timestampSec: 1_700_000_000, partitions: [{ ...partition, contents }] } as const;
  const { partitions } = await assemble(layout, join(dir, name), { path }, context);
  return partitions[0]?.fileSystemId ?? '';
}

const ext4 = (of: FileTree): PartitionContents => ({ kind: 'ext4', label: 'root', tree: of });

async function tooled(program: string, ...words: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await run([await tool(program, path), ...words], { cwd: dir, env: { PATH: path, TZ: 'UTC' } });
  assert.is(exitCode, 0, `${program} ${words.join(' ')}: ${stdout}${stderr}`);
  return stdout + stderr;
}

async function opened<T>(name: string, work: (image: OpenImage) => Promise<T>): Promise<T> {
  const image = await openImage(join(dir, name), dir, { path }, context);
  try {
    return await work(image);
  } finally {
    await image.close();
  }
}

async function entriesOf(name: string): Promise<ReadonlyMap<string, VolumeEntry>> {
  return await opened(name, async ({ volumes: [first] }) => {
    const found = new Map<string, VolumeEntry>();
    for await (const entry of first?.volume?.entries() ?? []) found.set(entry.path, entry);
    return found;
  });
}

async function refusal(work: Promise<unknown>): Promise<string> {
  return await work.then(
    () => 'no error',
    (error: unknown) => String(error instanceof Error ? error.message : error),
  );
}

test('names of one file and attributes are written, and e2fsck finds no fault', async () => {
  for (const [image, contents] of [
    ['whole.img', ext4(tree)],
    ['ext2.img', { ...ext4(tree), ext2: true } as PartitionContents],
  ] as const) {
    await make(image, contents);
    await tooled('e2fsck', '-fn', image);
    assert.match(
      await tooled('debugfs', '-R', 'ea_list /usr/bin/ping', image),
      'security.capability (20) = 01 00 00 02 00 20 00 00 00 00 00 00 00 00 00 00 00 00 00 00',
    );
    assert.match(await tooled('debugfs', '-R', 'ea_list /etc', image), /user\.a \\"b\\" =\\\\ \(6\)[^]*user\.empty \(0\)/);
    assert.match(await tooled('debugfs', '-R', 'ea_list /etc/link', image), /trusted\.mark \(1\) = "m"/);
    await tooled('debugfs', '-R', 'ea_get -f long /usr/lib/git-core/git-command-number-7 user.long', image);
    assert.equal(readFileSync(join(dir, 'long')), long);
    const inode = async (name: string): Promise<string | undefined> =>
      /Inode: (\d+) [^]*Links: (\d+) /
        .exec(await tooled('debugfs', '-R', `stat /${name}`, image))
        ?.slice(1, 3)
        .join(' ');
    assert.is(await inode('usr/bin/perl'), await inode('usr/bin/perl5.36.0'));
    assert.match((await inode('usr/bin/perl')) ?? '', / 2$/);
    assert.match((await inode(names[399] ?? '')) ?? '', / 400$/);
    assert.match((await inode('usr/bin/alone')) ?? '', / 1$/);
  }
});

test('the same tree gives the same bytes, and other attributes or links give another image', async () => {
  const first = await make('one.img', ext4(tree));
  assert.is(await make('two.img', ext4(fileTree([...given].reverse()))), first);
  assert.is(await digestFile(join(dir, 'one.img')), await digestFile(join(dir, 'two.img')));
  const others = given.map(([name, { xattrs: _, inode: __, ...entry }]) => [name, entry as Entry] as const);
  assert.is.not(await make('copies.img', ext4(fileTree(others))), first);
});

test('a file system that is created from another one gets the missing names and attributes', async () => {
  const lower = new Map(given.slice(0, 200));
  const uuid = await make('lower.img', ext4(fileTree(lower)));
  const marked: Entry = { ...directory(0o700), xattrs: xattrsOf([['user.new', odd]]) };
  const upper = fileTree([...given.filter(([name]) => name !== 'etc'), ['etc', marked]]);
  const base = { path: join(dir, 'lower.img'), uuid, entries: fileTree(lower).entries };
  await make('upper.img', { kind: 'ext4', label: 'root', tree: upper, base });
  await tooled('e2fsck', '-fn', 'upper.img');
  const entries = await entriesOf('upper.img');
  assert.is(entries.get(names[399] ?? '')?.links?.count, 400);
  assert.is(entries.get(names[399] ?? '')?.links?.inode, entries.get(names[0] ?? '')?.links?.inode);
  assert.equal(entries.get('etc')?.xattrs, xattrsOf([['user.new', odd]]));
});

test('the reader returns the written data, and listing lines contain it', async () => {
  await make('read.img', ext4(tree));
  const entries = await entriesOf('read.img');
  for (const [name, { xattrs }] of given)
    assert.equal(entries.get(name)?.xattrs, xattrs && new Map([...xattrs].map(([k, v]) => [k, Buffer.from(v)])), name);
  assert.is(entries.get('usr/bin/alone')?.links, undefined);
  await opened('read.img', async ({ volumes: [volume] }) => {
    const entry = await volume?.volume?.find('usr/bin/ping');
    if (volume && entry)
      assert.is(listingLine(volume, entry, 4), '-rwxr-xr-x       0:0    4 usr/bin/ping {security.capability=cap_net_raw=ep}');
    const perl = await volume?.volume?.find('usr/bin/perl');
    assert.equal(perl, entries.get('usr/bin/perl'));
    if (volume && perl) assert.match(listingLine(volume, perl, 4), /usr\/bin\/perl \{inode \d+ with 2 names\}$/);
  });
});

test('values in separate inodes and access control lists are read as the kernel returns them', async () => {
  const acl = '0200000001000700ffffffff02000600e803000004000500ffffffff10000700ffffffff20000500ffffffff';
  writeFileSync(join(dir, 'acl'), Buffer.from(acl, 'hex'));
  mkdirSync(join(dir, 'from'));
  writeFileSync(join(dir, 'from/file'), 'x');
  // A folder for temporary files need not have attributes.
  const set = [await tool('setfattr', path), '-n', 'user.long', '-v', `0x${long.toString('hex')}`, 'from/file'];
  const { exitCode } = await run(set, { cwd: dir, env: { PATH: path } });
  await tooled('mke2fs', '-q', '-F', '-t', 'ext4', '-b', '1024', '-O', 'ea_inode', '-d', 'from', 'foreign.img', '16M');
  await tooled('debugfs', '-w', '-R', 'ea_set -f acl /file system.posix_acl_access', 'foreign.img');
  const xattrs = (await entriesOf('foreign.img')).get('file')?.xattrs;
  if (exitCode === 0) assert.ok(long.equals(xattrs?.get('user.long') ?? Buffer.alloc(0)));
  assert.is(Buffer.from(xattrs?.get('system.posix_acl_access') ?? []).toString('hex'), acl);
});

test('damaged attributes are a Failure that names the path', async () => {
  await make('damaged.img', ext4(fileTree([['file', { ...file('x'), xattrs: xattrsOf([['user.long', long]]) }]])));
  const block = /File ACL: (\d+)/.exec(await tooled('debugfs', '-R', 'stat /file', 'damaged.img'))?.[1];
  const bytes = readFileSync(join(dir, 'damaged.img'));
  bytes.writeUInt16LE(0xfff0, Number(block) * 4096 + 32 + 2);
  writeFileSync(join(dir, 'damaged.img'), bytes);
  assert.match(
    await refusal(entriesOf('damaged.img')),
    /^Cannot read "file" of the ext4 in ".*": its extended attributes are damaged: an entry has no sound length$/,
  );
});

test('extraction keeps names of one file and attributes of users, and names the attributes that it leaves out', async () => {
  await make('out.img', ext4(tree));
  const extracted = await opened('out.img', ({ volumes }) => extractVolumes(volumes, join(dir, 'out'), { path }, context));
  const about = (name: string): [number, number] => [lstatSync(join(dir, 'out', name)).ino, lstatSync(join(dir, 'out', name)).nlink];
  assert.equal(about('usr/bin/perl5.36.0'), about('usr/bin/perl'));
  assert.is(about(names[3] ?? '')[1], 400);
  assert.is(lstatSync(join(dir, 'out/usr/bin/perl')).mode & 0o777, 0o755);
  assert.equal(extracted.xattrsLeftOut, ['etc/link trusted.mark', 'usr/bin/ping security.capability=cap_net_raw=ep']);
  const got = await run([await tool('getfattr', path), '-d', '-e', 'hex', 'etc'], { cwd: join(dir, 'out'), env: { PATH: path } });
  // A folder for temporary files need not have attributes.
  if (extracted.xattrComplaints.length === 0) assert.match(got.stdout, /^user\.a "b" \\075\\134=0x000aff3d2200\nuser\.empty=(?:""|0x)?$/m);
  else assert.match(extracted.xattrComplaints[0] ?? '', /: Operation not supported$/);
});

test('a file that is put into the image has the attributes of the one that it replaces, and other names keep the old contents', async () => {
  await make('put.img', ext4(tree));
  writeFileSync(join(dir, 'new'), 'newer');
  const put = async (at: string): Promise<PutOutcome> =>
    await opened('put.img', async (image) => {
      const content = { kind: 'host', path: join(dir, 'new'), sizeBytes: 5 } as const;
      const request = { what: `put ${at}`, path: at, content, defaultMode: 0o644, parents: false, compress: false };
      return await putIntoImage(image, request, dir, { path }, context);
    });
  assert.equal(await put('usr/bin/ping'), { path: 'usr/bin/ping', replaced: true, copied: false });
  assert.is((await put('usr/bin/perl')).otherNames, 1);
  await tooled('e2fsck', '-fn', 'put.img');
  const entries = await entriesOf('put.img');
  assert.equal([entries.get('usr/bin/ping')?.sizeBytes, entries.get('usr/bin/ping')?.xattrs?.get(capabilityXattr)], [5, ping]);
  assert.equal([entries.get('usr/bin/perl')?.sizeBytes, entries.get('usr/bin/perl5.36.0')?.sizeBytes], [5, 4]);
});

test('a comparison names links and attributes that changed', async () => {
  await make('before.img', ext4(tree));
  const changed = given.filter(([name]) => name !== 'usr/bin/perl5.36.0' && name !== 'usr/bin/ping');
  await make('after.img', ext4(fileTree([...changed, ['usr/bin/ping', file('ping', 0o755)]])));
  const differences = await opened('before.img', async (before) => {
    return await opened('after.img', async (after) => {
      const found = [];
      for await (const difference of imageDifferences(before, after, context)) found.push(difference);
      return found;
    });
  });
  assert.equal(differences, [
    { change: 'changed', path: 'usr/bin/perl', details: ['names 2 -> 1'] },
    { change: 'removed', path: 'usr/bin/perl5.36.0', details: [] },
    { change: 'changed', path: 'usr/bin/ping', details: ['extended attribute security.capability removed'] },
  ]);
});

test('unsupported attributes are refused by their path', async () => {
  const ping = { ...file('x'), xattrs: xattrsOf([[capabilityXattr, capabilityValue(['cap_net_raw'])]]) };
  const marked = fileTree([['bin/ping', ping]]);
  for (const [contents, format] of [
    [{ kind: 'fat', label: 'A', tree: marked }, 'a FAT'],
    [{ kind: 'cpio', tree: marked }, 'an initramfs'],
    [{ kind: 'redoxfs', tree: marked }, 'a RedoxFS'],
    [{ kind: 'iso', label: 'A', efiImage: 'bin/ping', tree: marked }, 'an ISO'],
  ] as const) {
    const why = `Cannot write "bin/ping" into ${format}: it has the extended attribute "security.capability", and ${format} cannot hold it`;
    assert.is((await refusal(make('refused.img', contents))).replace(/^Cannot write ".*refused.img": /, ''), why);
  }
  const large = fileTree([
    [
      'a',
      {
        ...file('x'),
        xattrs: xattrsOf([
          ['user.a', Buffer.alloc(2500)],
          ['user.b', Buffer.alloc(2500)],
        ]),
      },
    ],
  ]);
  assert.match(
    await refusal(make('refused.img', ext4(large))),
    /"a" into an ext4: its extended attributes need 5048 bytes, and an ext4 has a block with 4060/,
  );
});

test('a tree refuses attribute names that the kernel does not accept, and differing names of one file', () => {
  const named = (name: string): unknown => fileTree([['a', { ...file(''), xattrs: xattrsOf([[name, Buffer.alloc(0)]]) }]]);
  assert.throws(() => named('capability'), /the name of its extended attribute "capability" does not begin with/);
  assert.throws(() => named('user.\udcff'), /is not well-formed Unicode/);
  assert.throws(() => named('user.a\nb'), /or has a line end/);
  assert.throws(() => named(`user.${'x'.repeat(260)}`), /has more than 255 bytes/);
  const one: Entry = { ...file('1'), inode: 'i' };
  const pair = (other: Entry): unknown =>
    fileTree([
      ['a', one],
      ['b', other],
    ]);
  assert.throws(() => pair({ ...one, mode: 0o600 }), /it is a hard link to "a" and has another mode/);
  assert.throws(() => pair({ ...file('22'), inode: 'i' }), /has another size/);
  assert.throws(() => pair({ ...one, xattrs: xattrsOf([['user.a', Buffer.alloc(1)]]) }), /has other extended attributes/);
});

test('capabilities are the bytes of setcap(8), and are shown as getcap(8) shows them', () => {
  const cases: readonly (readonly [string, string | undefined])[] = [
    ['0100000200200000000000000000000000000000', 'cap_net_raw=ep'],
    ['0000000200000000000000000001000000010000', 'cap_bpf,cap_checkpoint_restore=p'],
    ['010000030004000000000000000000000000000000000000e8030000', undefined],
    ['0100000380000000000000000000000000000000e8030000', 'cap_setuid=ep'],
    ['ff', undefined],
  ];
  assert.is(capabilityValue(['cap_net_raw']).toString('hex'), cases[0]?.[0]);
  assert.is(capabilityText(capabilityValue(['cap_setuid', 'cap_bpf'])), 'cap_setuid,cap_bpf=ep');
  assert.is(capabilityText(Buffer.from(cases[3]?.[0] ?? '', 'hex')), 'cap_setuid=ep');
  assert.is(capabilityText(Buffer.from(cases[2]?.[0] ?? '', 'hex')), undefined);
  assert.throws(() => capabilityValue(['cap_ping']), /Cannot give a file the capability "cap_ping": it does not exist/);
});

test.run();
