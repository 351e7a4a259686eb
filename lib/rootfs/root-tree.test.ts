// Root file systems of packages as trees: the entries of an archive, the contents of dpkg's database, and the
// result after programs were replaced.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Failure } from '../core/errors.ts';
import type { Context } from '../core/events.ts';
import { pathOf } from '../core/paths.ts';
import { outputOf } from '../core/sh.ts';
import { contentSize, file, fileTree } from '../image/file-tree.ts';
import { tarMembers } from './tar-members.ts';
import { baseFolder, baseRoot, rowsOf } from './base-root.ts';
import type { BaseRequest } from './base-root.ts';
import { closureRecord } from './closure-record.ts';
import type { RootFacts, Replacement } from '../system/image-facts.ts';
import type { FileSources } from './image-layout.ts';
import { installedPackages, statusPath } from './package-files.ts';
import { rootTree } from './root-tree.ts';
import type { RootTree } from './root-tree.ts';

const context: Context = { signal: new AbortController().signal, report: () => undefined };
const env = { PATH: pathOf(process.env) };
const dir = mkdtempSync(join(tmpdir(), 'root-test-'));
test.after(() => rmSync(dir, { recursive: true }));

const archive = { name: 'tools', version: '1', path: 'pool/tools.deb', sizeBytes: 1, sha256: 'a'.repeat(64), uses: ['base small'] };
const request: BaseRequest = { name: 'small', suite: 'trixie', lock: { archives: [archive] }, timestampSec: 0, cacheDir: dir, env };

const status = `Package: tools
Status: install ok installed
Architecture: amd64
Version: 9.7-3
Depends: libfoo1 (>= 1) | libbar1, absent

Package: libfoo1
Status: install ok installed
Architecture: amd64
Version: 1.2

Package: removed
Status: deinstall ok config-files
Version: 1
`;

/** Puts a root file system where baseRoot looks for it, in the form that mmdebstrap creates. */
test.before(() => {
  const files: Readonly<Record<string, string>> = {
    'var/lib/dpkg/status': status,
    'var/lib/dpkg/info/tools.list': '/.\n/bin\n/bin/sort\n/usr/bin/cat\n/usr/bin/factor\n/usr/share/tools/words\n/usr/bin/[\n',
    'var/lib/dpkg/info/libfoo1:amd64.list': '/.\n/usr/lib/libfoo.so.1\n/usr/lib/libfoo.so.1.2\n',
    'usr/bin/sort': 'old sort',
    'usr/bin/cat': 'old cat',
    'usr/bin/[': 'old [',
    'usr/bin/factor': 'old factor',
    'usr/share/tools/words': 'words',
    'usr/lib/libfoo.so.1.2': 'library of foo',
  };
  const folder = baseFolder(request);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, 'files', path)), { recursive: true });
    writeFileSync(join(folder, 'files', path), text);
  }
  const rows = Object.entries(files).map(([path, text]) => [path, 'file', 0o644, 0, 0, text.length]);
  const links = [
    ['bin', 'symlink', 0o777, 0, 0, 'usr/bin'],
    ['usr/lib/libfoo.so.1', 'symlink', 0o777, 0, 0, 'libfoo.so.1.2'],
  ];
  const extras = { inode: 'usr/bin/perl', xattrs: { 'user.a': 'AP8=' } };
  const twins = ['usr/bin/perl', 'usr/bin/perl5'].map((path) => [path, 'file', 0o755, 0, 0, 4, extras]);
  writeFileSync(join(folder, 'tree.json'), JSON.stringify([['', 'directory', 0o755, 0, 0, 0], ...links, ...rows, ...twins]));
  writeFileSync(join(dir, 'multi'), '#!/bin/sh\n# libfoo.so.1\n[ "$1" = --list ] && echo "[ cat sort"\n', { mode: 0o755 });
});

const sources: FileSources = { made: (name) => (name === 'new/multi' ? join(dir, 'multi') : undefined) };
const row: Replacement = {
  original: ['tools'],
  provides: { 'etc/new.conf': { text: 'new\n' } },
  multicall: { program: 'new/multi', at: 'usr/lib/new/multi', links: { 'usr/bin/[': '[', 'usr/bin/cat': 'cat', 'usr/bin/sort': 'sort' } },
  stays: ['usr/bin/factor'],
  checks: [],
};

async function tree(replacement: Replacement, more: Partial<RootFacts> = {}): Promise<RootTree> {
  const root: RootFacts = { base: 'small', replacements: ['tools'], ...more };
  return await rootTree(
    { ...request, sandbox: true, root, replacements: { tools: replacement }, single: async () => dir },
    sources,
    context,
  );
}

