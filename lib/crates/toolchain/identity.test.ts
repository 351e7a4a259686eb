// What a compiler and a linker are: the same wherever they lie, another one when any part of them has other bytes.
import { chmod, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { context, host, withFakeHost } from '../../dev/testing/fake-toolchain.ts';
import type { FakeHost } from '../../dev/testing/fake-toolchain.ts';
import { Failure } from '../../core/errors.ts';
import { linkerIdentity, targetIdentity, toolchainIdentity } from './identity.ts';
import { toolchainAt } from './toolchain.ts';
import type { Toolchain } from './toolchain.ts';

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

test.run();
