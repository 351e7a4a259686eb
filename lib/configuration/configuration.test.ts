// The format of configurations: fields of a file, includes, and the resulting rows.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Failure } from '../core/errors.ts';
import { parseTomlFields } from '../core/fields.ts';
import { configurationOf } from './configuration.ts';
import type { ConfigurationFile } from './configuration.ts';
import { configuredRows } from './configured-rows.ts';
import { cookbookFolders, loadConfiguration } from './load-configuration.ts';
import { throughLinks } from './tree-row.ts';

const dir = await mkdtemp(join(tmpdir(), 'bloomery-configuration-'));
test.after(() => rm(dir, { recursive: true, force: true }));

function parsed(text: string): ConfigurationFile {
  return configurationOf(parseTomlFields(text, 'my.toml'));
}

async function message(work: () => unknown): Promise<string> {
  try {
    await work();
  } catch (error) {
    if (error instanceof Failure) return error.message;
    throw error;
  }
  throw new Error('nothing was thrown');
}

/** The rows of a configuration as an object. */
async function rowsOf(text: string): Promise<Record<string, unknown>> {
  return Object.fromEntries(await configuredRows(parsed(text)));
}

test('a mistake is named by its path', async () => {
  const cases: readonly (readonly [text: string, why: string])[] = [
    ['[users.admin]\ngidd = 1\n', 'users.admin.gidd: there is no such field'],
    ['[users.admin]\nuid = -1\n', 'users.admin.uid: it must be a whole number'],
    ['[users.admin]\nhome = "home"\n', 'users.admin.home: "home" is not an absolute path'],
    ['[users.admin]\nshell = "/bin/a;b"\n', 'users.admin.shell: it holds a semicolon'],
    ['[users.admin]\npassword = "a"\npassword_hash = "$argon2id$x"\n', 'users.admin.password_hash: there is a password too'],
    ['[users.admin]\npassword_hash = "md5"\n', 'users.admin.password_hash: it is not an argon2 hash'],
    ['[users."a;b"]\n', 'users: "a;b" is not a name of a user or group'],
    ['[general]\nfilesystem_size = 0\n', 'general.filesystem_size: it must be a whole number from 1'],
    ['[general]\nencrypt_disk = "secret"\n', 'general.encrypt_disk: a password for the disk'],
    ['[packages]\nion = "often"\n', 'packages.ion: "often" is not a rule'],
    ['[packages]\nion = { rev = "1" }\n', 'packages.ion.rev: there is no such field'],
    ['[[files]]\ndata = "x"\n', 'files[0].path: a file needs one'],
    ['[[files]]\npath = "etc/motd"\ndata = "x"\n', 'files[0].path: "etc/motd" is not a plain absolute path'],
    ['[[files]]\npath = "/a/../b"\ndata = "x"\n', 'files[0].path: "/a/../b" is not a plain absolute path'],
    ['[[files]]\npath = "/a"\n', 'files[0].data: a file needs it'],
    [
      '[[files]]\npath = "/a"\ndata = "b"\nsymlink = true\ndirectory = true\n',
      'files[0].directory: a file cannot be symlink and directory',
    ],
    ['[[files]]\npath = "/a"\ndata = ""\nsymlink = true\n', 'files[0].data: a link needs a target'],
    ['[network]\nmode = "token ring"\n', 'network.mode: "token ring" is neither static nor dhcp'],
    ['[network]\nmode = "static"\n', 'network.address: a static network needs it'],
    ['[network]\naddress = "10.0.0.256"\n', 'network.address: "10.0.0.256" is not an IPv4 address'],
    ['[aliases]\n"a/b" = "c"\n', 'it is not a name of a program'],
    ['[genral]\n', 'genral: there is no such field'],
  ];
  for (const [text, why] of cases) assert.match(await message(() => parsed(text)), why, text);
});

test('users and groups become accounts, a password an argon2 hash', async () => {
  const rows = await rowsOf(
    '[users.root]\n[users.admin]\nuid = 1001\ngid = 1001\nname = "The Admin"\nshell = "/bin/ion"\npassword = "secret"\n' +
      '[users.guest]\npassword = ""\n[groups.sudo]\ngid = 1\nmembers = ["admin"]\n',
  );
  const passwd =
    'root;0;0;root;/root;/bin/ion\nguest;1000;1000;guest;/home/guest;/bin/ion\nadmin;1001;1001;The Admin;/home/admin;/bin/ion\n';
  assert.equal(rows['etc/passwd'], { text: passwd });
  assert.equal(rows['etc/group'], { text: 'root;0;root\nsudo;1;admin\nguest;1000;guest\nadmin;1001;admin\n' });
  assert.equal(rows['home/admin'], { folder: true, mode: 0o700, uid: 1001, gid: 1001 });
  const shadow = rows['etc/shadow'] as { text: string; mode: number };
  assert.is(shadow.mode, 0o600);
  assert.match(shadow.text, /^root;!\nguest;\nadmin;\$argon2id\$v=19\$m=19456,t=2,p=1\$[\w+/]{22}\$[\w+/]{43}\n$/);
  assert.equal(
    await rowsOf('[users.admin]\nuid = 1001\npassword = "secret"\n'),
    await rowsOf('[users.admin]\nuid = 1001\npassword = "secret"\n'),
  );
});