const failureOf = async (promise: Promise<unknown>): Promise<Failure> => {
  const error = await promise.catch((thrown: unknown) => thrown);
  assert.instance(error, Failure, String(error));
  return error as Failure;
};

test('an original is replaced, named files are kept, and names are links to one program', async () => {
  const { entries, packages, replaced } = await tree(row);
  const sort = entries.get('usr/bin/sort');
  assert.equal(sort?.kind === 'symlink' && sort.target, '../lib/new/multi');
  assert.is(entries.get('usr/bin/factor')?.kind, 'file');
  assert.not.ok(entries.has('usr/share/tools/words'));
  assert.equal(replaced[0]?.stayed, ['usr/bin/factor']);
  assert.equal(
    packages.map(({ name, files, depends }) => [name, files.length, depends]),
    [
      ['tools', 1, ['libfoo1']],
      ['libfoo1', 2, []],
    ],
  );
});

test('names of one file and extended attributes of a base are in its root', async () => {
  const { entries } = fileTree((await tree(row)).entries);
  for (const path of ['usr/bin/perl', 'usr/bin/perl5']) {
    const { inode, xattrs } = entries.get(path) ?? {};
    assert.equal([inode, xattrs], ['usr/bin/perl', new Map([['user.a', Buffer.from([0, 255])]])]);
  }
});

test('a package without remaining files is removed from the database too', async () => {
  const { entries, packages } = await tree({ ...row, stays: [], dispensable: ['usr/bin/factor'] });
  const database = entries.get('var/lib/dpkg/status');
  assert.ok(database?.kind === 'file' && database.content.kind === 'bytes');
  const text = Buffer.from(database.content.bytes).toString();
  assert.not.match(text, 'Package: tools');
  assert.match(text, 'Package: libfoo1');
  assert.not.ok(entries.has('var/lib/dpkg/info/tools.list'));
  assert.equal(
    packages.map(({ name }) => name),
    ['libfoo1'],
  );
});

test('a command that is not provided, a name that the program lacks and a file that cannot be kept are refused', async () => {
  const { links: _, ...multicall } = row.multicall ?? { program: '', at: '', links: {} };
  for (const [replacement, why] of [
    [
      { ...row, multicall: { ...multicall, links: { 'usr/bin/cat': 'cat', 'usr/bin/[': '[' } } },
      'nothing provides "usr/bin/sort" of tools',
    ],
    [{ ...row, multicall: { ...multicall, links: { ...row.multicall?.links, 'usr/bin/tr': 'tr' } } }, 'new/multi has no tr'],
    [
      { ...row, multicall: { ...multicall, program: 'new/absent', links: row.multicall?.links ?? {} } },
      'no component has the output "new/absent"',
    ],
    [{ ...row, provides: { 'usr/bin/x': { made: 'new/x' } } }, 'no component has the output "new/x"'],
    [{ ...row, stays: ['usr/bin/factor', 'usr/bin/nothing'] }, 'the original has no "usr/bin/nothing" that could stay'],
  ] as const) {
    assert.match((await failureOf(tree(replacement))).message, why);
  }
});

test('only the kept files are present, with the folders above them', async () => {
  const { entries } = await tree(row, { keeps: ['usr/lib/'] });
  const kept = [...entries.keys()].sort();
  assert.equal(kept, [
    '',
    'etc/new.conf',
    'usr/bin/[',
    'usr/bin/cat',
    'usr/bin/sort',
    'usr/lib/libfoo.so.1',
    'usr/lib/libfoo.so.1.2',
    'usr/lib/new/multi',
  ]);
  assert.match((await failureOf(tree(row, { keeps: ['usr/nowhere/'] }))).message, 'the base does not have it');
});

test('the closure of an image counts the present files, by package and component', async () => {
  const of = await tree(row);
  const { root, nodes } = await closureRecord(of.entries, of, { tools: '0.0.30' });
  const node = (id: string): unknown => nodes.find((one) => one.id === id);
  assert.is(root, 'image');
  assert.equal(node('package libfoo1'), {
    id: 'package libfoo1',
    name: 'libfoo1',
    version: '1.2',
    kind: 'package',
    bytes: 14,
    references: [],
  });
  const component = nodes.find(({ id }) => id === 'component tools');
  assert.equal([component?.version, component?.references], ['0.0.30', ['package libfoo1']]);
  assert.equal(nodes.find(({ id }) => id === root)?.references, ['component tools', 'package tools']);
  const sizes = [...of.entries.values()].map((entry) => (entry.kind === 'file' ? contentSize(entry.content) : 0));
  const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0);
  assert.is(sum(nodes.map(({ bytes }) => bytes)), sum(sizes) - 4, 'a file with two names counts once');
});

