// Obtaining the source of the standard library. A puppet replaces rustup. The way by Debian's package needs
// the network and is tested manually. These tests check that it comes after rustup, and the errors if nothing
// works.
import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { context, host, withFakeHost } from '../dev/testing/fake-toolchain.ts';
import type { FakeHost } from '../dev/testing/fake-toolchain.ts';
import { listToolchains } from '../crates/toolchain/toolchain.ts';
import { obtainRustSrc } from './rust-src-download.ts';
import type { Obtained } from './rust-src-download.ts';

/** Returns the result on a host with one toolchain, whose rustup is this script. It has no apt-get. */
async function obtained(fake: FakeHost, rustup: string): Promise<Obtained | readonly string[]> {
  await fake.rustup(`nightly-${host}`, '1.97.0-nightly');
  await chmod(await fake.write('usr/bin/rustup', `#!/bin/sh\nPATH=/usr/bin:/bin\n${rustup}\n`), 0o755);
  const place = { env: { ...fake.env, PATH: join(fake.folder, 'usr/bin') }, cacheDir: fake.cacheDir };
  return obtainRustSrc(await listToolchains(place, context), place, context);
}

test('rustup is asked first, for the toolchain that would be used', async () => {
  await withFakeHost(async (fake) => {
    const library = '"$RUSTUP_HOME/toolchains/$5/lib/rustlib/src/rust/library"';
    const script = `[ "$1 $2 $3 $4" = "component add rust-src --toolchain" ] || exit 1
for part in core alloc std; do mkdir -p ${library}/$part/src; echo > ${library}/$part/src/lib.rs; done
echo > ${library}/Cargo.lock`;
    const result = await obtained(fake, script);
    if (!('rustSrc' in result)) throw new Error(result.join('; '));
    const { toolchain, rustSrc } = result;
    assert.equal([toolchain.name, rustSrc.version], [`nightly-${host}`, '1.97.0-nightly']);
    assert.is(rustSrc.libraryDir, join(toolchain.sysroot, 'lib/rustlib/src/rust/library'));
  });
});

test('if every way fails, the result has the reason of each', async () => {
  await withFakeHost(async (fake) => {
    const result = await obtained(fake, 'echo "info: downloading" >&2; echo "error: could not download file" >&2; exit 1');
    assert.equal(result, [
      'rustup could not add it (could not download file)',
      'this host has no Debian mirror to take its package rust-src from',
    ]);
  });
});

test('a rustup that succeeds but adds nothing is a failure', async () => {
  await withFakeHost(async (fake) => {
    const result = await obtained(fake, 'exit 0');
    assert.equal('rustSrc' in result ? [] : result[0], 'rustup could not add it (it printed nothing)');
  });
});

test.run();
