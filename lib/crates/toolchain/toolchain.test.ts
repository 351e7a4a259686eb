// Which toolchains are found, and that rustc is asked about itself once.
import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { context, host, withFakeHost } from '../../dev/testing/fake-toolchain.ts';
import { compareReleases, listToolchains, minorOf, rustupSettings } from './toolchain.ts';
import type { Toolchain } from './toolchain.ts';

/** This machine's own PATH may have a rustc in /usr/bin; only what the test installed counts. */
const installed = (toolchains: readonly Toolchain[], folder: string): readonly Toolchain[] =>
  toolchains.filter(({ sysroot }) => sysroot.startsWith(folder));

test("rustup's toolchains are found in its folder and named by their own programs", async () => {
  await withFakeHost(async (fake) => {
    await fake.rustup(`stable-${host}`, '1.95.0');
    const folder = await fake.rustup(`nightly-${host}`, '1.97.0-nightly');
    await fake.proxies();
    const found = installed(await listToolchains(fake, context), fake.folder);
    assert.equal(
      found.map(({ name, release }) => `${name} ${release}`),
      [`nightly-${host} 1.97.0-nightly`, `stable-${host} 1.95.0`],
    );
    const [nightly] = found;
    assert.equal(
      [nightly?.rustc, nightly?.cargo, nightly?.sysroot, nightly?.host],
      [join(folder, 'bin/rustc'), join(folder, 'bin/cargo'), folder, host],
    );
  });
});

test('a folder without cargo is not a toolchain', async () => {
  await withFakeHost(async (fake) => {
    await fake.write('rustup/toolchains/half/bin/rustc', '');
    assert.equal(installed(await listToolchains(fake, context), fake.folder), []);
  });
});

test("a distribution's rustc on PATH is found, rustup's proxy is not", async () => {
  await withFakeHost(async (fake) => {
    const sysroot = await fake.onPath('1.85.0');
    const [found] = installed(await listToolchains(fake, context), fake.folder);
    assert.equal([found?.name, found?.origin, found?.sysroot], [join(sysroot, 'bin/rustc'), 'path', sysroot]);
  });
});

test('a cargo that takes unstable flags is an unstable one, also next to a stable rustc', async () => {
  await withFakeHost(async (fake) => {
    const sysroot = await fake.rustup('a', '1.95.0');
    const unstable = async (): Promise<boolean | undefined> =>
      installed(await listToolchains(fake, context), fake.folder)[0]?.unstableCargo;
    assert.is(await unstable(), false);
    await writeFile(join(sysroot, 'bin/cargo'), '#!/bin/sh\nexit 0\n');
    assert.is(await unstable(), true);
  });
});

test('rustc is asked once, and again when it was replaced', async () => {
  await withFakeHost(async (fake) => {
    await fake.rustup('a', '1.95.0');
    await listToolchains(fake, context);
    const asked = await fake.questions();
    assert.ok(asked > 0);
    await listToolchains(fake, context);
    assert.is(await fake.questions(), asked);
    await fake.rustup('a', '1.96.0-beta.1');
    assert.is(installed(await listToolchains(fake, context), fake.folder)[0]?.release, '1.96.0-beta.1');
  });
});

test("rustup's default and overrides are read, a damaged file counts as none", async () => {
  await withFakeHost(async (fake) => {
    assert.equal(await rustupSettings(fake.env), { overrides: {} });
    await fake.write('rustup/settings.toml', 'default_toolchain = "stable"\n[overrides]\n"/x" = "nightly"\n');
    assert.equal(await rustupSettings(fake.env), { defaultName: 'stable', overrides: { '/x': 'nightly' } });
    await fake.write('rustup/settings.toml', 'default_toolchain = ');
    assert.equal(await rustupSettings(fake.env), { overrides: {} });
  });
});

test('releases are ordered by their numbers', () => {
  assert.ok(compareReleases('1.100.0', '1.99.9') > 0);
  assert.ok(compareReleases('1.63.0', '1.85.0') < 0);
  assert.is(compareReleases('1.97.0-nightly', '1.97.0'), 0);
  assert.equal(['1.97.0-nightly', '1.85.1'].map(minorOf), ['1.97', '1.85']);
});

test('this host has a toolchain whose sysroot exists', async () => {
  await withFakeHost(async ({ cacheDir }) => {
    const env = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));
    const found = await listToolchains({ env, cacheDir }, context);
    assert.ok(found.length > 0, 'no Rust toolchain is installed: run npx zx tasks/doctor.ts');
    for (const { sysroot, release, verbose } of found) {
      assert.ok((await stat(join(sysroot, 'lib/rustlib'))).isDirectory());
      assert.match(verbose, new RegExp(`^rustc ${release.replaceAll('.', '\\.')}`));
    }
  });
});

test.run();
