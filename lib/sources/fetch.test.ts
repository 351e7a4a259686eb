// Fetching from a local test mirror with the real apt-helper: the fetched files, the files that are left
// after a failure, and the use by cargo.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { digestFile } from '../core/digest.ts';
import { Failure } from '../core/errors.ts';
import type { Context } from '../core/events.ts';
import { outputOf } from '../core/sh.ts';
import { archivePath, missingArchives } from './archives.ts';
import { crateFolderPath, makeCrateFolder } from './debian/crate-folder.ts';
import type { CrateFolderRequest } from './debian/crate-folder.ts';
import { fetchSources } from './fetch.ts';
import { crateRequest, fetchedSources, lockPath, ownerOf, withNeededSources } from './fetched-sources.ts';
import { writeLock } from './source-lock.ts';
import type { LockedArchive } from './source-lock.ts';
import type { ImageFacts, PartitionFacts } from '../system/image-facts.ts';
import type { System, SystemProfile } from '../system/system.ts';
import { reference } from '../../systems/asterinas/reference.ts';
import { console } from '../../systems/linux/console.ts';

const context: Context = { signal: new AbortController().signal, report: () => undefined };
const env = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));
const dir = mkdtempSync(join(tmpdir(), 'fetch-test-'));
const mirror = join(dir, 'mirror');
const asked: string[] = [];
const server = createServer((request, response) => {
  asked.push(request.url ?? '');
  const path = join(mirror, decodeURIComponent(request.url ?? ''));
  if (!existsSync(path)) response.writeHead(404).end();
  else response.end(readFileSync(path));
});
test.before(() => new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve)));
test.after(() => {
  server.close();
  rmSync(dir, { recursive: true });
});

/** A package with these files, created by dpkg-deb, and its line of a lock. */
async function packaged(name: string, files: Readonly<Record<string, string>>, use: string): Promise<LockedArchive> {
  const root = join(dir, 'packages', name);
  const control = `Package: ${name}\nVersion: 1.0\nArchitecture: all\nMaintainer: nobody <nobody@example.org>\nDescription: a test\n`;
  for (const [path, text] of Object.entries({ 'DEBIAN/control': control, ...files })) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  mkdirSync(join(mirror, 'pool'), { recursive: true });
  const deb = join(mirror, 'pool', `${name}.deb`);
  await outputOf('make a package', ['dpkg-deb', '--root-owner-group', '-b', root, deb], { cwd: dir, env });
  return locked(name, deb, use);
}

async function locked(name: string, path: string, use: string): Promise<LockedArchive> {
  const { size } = statSync(path);
  return { name, version: '1.0', path: path.slice(mirror.length + 1), sizeBytes: size, sha256: await digestFile(path), uses: [use] };
}

const crate = (name: string, more = ''): Readonly<Record<string, string>> => ({
  [`usr/share/cargo/registry/${name}-1.0.0/Cargo.toml`]: `[package]\nname = "${name}"\nversion = "1.0.0"\nedition = "2021"\n${more}`,
  [`usr/share/cargo/registry/${name}-1.0.0/src/lib.rs`]: 'pub fn one() -> u8 { 1 }\n',
  [`usr/share/cargo/registry/${name}-1.0.0/.cargo-checksum.json`]: '{"files":{}}',
});

const system: System = {
  name: 'sample',
  title: 'Sample',
  profiles: { default: { title: 'a sample', cargoProfile: 'system' } },
  components: {
    app: { title: 'an app', debian: { from: { crate: 'app' } }, cargo: {} },
    tool: {
      title: 'a tool of a tarball',
      debian: {
        from: { tarball: 'tool' },
        series: 'patches/series',
        edits: [{ file: 'src/main.rs', from: 'one', to: 'two', why: 'a test' }],
      },
      cargo: {},
    },
  },
  sources: {
    suite: 'trixie',
    crates: [],
    tarballs: ['tool'],
    bases: {},
    single: {},
    stubs: [{ name: 'ghost', version: '0.3.1', features: ['x'] }],
  },
  machine: { firmware: 'uefi', memoryBytes: 1024 ** 3, cpus: 2, imageInterface: 'virtio' },
  console,
};

