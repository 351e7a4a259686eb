// Members of archives that GNU tar writes, in each of its forms, and archives byte by byte for what it does not write.
import { Buffer } from 'node:buffer';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { pathOf } from '../core/paths.ts';
import { outputOf, run } from '../core/sh.ts';
import { tool } from '../core/tools.ts';
import { tarMembers } from './tar-members.ts';
import type { TarMember } from './tar-members.ts';

const env = { PATH: pathOf(process.env) };
const dir = mkdtempSync(join(tmpdir(), 'tar-members-'));
test.after(() => rmSync(dir, { recursive: true }));

const long = `${'a long name of a folder/'.repeat(12)}file`;

test.before(async () => {
  mkdirSync(join(dir, 'from', long, '..'), { recursive: true });
  writeFileSync(join(dir, 'from', long), 'content');
  const script = `umask 022 && cd from && printf 12345 >su && chmod 4750 su && ln su twin && ln -s "$(printf 'to\\nthere')" link && mkfifo pipe &&
    ln -s '${long}' far && printf x >"$(printf 'b\\351\\nc')" && ln '${long}' near`;
  await outputOf('make files', ['sh', '-c', script], { cwd: dir, env });
});

async function packed(...words: string[]): Promise<ReadonlyMap<string, TarMember>> {
  const tar = [
    'tar',
    '-cf',
    'some.tar',
    '--sort=name',
    '--owner=:70000',
    '--group=:4000000000',
    '--numeric-owner',
    ...words,
    '-C',
    'from',
    '.',
  ];
  await outputOf('pack', tar, { cwd: dir, env });
  return membersOf('some.tar');
}

function membersOf(name: string): ReadonlyMap<string, TarMember> {
  return new Map([...tarMembers(join(dir, name))].map((member) => [member.path, member]));
}

test('each form of GNU tar has the same members', async () => {
  for (const form of ['pax', 'gnu', 'oldgnu'] as const) {
    const found = await packed(`--format=${form}`);
    const { mode, uid, gid, sizeBytes, type } = found.get('./su') ?? {};
    assert.equal([type, mode, uid, gid, sizeBytes], ['file', 0o4750, 70_000, 4_000_000_000, 5], form);
    assert.equal([found.get('./twin')?.type, found.get('./twin')?.target], ['hard link', './su']);
    assert.equal([found.get('./link')?.type, found.get('./link')?.target], ['symlink', 'to\nthere']);
    assert.is(found.get('./far')?.target, long);
    const pair = [found.get(`./${long}`), found.get('./near')];
    assert.equal(pair.map((member) => member?.type).sort(), ['file', 'hard link']);
    assert.is(pair.find((member) => member?.type === 'file')?.sizeBytes, 7);
    assert.is(found.get('./pipe')?.type, 'other');
    assert.is(found.get('./b\udce9\nc')?.sizeBytes, 1);
    assert.is(found.get('./')?.type, 'directory');
    assert.is(found.size, 8 + 12 + 1);
  }
});

test('extended attributes are those that tar packed', async (): Promise<void> => {
  const value = '0x000a3d0aff25';
  const names = ['user.a=b%c', 'user.plain'];
  for (const name of names) {
    const set = [await tool('setfattr', env.PATH), '-n', name, '-v', value, 'from/su'];
    if ((await run(set, { cwd: dir, env })).exitCode !== 0) return; // the folder for temporary files need not have attributes
  }
  const found = await packed('--format=pax', '--xattrs');
  const { xattrs = new Map() } = found.get('./su') ?? {};
  assert.equal([...xattrs.keys()], names);
  for (const bytes of xattrs.values()) assert.is(`0x${Buffer.from(bytes).toString('hex')}`, value);
  assert.is(found.get('./link')?.xattrs.size, 0);
});

/** A member as an archive has it, with a right sum. */
function member(name: string, type: string, content: Buffer | string = '', prefix = ''): Buffer {
  const bytes = Buffer.from(content);
  const header = Buffer.alloc(512);
  header.write(name);
  for (const at of [100, 108, 116]) header.write('0000644', at);
  header.write(`${bytes.length.toString(8).padStart(11, '0')}\0`, 124);
  header.write('        ', 148);
  header.write(type, 156);
  header.write('ustar\x00', 257);
  header.write(prefix, 345);
  header.write(
    `${header
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, '0')}\0 `,
    148,
  );
  return Buffer.concat([header, bytes, Buffer.alloc(-bytes.length & 511)]);
}

function record(key: string, value: Buffer | string): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(value), Buffer.from('\n')]);
  const length = [1, 2, 3].map((digits) => rest.length + digits).find((sum, i) => String(sum).length === i + 1);
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

function write(...members: readonly Buffer[]): ReadonlyMap<string, TarMember> {
  writeFileSync(join(dir, 'own.tar'), Buffer.concat([...members, Buffer.alloc(1024)]));
  return membersOf('own.tar');
}

test('records of pax are in force for the next member, and global ones until the end', () => {
  const binary = Buffer.from([0, 10, 61, 255]);
  const found = write(
    member('g', 'g', record('uid', '3')),
    member(
      'x',
      'x',
      Buffer.concat([record('path', './really é'), record('SCHILY.xattr.security.capability', binary), record('size', '2')]),
    ),
    member('short', '0', 'ab'),
    member('next', '0', 'abc', 'some/prefix'),
    member('selinux', 'x', record('RHT.security.selinux', 'label\0')),
    member('labelled', '5'),
  );
  assert.equal([...found.keys()], ['./really é', 'some/prefix/next', 'labelled']);
  assert.equal(found.get('./really é')?.xattrs, new Map([['security.capability', binary]]));
  assert.equal(
    [...found.values()].map(({ uid }) => uid),
    [3, 3, 3],
  );
  assert.equal([...(found.get('labelled')?.xattrs.keys() ?? [])], ['security.selinux']);
  assert.is(found.get('some/prefix/next')?.xattrs.size, 0);
});

test('unsupported or damaged members are a Failure that names them', () => {
  const acl = member('x', 'x', record('SCHILY.acl.access', 'user::rw-'));
  assert.throws(() => write(acl, member('a', '0')), /"a" has a record "SCHILY.acl.access", which cannot be read here/);
  assert.throws(() => write(member('a', 'S')), /"a" has the unknown type "S"/);
  assert.throws(() => write(member('x', 'x', '99 path=a\n'), member('a', '0')), /a record of an extended header is damaged/);
  assert.throws(() => write(member('a', '0').fill(0x41, 0, 1).fill('B', 1, 2)), /the header at byte 0 is damaged/);
  writeFileSync(join(dir, 'cut.tar'), member('a', '0', 'x'.repeat(600)).subarray(0, 700));
  assert.throws(() => membersOf('cut.tar'), /Cannot read the archive ".*cut.tar": it is cut off/);
  assert.throws(() => membersOf('absent.tar'), /Cannot read the archive ".*absent.tar"/);
});

test.run();