test('a root file system without packages in the lock, and one with missing archives, are refused', async () => {
  assert.throws(() => baseFolder({ ...request, name: 'other' }), /the lock has no package for it/);
  const absent = { ...archive, sha256: 'b'.repeat(64) };
  assert.match((await failureOf(baseRoot({ ...request, lock: { archives: [absent] } }, context))).message, 'it has not been fetched');
});

test('a base that is damaged, and a package of it without a version, are refused', async () => {
  for (const [timestampSec, text] of [
    [1, '[["", "directory", 493, 0, 0, 0]'],
    [2, '[["", "directory", "0755", 0, 0, 0]]'],
    [3, '[["usr/bin/cat", "socket", 493, 0, 0, 0]]'],
    [4, '{}'],
  ] as const) {
    const folder = baseFolder({ ...request, timestampSec });
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'tree.json'), text);
    const { message } = await failureOf(baseRoot({ ...request, timestampSec }, context));
    assert.is(message, `Cannot use the base small: "${folder}" is damaged`);
  }
  const text = 'Package: tools\nStatus: install ok installed\n';
  writeFileSync(join(dir, 'status'), text);
  const base = new Map([[statusPath, file({ kind: 'host', path: join(dir, 'status'), sizeBytes: text.length })]]);
  const { message } = await failureOf(installedPackages(base));
  assert.is(message, 'Cannot read "var/lib/dpkg/status" of the base: its package "tools" has no version');
});

test('entries of a tar archive become rows, with links, set-user-ID and names of any kind', async () => {
  const from = join(dir, 'listed');
  await outputOf(
    'make a root',
    [
      'sh',
      '-c',
      `mkdir -p '${from}/usr/bin' && cd '${from}' && umask 022 && printf 12345 >usr/bin/su && chmod 4755 usr/bin/su &&
    ln usr/bin/su usr/bin/twin && ln -s 'a b' 'link é' && mkdir -m 1777 tmp && printf x >'tab\there' && chmod 2751 usr &&
    ln -s 't -> u' 'l -> m' && printf x >'q"u' && printf x >"$(printf 'b\\351')"`,
    ],
    { cwd: dir, env },
  );
  const tar = ['tar', '-cf', join(dir, 'root.tar'), '--sort=name', '--owner=5', '--group=6', '--numeric-owner', '-C', from, '.'];
  await outputOf('pack', tar, { cwd: dir, env });
  const rows = new Map(rowsOf(tarMembers(join(dir, 'root.tar'))).map((one) => [one[0], one.slice(1)]));
  assert.equal(rows.get('usr/bin/su'), ['file', 0o4755, 5, 6, 5, { inode: 'usr/bin/su' }]);
  assert.equal(rows.get('usr/bin/twin'), ['file', 0o4755, 5, 6, 5, { inode: 'usr/bin/su' }]);
  assert.equal(rows.get('link é'), ['symlink', 0o777, 5, 6, 'a b', {}]);
  assert.equal(rows.get('l -> m'), ['symlink', 0o777, 5, 6, 't -> u', {}]);
  assert.equal([rows.get('q"u')?.[0], rows.get('b\udce9')?.[0]], ['file', 'file']);
  assert.equal(rows.get('tmp'), ['directory', 0o1777, 5, 6, 0, {}]);
  assert.equal(rows.get('usr'), ['directory', 0o2751, 5, 6, 0, {}]);
  assert.equal(rows.get(''), ['directory', 0o755, 5, 6, 0, {}]);
  assert.equal(rows.get('tab\there'), ['file', 0o644, 5, 6, 1, {}]);
});

test('labels of the host are not attributes of a package', () => {
  const xattrs = new Map(
    ['security.selinux', 'security.ima', 'security.capability', 'user.a'].map((name) => [name, Buffer.from('v')] as const),
  );
  const [row] = rowsOf([{ path: './a', type: 'file', mode: 0o644, uid: 0, gid: 0, sizeBytes: 1, target: '', xattrs }]);
  assert.equal(row?.[6]?.xattrs, { 'security.capability': 'dg==', 'user.a': 'dg==' });
});

test('a hard link whose file is not in the archive before it is refused', () => {
  const link = { path: './b', type: 'hard link', mode: 0o644, uid: 0, gid: 0, sizeBytes: 0, target: './a', xattrs: new Map() } as const;
  assert.throws(() => rowsOf([link]), /Cannot read "b": it is a hard link to ".\/a", which the archive does not have before it/);
});

test.run();
