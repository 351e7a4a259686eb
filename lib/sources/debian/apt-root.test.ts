// The private apt: its configuration, the refusal of an index without a signature, and that the host's apt is
// not changed.
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { digestFile } from '../../core/digest.ts';
import { Failure } from '../../core/errors.ts';
import { pathOf } from '../../core/paths.ts';
import { outputOf } from '../../core/sh.ts';
import { aptConfiguration, aptRoot, hostMirror, offeredVersion, withPackage } from './apt-root.ts';

const context = { signal: new AbortController().signal, report: () => undefined };

async function withFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'bloomery-apt-'));
  try {
    await use(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** A repository of one package in a folder, without a signature. */
async function unsignedRepository(folder: string): Promise<string> {
  const packages = join(folder, 'dists/sid/main/binary-amd64');
  await mkdir(packages, { recursive: true });
  await writeFile(join(packages, 'Packages'), 'Package: rust-src\nVersion: 1.97.1\nArchitecture: all\nFilename: x.deb\nSize: 1\n\n');
  await writeFile(join(folder, 'dists/sid/Release'), 'Suite: sid\nComponents: main\nArchitectures: amd64 all\n');
  return `file:${folder}`;
}

test('everything of a root is in its folder, and only the settings for fetching come from the host', () => {
  const dump = [
    'APT::Update::Post-Invoke:: "rm -rf x";',
    'Acquire::http::Proxy "http://proxy.example:1";',
    'Acquire::Check-Valid-Until "false";',
    'Acquire::AllowInsecureRepositories "1";',
    'Dir::State "var";',
    'Acquire::Languages:: "de";',
  ].join('\n');
  const lines = aptConfiguration('/c/apt/sid', dump).split('\n');
  assert.ok(lines.includes('Dir "/c/apt/sid/";'));
  assert.equal(
    lines.filter((line) => dump.includes(line) && line !== ''),
    ['Acquire::http::Proxy "http://proxy.example:1";', 'Acquire::Check-Valid-Until "false";'],
  );
});

test("an index without a signature is refused, and the host is blamed with apt's own words", async () => {
  await withFolder(async (folder) => {
    const uri = await unsignedRepository(join(folder, 'repository'));
    const host = { env: { PATH: pathOf(process.env), HOME: folder }, cacheDir: join(folder, 'cache') };
    const error: unknown = await aptRoot('sid', { uri }, host, context).catch((reason: unknown) => reason);
    assert.instance(error, Failure, String(error));
    assert.is((error as Failure).exitCode, 69);
    assert.match((error as Failure).message, /^Cannot read Debian's index of sid: /);
    assert.match((error as Failure).detail ?? '', /not signed/);
  });
});

test("packages are read and fetched from a root, and the host's apt is as it was", async () => {
  await withFolder(async (folder) => {
    // A root like those of aptRoot, except that apt trusts the repository without a signature: signatures are
    // tested above.
    await unsignedRepository(join(folder, 'repository'));
    const about = 'Package: rust-src\nVersion: 1.97.1\nArchitecture: all\nMaintainer: x\nDescription: x\n';
    await mkdir(join(folder, 'p/DEBIAN'), { recursive: true });
    await writeFile(join(folder, 'p/DEBIAN/control'), about);
    const env = { PATH: pathOf(process.env), HOME: folder };
    await outputOf('pack', ['dpkg-deb', '-b', join(folder, 'p'), join(folder, 'repository/x.deb')], { cwd: folder, env });
    const { size } = await stat(join(folder, 'repository/x.deb'));
    const sha256 = await digestFile(join(folder, 'repository/x.deb'));
    const packages = join(folder, 'repository/dists/sid/main/binary-amd64/Packages');
    await writeFile(packages, `${about}Filename: x.deb\nSize: ${size}\nSHA256: ${sha256}\n\n`);
    const before = await hostState();
    const host = { env, cacheDir: join(folder, 'cache') };
    await aptRoot('sid', { uri: `file:${folder}/repository` }, host, context).catch(() => undefined); // makes the folders, then refuses
    const root = {
      folder: join(folder, 'cache/apt/sid'),
      suite: 'sid',
      env: { ...env, APT_CONFIG: join(folder, 'cache/apt/sid/apt.conf'), LC_ALL: 'C' },
    };
    await writeFile(join(root.folder, 'etc/apt/sources.list'), `deb [trusted=yes] file:${folder}/repository sid main\n`);
    await outputOf('update', ['apt-get', 'update'], { cwd: folder, env: root.env });
    assert.is(await offeredVersion(root, 'rust-src', context), '1.97.1');
    assert.is(await offeredVersion(root, 'no-such-package', context), undefined);
    assert.is(await withPackage(root, 'rust-src', async (deb) => (await stat(deb)).size, context), size);
    assert.not((await readdir(root.folder)).includes('downloads'));
    assert.equal(await hostState(), before);
  });
});

test('a host without sources has no mirror', async () => {
  await withFolder(async (folder) => assert.is(await hostMirror(folder), undefined));
});

async function hostState(): Promise<readonly string[]> {
  const folders = ['/etc/apt', '/var/lib/apt/lists', '/var/cache/apt'];
  return Promise.all(folders.map(async (folder) => `${folder} ${(await readdir(folder).catch(() => [])).sort().join(' ')}`));
}

test.run();