test('accounts that cannot be are refused', async () => {
  const cases: readonly (readonly [text: string, why: string])[] = [
    ['[users.a]\nuid = 7\n[users.b]\nuid = 7\n', 'Cannot add the user b: the user a has the uid 7 too'],
    ['[groups.a]\ngid = 7\n[groups.b]\ngid = 7\n', 'Cannot add the group b: the group a has the gid 7 too'],
    ['[groups.a]\ngid = 7\nmembers = ["x"]\n', 'Cannot add the group a: its member "x" is not a user'],
    ['[groups.a]\n', 'Cannot add the group a: it has no gid'],
    ['[users.a]\nuid = 7\n[groups.a]\ngid = 8\n', 'Cannot add a group for the user a: its gid 7 is not that of the group a'],
  ];
  for (const [text, why] of cases) assert.is(await message(() => rowsOf(text)), why);
});

test('a network is files and a script of init, an alias is a link', async () => {
  const rows = await rowsOf(
    '[network]\nmode = "static"\naddress = "10.77.0.2"\nrouter = "10.77.0.1"\ndns = "1.1.1.1"\n[aliases]\nvi = "sodium"\n',
  );
  assert.equal(rows['etc/net/ip'], { text: '10.77.0.2\n' });
  assert.equal(rows['etc/net/ip_subnet'], { text: '255.255.255.0\n' });
  assert.equal(rows['etc/net/ip_router'], { text: '10.77.0.1\n' });
  assert.equal(rows['etc/net/dns'], { text: '1.1.1.1\n' });
  assert.equal(rows['usr/lib/init.d/10_net'], { text: 'notify smolnetd\n' });
  assert.equal(rows['usr/bin/vi'], { link: 'sodium' });
  assert.equal((await rowsOf('[network]\n'))['usr/lib/init.d/10_net'], { text: 'notify smolnetd\nnowait dhcpd\n' });
});

test('files replace, append, and go through links of folders', async () => {
  const rows = await rowsOf(
    '[[files]]\npath = "/bin"\ndata = "usr/bin"\nsymlink = true\n[[files]]\npath = "/bin/x"\ndata = "1"\nmode = 493\n' +
      '[[files]]\npath = "/usr/bin/x"\ndata = "2"\nappend = true\n[[files]]\npath = "/tmp"\ndirectory = true\nmode = 1023\n',
  );
  assert.equal(rows['usr/bin/x'], { text: '12', mode: 0o755 });
  assert.equal(rows['tmp'], { folder: true, mode: 0o1777 });
  assert.is(
    await message(() => rowsOf('[[files]]\npath = "/a"\ndata = "1"\n[[files]]\npath = "/a/b"\ndata = "2"\n')),
    'Cannot put "/a/b" into the image: the configuration has "/a" as a file',
  );
  const links: Readonly<Record<string, string>> = { a: '/b', 'b/c': '../d', loop: 'loop' };
  assert.is(
    throughLinks('a/c/x', (path) => links[path]),
    'd/x',
  );
  assert.is(
    throughLinks('a', (path) => links[path]),
    'a',
  );
  assert.is(
    throughLinks('loop/x', (path) => links[path]),
    'loop/x',
  );
});

test('includes come first, are found next to the file or in the folders, and later fields override earlier ones', async () => {
  const book = join(dir, 'book');
  await mkdir(join(book, 'config/x86_64'), { recursive: true });
  await writeFile(
    join(book, 'config/base.toml'),
    '[general]\nfilesystem_size = 64\n[packages]\na = {}\nb = {}\n[users.root]\nshell = "/bin/sh"\nuid = 0\n',
  );
  await writeFile(join(book, 'config/x86_64/mine.toml'), 'include = ["../base.toml"]\n[packages]\nb = "ignore"\nc = "source"\n');
  await writeFile(join(dir, 'own.toml'), 'include = ["mine.toml"]\n[users.root]\npassword = ""\n');
  const found = await loadConfiguration(join(dir, 'own.toml'), cookbookFolders(book, 'x86_64'));
  assert.equal([...found.packages.keys()], ['a', 'c']);
  assert.is(found.general.filesystemMiB, 64);
  assert.equal(found.users.get('root'), { shell: '/bin/sh', uid: 0, password: '' });
  assert.equal(
    found.read.map((path) => path.slice(dir.length)),
    ['/book/config/base.toml', '/book/config/x86_64/mine.toml', '/own.toml'],
  );
});

test('a missing include and a cycle of includes are named', async () => {
  await writeFile(join(dir, 'lost.toml'), 'include = ["nowhere.toml"]\n');
  assert.is(
    await message(() => loadConfiguration(join(dir, 'lost.toml'), [])),
    `Cannot read "${dir}/lost.toml": it includes "nowhere.toml", which does not exist`,
  );
  await writeFile(join(dir, 'a.toml'), 'include = ["b.toml"]\n');
  await writeFile(join(dir, 'b.toml'), 'include = ["a.toml"]\n');
  assert.match(await message(() => loadConfiguration(join(dir, 'a.toml'), [])), 'its includes form a cycle: ');
  assert.match(await message(() => loadConfiguration(join(dir, 'none.toml'), [])), 'none.toml": it does not exist');
});

test.run();
