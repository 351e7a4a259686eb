// A compiler that rustup installed is known by the archive it came from, as long as nobody touched its files.
import { utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { host, withFakeHost } from '../../dev/testing/fake-toolchain.ts';
import type { FakeHost } from '../../dev/testing/fake-toolchain.ts';
import { rustupRecord } from './identity.ts';

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

test('each file is named by the archive of its component; one that rustup does not know by none', async () => {
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

test('a toolchain without such a record, or with half of one, is read', async () => {
  await withFakeHost(async (fake) => {
    const sysroot = await fake.rustup('a', '1.95.0');
    assert.is(await (await rustupRecord(sysroot))(driver), undefined);
    await installed(fake, archives);
    await writeFile(join(sysroot, 'lib/rustlib/multirust-channel-manifest.toml'), 'manifest-version = "2"\n');
    assert.is(await (await rustupRecord(sysroot))(driver), undefined);
  });
});

test.run();
