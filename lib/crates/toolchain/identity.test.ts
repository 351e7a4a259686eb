// The identities of a compiler and a linker: they do not depend on paths, and change with the bytes of any
// part.
// A compiler that rustup installed is identified by its archive as long as its files are unchanged.
import { chmod, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Failure } from '../../core/errors.ts';
import { linkerIdentity, rustupRecord, targetIdentity, toolchainIdentity } from './identity.ts';
import { toolchainAt } from './toolchain.ts';
import type { Toolchain } from './toolchain.ts';
import { context, host, withFakeHost } from '../../dev/testing/fake-toolchain.ts';
import type { FakeHost } from '../../dev/testing/fake-toolchain.ts';

async function toolchain(fake: FakeHost): Promise<Toolchain> {
  const found = await toolchainAt(await fake.rustup('a', '1.95.0'), 'a', 'rustup', fake, context);
  assert.ok(found);
  return found as Toolchain;
}

test('a compiler is its programs, its libraries and the standard library, by content and not by time', async () => {
  await withFakeHost(async (fake) => {
    const it = await toolchain(fake);
    const identity = (): Promise<string> => toolchainIdentity(it, fake.cacheDir);
    let before = await identity();
    await utimes(join(it.sysroot, 'lib/librustc_driver-1.so'), 1, 1);
    assert.is(await identity(), before);
    for (const part of [
      'bin/rustc',
      'bin/cargo',
      'lib/librustc_driver-1.so',
      `lib/rustlib/${host}/lib/libstd-1.rlib`,
      `lib/rustlib/${host}/lib/new.rlib`,
    ]) {
      await writeFile(join(it.sysroot, part), `other bytes of ${part}`);
      const after = await identity();
      assert.is.not(after, before, part);
      before = after;
    }
  });
});

test('where programs are in the private folder, what starts them does not count', async () => {
  await withFakeHost(async (fake) => {
    const it = await toolchain(fake);
    const identity = (): Promise<string> => toolchainIdentity(it, fake.cacheDir);
    await fake.write('rustup/toolchains/a/lib/private/rustc', 'a compiler');
    const before = await identity();
    await fake.write('rustup/toolchains/a/bin/rustc', 'compiled on another host');
    assert.is(await identity(), before);
    await fake.write('rustup/toolchains/a/lib/private/rustc', 'another compiler');
    assert.is.not(await identity(), before);
  });
});

test('a target that is not installed has no identity until it is', async () => {
  await withFakeHost(async (fake) => {
    const it = await toolchain(fake);
    const identity = (): Promise<string | undefined> => targetIdentity(it, 'x86_64-unknown-none', fake.cacheDir);
    assert.is(await identity(), undefined);
    await fake.write('rustup/toolchains/a/lib/rustlib/x86_64-unknown-none/lib/libcore-1.rlib', 'core');
    const first = await identity();
    assert.is(typeof first, 'string');
    await fake.write('rustup/toolchains/a/lib/rustlib/x86_64-unknown-none/lib/libcore-1.rlib', 'other core');
    assert.is.not(await identity(), first);
  });
});

test('the linker of this host has an identity, the same from an empty memory as from a warm one', async () => {
  const identities: string[] = [];
  for (let round = 0; round < 2; round++) {
    await withFakeHost(async ({ cacheDir }) => {
      const search = { env: { PATH: process.env['PATH'] ?? '' }, cacheDir };
      identities.push(await linkerIdentity(search, context), await linkerIdentity(search, context));
    });
  }
  assert.is(new Set(identities).size, 1);
});

test("another cc is another linker, and none is the host's lack", async () => {
  await withFakeHost(async (fake) => {
    const search = { env: { PATH: `${fake.folder}/usr/bin:/usr/bin:/bin` }, cacheDir: fake.cacheDir };
    const real = await linkerIdentity(search, context);
    const cc = await fake.write('usr/bin/cc', '#!/bin/sh\nexec /usr/bin/cc "$@"\n');
    await chmod(cc, 0o755);
    assert.is.not(await linkerIdentity(search, context), real);
    const error: unknown = await linkerIdentity({ env: { PATH: '/nowhere' }, cacheDir: fake.cacheDir }, context).catch(
      (reason: unknown) => reason,
    );
    assert.instance(error, Failure);
    assert.is((error as Failure).exitCode, 69);
    assert.match((error as Failure).hint ?? '', /gcc/);
  });
});

const driver = 'lib/librustc_driver-1.so';
const std = `lib/rustlib/${host}/lib/libstd-1.rlib`;
const installedSeconds = 1_700_000_000;

/** What rustup leaves in a toolchain of two components, with archives of the given digests; everything is of the time of the installation. */
async function installed(fake: FakeHost, archives: { readonly rustc: string; readonly std: string }): Promise<string> {
  const sysroot = await fake.rustup('a', '1.95.0');
  const write = async (path: string, text: string): Promise<void> => {
    await fake.write(`rustup/toolchains/a/${path}`, text);
  };
  const table = (pkg: string, hash: string): string =>
    `\n[pkg.${pkg}]\nversion = "1"\n\n[pkg.${pkg}.target.${host}]\navailable = true\nhash = "${'0'.repeat(64)}"\nxz_hash = "${hash}"\n`;
  await write('lib/rustlib/components', `rust-docs-${host}\nrustc-${host}\nrust-std-${host}\n`);
  await write(`lib/rustlib/manifest-rustc-${host}`, `file:bin/rustc\nfile:${driver}\n`);
  await write(`lib/rustlib/manifest-rust-std-${host}`, `file:${std}\n`);
  await write(
    'lib/rustlib/multirust-channel-manifest.toml',
    `manifest-version = "2"\n${table('rust-std', archives.std)}${table('rustc', archives.rustc)}`,
  );
  for (const path of [driver, std, `lib/rustlib/manifest-rustc-${host}`, `lib/rustlib/manifest-rust-std-${host}`]) {
    await utimes(join(sysroot, path), installedSeconds, installedSeconds);
  }
  return sysroot;
}

const archives = { rustc: 'a'.repeat(64), std: 'b'.repeat(64) };

test('each file is identified by the archive of its component; a file without a record in rustup is not', async () => {
  await withFakeHost(async (fake) => {
    const archiveOf = await rustupRecord(await installed(fake, archives));
    assert.is(await archiveOf(driver), `rustup:${archives.rustc}`);
    assert.is(await archiveOf(std), `rustup:${archives.std}`);
    assert.is(await archiveOf('lib/rustlib/components'), undefined);
  });
});

test('a file that was written after the installation, or brought from elsewhere with an old time, has to be read', async () => {
  await withFakeHost(async (fake) => {
    const sysroot = await installed(fake, archives);
    await writeFile(join(sysroot, driver), 'patched');
    assert.is(await (await rustupRecord(sysroot))(driver), undefined);
    await utimes(join(sysroot, driver), installedSeconds - 90_000, installedSeconds - 90_000);
    assert.is(await (await rustupRecord(sysroot))(driver), undefined);
    assert.is(await (await rustupRecord(sysroot))(std), `rustup:${archives.std}`);
  });
});

test('a toolchain without a complete record is read', async () => {
  await withFakeHost(async (fake) => {
    const sysroot = await fake.rustup('a', '1.95.0');
    assert.is(await (await rustupRecord(sysroot))(driver), undefined);
    await installed(fake, archives);
    await writeFile(join(sysroot, 'lib/rustlib/multirust-channel-manifest.toml'), 'manifest-version = "2"\n');
    assert.is(await (await rustupRecord(sysroot))(driver), undefined);
  });
});

test.run();
