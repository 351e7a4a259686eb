// The result of doctor for a host that has everything, for a host that has nothing, and for a host that lacks
// only optional tools.
import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { context, fakeLibrary, host, withFakeHost } from '../dev/testing/fake-toolchain.ts';
import { complaint, examine } from './doctor.ts';
import { kvmCheck, lacking, nodeCheck } from './host-checks.ts';
import type { Check } from './host-checks.ts';

const ok: Check = { name: 'a', found: true, needed: true, detail: '/usr/bin/a' };
const packages = { debian: 'deb-b', fedora: 'fed-b', arch: 'arch-b', opensuse: 'suse-b', alpine: 'alp-b', nix: 'nix-b' };
const missing: Check = { name: 'b', found: false, needed: true, detail: 'package deb-b', packages };
const warning: Check = { name: 'c', found: false, needed: false, detail: 'no c', hint: 'slower' };

test('a warning is not an error, and a missing needed tool is: exit 69 with the command for each distribution', () => {
  assert.is(complaint([ok, warning]), undefined);
  const failure = complaint([ok, warning, missing, { name: 'rust', found: false, needed: true, detail: 'none', hint: 'install it' }]);
  assert.equal([failure?.exitCode, failure?.message], [69, 'Cannot build and boot here: b, rust are missing']);
  for (const part of [
    'apt-get install --no-install-recommends deb-b',
    'dnf install fed-b',
    'pacman -S --needed arch-b',
    'nix-shell -p nix-b',
    'rust: npx zx tasks/doctor.ts --install gets one, or install it',
  ]) {
    assert.ok(failure?.hint?.includes(part), part);
  }
});

test('if the distribution is known and an installation was tried, the hint is the command of that distribution', () => {
  assert.is(complaint([missing], { family: 'fedora' })?.hint, 'run\n  sudo dnf install fed-b');
  assert.is(
    complaint([missing], { family: 'debian', root: true, tried: true })?.hint,
    'run\n  apt-get install --no-install-recommends deb-b',
  );
  assert.match(
    complaint([missing], { family: 'debian' })?.hint ?? '',
    /^run npx zx tasks\/doctor\.ts --install where apt-get may be used, or\n {2}sudo apt-get/,
  );
  const rust = { name: 'rust', found: false, needed: true, detail: 'none', hint: 'install it' };
  assert.is(complaint([rust], { tried: true })?.hint, 'rust: install it');
  assert.is(complaint([missing], { work: ['iso'] })?.message, 'Cannot write ISO images here: b is missing');
});

test('Node runs TypeScript since 22.18', () => {
  assert.equal(
    ['20.19.0', '22.17.1', '22.18.0', '24.0.0'].map((version) => nodeCheck(version).found),
    [false, false, true, true],
  );
});

test('KVM that is absent or that this user may not open is a warning with a hint', async () => {
  await withFakeHost(async (fake) => {
    const absent = await kvmCheck(join(fake.folder, 'kvm'));
    assert.is(absent.detail, `no ${join(fake.folder, 'kvm')}`);
    assert.not(absent.hint?.includes('usermod'));
    const device = await fake.write('kvm-0', '');
    await chmod(device, 0);
    const root = process.getuid?.() === 0; // root may open everything
    const denied = await kvmCheck(device);
    assert.equal([denied.found, denied.needed], [root, false]);
    assert.is(denied.detail, root ? device : `${device} may not be opened by this user`);
    assert.match(denied.hint ?? '', /; sudo usermod -aG kvm "\$USER" permits it from the next login on$/);
  });
});

test('on an empty host, needed tools are errors and the rest are warnings', async () => {
  await withFakeHost(async (fake) => {
    const checks = await examine(
      { env: { PATH: '/nowhere', HOME: fake.folder }, cacheDir: fake.cacheDir, nodeVersion: '24.0.0', root: false },
      false,
      context,
    );
    const names = lacking(checks).map(({ name }) => name);
    for (const name of ['cc', 'qemu-system-x86_64', 'rust', 'bwrap', 'sandbox']) assert.ok(names.includes(name), name);
    for (const name of ['node', 'kvm', 'rust-src']) assert.not(names.includes(name), name);
  });
});

test('a toolchain without the source of the standard library is reported, together with the one that is used instead', async () => {
  await withFakeHost(async (fake) => {
    await fake.rustup(`nightly-${host}`, '1.97.0-nightly');
    const looked = async (rustSrc?: string): Promise<Check | undefined> => {
      const checks = await examine({ env: fake.env, cacheDir: fake.cacheDir, nodeVersion: '24.0.0', root: false, rustSrc }, false, context);
      return checks.find(({ name }) => name === 'rust-src');
    };
    assert.match((await looked())?.detail ?? '', /^Cannot find the standard library's source/);
    const found = await looked(await fakeLibrary(fake, 'rust-src-1.97.1/library'));
    assert.ok(found?.found);
    assert.match(found?.detail ?? '', /^nightly-.*source of the standard library 1\.97\.1 from the folder/);
  });
});

test('a cc without the C library counts as missing', async () => {
  await withFakeHost(async (fake) => {
    await chmod(await fake.write('usr/bin/cc', '#!/bin/sh\necho crt1.o\n'), 0o755);
    const checks = await examine({ env: fake.env, cacheDir: fake.cacheDir, nodeVersion: '24.0.0', root: false }, false, context);
    const cc = checks.find(({ name }) => name === 'cc');
    assert.equal([cc?.found, cc?.detail], [false, 'package gcc libc6-dev, to compile Cargo projects']);
  });
});

test('this host has the tools that the tests need', async () => {
  await withFakeHost(async ({ cacheDir }) => {
    const env = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));
    const checks = await examine({ env, cacheDir, nodeVersion: process.versions.node, root: false }, false, context);
    // the cache of this test is empty
    const lacks = lacking(checks).filter(({ name }) => name !== 'rust-src');
    assert.equal(lacks, [], 'run npx zx tasks/doctor.ts --install');
    assert.ok(checks.find(({ name }) => name === 'bwrap')?.found, 'bubblewrap is not installed: run npx zx tasks/doctor.ts --install');
  });
});

test.run();