const archives: LockedArchive[] = [];
test.before(async () => {
  const app = '[dependencies]\nleaf = "1"\nghost = { version = "0.3", features = ["x"] }\n[dev-dependencies]\nnowhere = "9"\n';
  archives.push(await packaged('librust-leaf-dev', crate('leaf'), 'crates'));
  archives.push(await packaged('librust-app-dev', crate('app', app), 'crates'));
  const source = join(dir, 'tool-1.0');
  for (const [path, text] of Object.entries({
    'Cargo.toml': '[package]\nname = "tool"\nversion = "1.0.0"\nedition = "2021"\n[dependencies]\n[[bench]]\nname = "b"\n',
    'src/main.rs': 'fn main() { println!("one"); }\n',
    'patches/series': '# first\nhello.diff\n',
    'patches/hello.diff': '--- a/src/main.rs\n+++ b/src/main.rs\n@@ -1 +1,2 @@\n+// patched\n fn main() { println!("one"); }\n',
  })) {
    mkdirSync(dirname(join(source, path)), { recursive: true });
    writeFileSync(join(source, path), text);
  }
  const tarball = join(mirror, 'pool/tool_1.0.orig.tar.gz');
  await outputOf('make a tarball', ['tar', '-czf', tarball, '-C', dir, 'tool-1.0'], { cwd: dir, env });
  archives.push(await locked('tool', tarball, 'tarball tool'));
});

interface Try {
  readonly host: { readonly root: string; readonly cacheDir: string; readonly env: typeof env };
  readonly fetch: () => Promise<Awaited<ReturnType<typeof fetchSources>>>;
}

/** A separate project and cache, with this lock. */
async function project(name: string, lock: readonly LockedArchive[], of: System = system): Promise<Try> {
  const host = { root: join(dir, name), cacheDir: join(dir, `${name}-cache`), env };
  mkdirSync(join(host.root, 'sample'), { recursive: true });
  await writeLock(lockPath(host, 'sample'), { archives: lock });
  const uri = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { host, fetch: () => fetchSources({ system: of, host, update: false, mirror: { uri } }, context) };
}

const failureOf = async (promise: Promise<unknown>): Promise<Failure> => {
  const error = await promise.catch((thrown: unknown) => thrown);
  assert.instance(error, Failure, String(error));
  return error as Failure;
};

test('sources are fetched once, verified and unpacked; then there is nothing to do', async () => {
  const { host, fetch } = await project('whole', archives);
  const not = await failureOf(fetchedSources(system, host));
  assert.equal([not.exitCode, not.hint], [69, 'run npx zx tasks/fetch.ts sample']);
  const { fetched, folder } = await fetch();
  assert.is(fetched, 3);
  asked.length = 0;
  assert.is((await fetch()).fetched, 0);
  assert.equal(asked, []);
  assert.is((await fetchedSources(system, host))?.folder, folder);
  assert.equal(readdirSync(join(folder, 'vendor')).sort(), ['app-1.0.0', 'ghost-0.3.1', 'leaf-1.0.0']);
  assert.is(readFileSync(join(folder, 'apps/tool/src/main.rs'), 'utf8'), '// patched\nfn main() { println!("two"); }\n');
  assert.match(readFileSync(join(folder, 'apps/app/Cargo.lock'), 'utf8'), /name = "ghost"[^]*name = "leaf"/);
  assert.not.match(readFileSync(join(folder, 'apps/tool/Cargo.toml'), 'utf8'), 'bench');
});

test('a page with the sources of another one has its lock and its folder', async () => {
  const { host, fetch } = await project('lent', archives);
  const { folder } = await fetch();
  const { app } = system.components;
  assert.ok(app);
  const other: System = { ...system, name: 'other', components: { app }, sourceOwner: system };
  assert.is(ownerOf(other).name, 'sample');
  assert.is((await fetchedSources(other, host))?.folder, folder);
  const alone = await failureOf(fetchedSources({ ...other, sourceOwner: { ...system, name: 'nobody' } }, host));
  assert.match(alone.message, 'Cannot build other: there is no systems/nobody/sources.lock');
});

