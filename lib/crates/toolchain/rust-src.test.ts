// Where the standard library's source is found, which sources are refused, and that a refusal leaves no files
// in the cache.
import { mkdir, readdir, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { context, fakeLibrary, withFakeHost } from '../../dev/testing/fake-toolchain.ts';
import type { FakeHost } from '../../dev/testing/fake-toolchain.ts';
import { Failure } from '../../core/errors.ts';
import { outputOf } from '../../core/sh.ts';
import { findRustSrc, fits, namedRustSrc, versionInName } from './rust-src.ts';
import { toolchainAt } from './toolchain.ts';
import type { Toolchain } from './toolchain.ts';

async function toolchain(fake: FakeHost, release: string): Promise<Toolchain> {
  const found = await toolchainAt(await fake.rustup(release, release), release, 'rustup', fake, context);
  assert.ok(found);
  return found as Toolchain;
}

/** Packs a folder of the fake host with tar; gives the archive's path. */
async function pack(fake: FakeHost, archive: string, ...argv: readonly string[]): Promise<string> {
  await outputOf('pack', ['tar', '-caPf', archive, ...argv], { cwd: fake.folder, env: fake.env });
  return join(fake.folder, archive);
}

async function refusal(work: Promise<unknown>): Promise<Failure> {
  const error: unknown = await work.then(
    () => assert.unreachable('it was accepted'),
    (reason: unknown) => reason,
  );
  assert.instance(error, Failure, String(error));
  return error as Failure;
}

/** The content of the cache's rust-src folder: a refused archive leaves no files. */
const kept = (fake: FakeHost): Promise<readonly string[]> => readdir(join(fake.cacheDir, 'rust-src')).catch(() => []);

test('versions fit when their first two numbers are equal', () => {
  assert.ok(fits({ release: '1.97.0-nightly' }, '1.97.1'));
  assert.not(fits({ release: '1.97.0' }, '1.96.1'));
  assert.not(fits({ release: '1.9.0' }, '1.97.1'));
  assert.ok(fits({ release: '1.97.0' }, ''), 'a folder that does not say is taken at the word of who named it');
});

test('the version is read from the names that rustup, Debian and the sources give', () => {
  const names = [
    'rust-src-1.97.1',
    'rustc-1.97.1-src',
    'rust-src_1.97.1+dfsg1-1_all.deb',
    '1.97.1-x86_64-unknown-linux-gnu',
    'nightly-2026-05-19',
    'hexyl-0.16.0',
    'x-1.97.1',
  ];
  assert.equal(names.map(versionInName), ['1.97.1', '1.97.1', '1.97.1', '1.97.1', '', '', '']);
});

test("the sysroot has it: rustup's has the compiler's version, Debian's has the version in its path", async () => {
  await withFakeHost(async (fake) => {
    const own = await toolchain(fake, '1.95.0');
    await fakeLibrary(fake, 'rustup/toolchains/1.95.0/lib/rustlib/src/rust/library');
    assert.is((await findRustSrc(own, fake, context))?.version, '1.95.0');
    const debian = await toolchain(fake, '1.85.0');
    await fakeLibrary(fake, 'usr/src/rustc-1.63.0/library');
    await mkdir(join(debian.sysroot, 'lib/rustlib/src'), { recursive: true });
    await symlink(join(fake.folder, 'usr/src/rustc-1.63.0'), join(debian.sysroot, 'lib/rustlib/src/rust'));
    assert.is(await findRustSrc(debian, fake, context), undefined, 'the source of another package version does not fit');
  });
});

test('a named folder may be library itself or contain it; a file `version` has its version', async () => {
  await withFakeHost(async (fake) => {
    const library = await fakeLibrary(fake, 'src/a/library');
    await fake.write('src/a/version', '1.97.0-nightly (e50aa6fba 2026-05-19)\n');
    await fake.write('src/a/library/vendor/x/lib.rs', '');
    for (const named of ['src', 'src/a', 'src/a/library']) {
      const found = await namedRustSrc(join(fake.folder, named), fake, context);
      assert.equal([found.libraryDir, found.version, found.vendorDir], [library, '1.97.0-nightly', join(library, 'vendor')], named);
    }
  });
});

test('an edit in a named folder changes the digest, a new time stamp alone does not', async () => {
  await withFakeHost(async (fake) => {
    const named = await fakeLibrary(fake, 'library');
    const digest = async (): Promise<string> => (await namedRustSrc(named, fake, context)).digest;
    const before = await digest();
    await utimes(join(named, 'std/src/lib.rs'), 1, 1);
    assert.is(await digest(), before);
    await writeFile(join(named, 'std/src/lib.rs'), '// edited\n');
    const edited = await digest();
    assert.is.not(edited, before);
    await writeFile(join(named, 'std/src/new.rs'), '');
    assert.is.not(await digest(), edited);
  });
});

test('an archive is unpacked once, only its library is kept, and it is found again without being named', async () => {
  await withFakeHost(async (fake) => {
    await fakeLibrary(fake, 'rust-src-1.97.1/library');
    await fake.write('rust-src-1.97.1/compiler/big.rs', 'not wanted');
    const folder = (await namedRustSrc(join(fake.folder, 'rust-src-1.97.1'), fake, context)).digest;
    const archive = await pack(fake, 'source.tar.xz', 'rust-src-1.97.1');
    await rm(join(fake.folder, 'rust-src-1.97.1'), { recursive: true });
    const found = await namedRustSrc(archive, fake, context);
    assert.equal([found.version, found.digest, found.origin], ['1.97.1', folder, `the archive "${archive}"`]);
    assert.equal((await readdir(join(found.libraryDir, '..'))).sort(), ['library', 'rust-src.json']);
    const again = await findRustSrc(await toolchain(fake, '1.97.0-nightly'), fake, context);
    assert.equal(again, found);
    assert.is(await findRustSrc(await toolchain(fake, '1.95.0'), fake, context), undefined);
    assert.is((await kept(fake)).length, 1);
  });
});

test('two at once unpack the same archive to the same place', async () => {
  await withFakeHost(async (fake) => {
    await fakeLibrary(fake, 'rust-src-1.97.1/library');
    const archive = await pack(fake, 'source.tar', 'rust-src-1.97.1');
    const [one, other] = await Promise.all([namedRustSrc(archive, fake, context), namedRustSrc(archive, fake, context)]);
    assert.equal(one, other);
    assert.is((await kept(fake)).length, 1);
  });
});

test('a missing path, a file that is not an archive, and an archive without a library are refused and leave no files', async () => {
  await withFakeHost(async (fake) => {
    assert.match(
      (await refusal(namedRustSrc(join(fake.folder, 'nowhere'), fake, context))).message,
      /^Cannot use .*nowhere": it does not exist/,
    );
    const text = await refusal(namedRustSrc(await fake.write('x.tar.xz', 'no archive'), fake, context));
    assert.match(text.message, /^Cannot use .*x\.tar\.xz": it could not be unpacked/);
    await fake.write('other/README', '');
    assert.match(
      (await refusal(namedRustSrc(await pack(fake, 'other.tar', 'other'), fake, context))).message,
      /there is no library\/core in it/,
    );
    assert.match((await refusal(namedRustSrc(join(fake.folder, 'other'), fake, context))).message, /there is no library\/core in it/);
    assert.equal(await kept(fake), []);
  });
});

test('an archive whose members lead out of it is refused and writes nothing outside', async () => {
  await withFakeHost(async (fake) => {
    await fakeLibrary(fake, 'rust-src-1.97.1/library');
    await fake.write('evil', 'evil');
    const climbing = await pack(fake, 'climbing.tar', '--transform', 's,^evil$,../../../evil-was-here,', 'rust-src-1.97.1', 'evil');
    assert.is((await refusal(namedRustSrc(climbing, fake, context))).blame, 'failed');
    assert.not((await readdir(fake.folder)).includes('evil-was-here'));
    await symlink('/etc/passwd', join(fake.folder, 'rust-src-1.97.1/library/core/link.rs'));
    const linking = await refusal(namedRustSrc(await pack(fake, 'linking.tar', 'rust-src-1.97.1'), fake, context));
    assert.match(linking.message, /its link "core\/link\.rs" leads out of it, to "\/etc\/passwd"/);
    assert.equal(await kept(fake), []);
  });
});

test('a source that the user named and that does not fit is not replaced by another', async () => {
  await withFakeHost(async (fake) => {
    await fakeLibrary(fake, 'rustup/toolchains/1.95.0/lib/rustlib/src/rust/library');
    const named = await fakeLibrary(fake, 'rust-src-1.97.1/library');
    assert.is(await findRustSrc(await toolchain(fake, '1.95.0'), { ...fake, named }, context), undefined);
  });
});

test('a source without the packages that it depends on is not taken, unless the home of cargo has them', async () => {
  await withFakeHost(async (fake) => {
    const stable = await toolchain(fake, '1.85.1');
    const library = await fakeLibrary(fake, 'rustup/toolchains/1.85.1/lib/rustlib/src/rust/library');
    const lock = '[[package]]\nname = "libc"\nversion = "0.2.169"\nsource = "registry+https://crates.example/index"\n';
    await writeFile(join(library, 'Cargo.lock'), lock);
    const found = async (): Promise<boolean> => (await findRustSrc(stable, fake, context)) !== undefined;
    assert.is(await found(), false);
    await fake.write('.cargo/registry/cache/crates.example-1/libc-0.2.169.crate', '');
    assert.is(await found(), true);
    await rm(join(fake.folder, '.cargo'), { recursive: true });
    await mkdir(join(library, 'vendor'));
    assert.is(await found(), true);
  });
});

test.run();