test('a profile that uses none of the sources is built without them', async () => {
  const { host } = await project('unfetched', archives);
  const partition = { name: 'p', typeGuid: '', fileSystem: { kind: 'cpio' }, files: {} } as const;
  const imageWith = (changes: Partial<PartitionFacts>): ImageFacts => ({
    sizeBytes: 0,
    timestampSec: 0,
    partitions: [{ ...partition, ...changes }],
  });
  const image = imageWith({});
  const packaged = imageWith({ files: { k: { packaged: 'k:k' } } });
  const rooted = imageWith({ root: { base: 'b', replacements: [] } });
  const profile = { title: 'a sample', cargoProfile: 'system', components: [] };
  const needs = (changes: Partial<SystemProfile>, more: Partial<System> = {}): boolean =>
    withNeededSources({ ...system, ...more, profiles: { default: { ...profile, ...changes } } }, 'default').sources !== undefined;
  assert.is(needs({ image }), false);
  assert.is(needs({ image, components: ['app'] }), true);
  assert.is(needs({ image, kernel: { from: 'k:k', commandLine: '' } }), true);
  assert.is(needs({ image: rooted }), true);
  assert.is(needs({ image: packaged }), true);
  assert.is(needs({ image: packaged }, { reference }), false);
  const without = withNeededSources({ ...system, profiles: { default: { ...profile, image } } }, 'default');
  assert.is(await fetchedSources(without, host), undefined);
});

test('an interrupted fetch is resumed', async () => {
  const { host, fetch } = await project('again', archives);
  await (await project('again', archives.slice(0, 1))).fetch().catch(() => undefined);
  await writeLock(lockPath(host, 'sample'), { archives });
  assert.is((await fetch()).fetched, 2);
});

test('a package that the archive no longer has is named, and fetched packages are kept', async () => {
  const gone = { ...(archives[0] as LockedArchive), name: 'gone', path: 'pool/gone_1.0.deb' };
  const { host, fetch } = await project('gone', [...archives, gone]);
  const failure = await failureOf(fetch());
  assert.is(failure.message, 'Cannot fetch gone 1.0: the archive no longer has it');
  assert.match(failure.hint ?? '', '--update');
  assert.equal(missingArchives(host.cacheDir, [...archives, gone]), [gone]);
  assert.equal(
    readdirSync(join(host.cacheDir, 'archives')).filter((name) => name.startsWith('partial')),
    [],
  );
  assert.not.ok(existsSync(join(host.cacheDir, 'sources')));
});

test('a changed digest is an error, and the bytes are not kept', async () => {
  const changed = { ...(archives[0] as LockedArchive), sha256: 'f'.repeat(64) };
  const { host, fetch } = await project('changed', [changed]);
  const failure = await failureOf(fetch());
  assert.is(failure.message, 'Cannot fetch librust-leaf-dev 1.0: its bytes are not those of the lock');
  assert.not.ok(existsSync(archivePath(host.cacheDir, changed)));
});

test('a mirror that does not answer is the host’s lack', async () => {
  const { host } = await project('dead', archives);
  const failure = await failureOf(fetchSources({ system, host, update: false, mirror: { uri: 'http://127.0.0.1:1' } }, context));
  assert.is(failure.exitCode, 69);
});

test('an edit that does not fit, a patch that does not apply and a stub of a real crate leave no folder', async () => {
  const { host, fetch } = await project('edits', archives);
  await fetch();
  const whole = await crateRequest(system, { archives }, host);
  const tool = whole.components['tool'];
  assert.ok(tool);
  const with_ = (more: Partial<CrateFolderRequest>): CrateFolderRequest => ({ ...whole, ...more });
  for (const [request, why] of [
    [
      with_({ components: { tool: { ...tool, edits: [{ file: 'src/main.rs', from: 'absent', to: '', why: '' }] } } }),
      'is there 0 times, not once',
    ],
    [with_({ components: { tool: { ...tool, edits: [{ file: '../../x', from: 'a', to: '', why: '' }] } } }), 'it is outside of the source'],
    [with_({ components: { tool: { ...tool, series: 'patches/hello.diff' } } }), 'Cannot apply'],
    [with_({ stubs: [{ name: 'leaf', version: '1.0.0' }] }), 'the archive has the real crate'],
    [with_({ components: { other: { from: { crate: 'other' } } } }), 'no package of the lock has that crate'],
  ] as const) {
    assert.match((await failureOf(makeCrateFolder(request, context))).message, why);
    assert.not.ok(existsSync(crateFolderPath(request)));
  }
  assert.equal(readdirSync(join(host.cacheDir, 'sources')).length, 1);
});

test.run();
