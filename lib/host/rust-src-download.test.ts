// Getting the library's source, with a puppet in rustup's place. Debian's way needs the network and is tried by hand; that it is asked
// only after rustup, and what is said when nothing works, is tried here.
import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { context, host, withFakeHost } from '../dev/testing/fake-toolchain.ts';
import type { FakeHost } from '../dev/testing/fake-toolchain.ts';
import { listToolchains } from '../crates/toolchain/toolchain.ts';
import { obtainRustSrc } from './rust-src-download.ts';
import type { Obtained } from './rust-src-download.ts';

/** A host with one toolchain and a rustup that does what the script says; no apt-get. */
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

test('when every way fails each says why', async () => {
  await withFakeHost(async (fake) => {
    const result = await obtained(fake, 'echo "info: downloading" >&2; echo "error: could not download file" >&2; exit 1');
    assert.equal(result, [
      'rustup could not add it (could not download file)',
      'this host has no Debian mirror to take its package rust-src from',
    ]);
  });
});

test('a rustup that says it is done but adds nothing is not believed', async () => {
  await withFakeHost(async (fake) => {
    const result = await obtained(fake, 'exit 0');
    assert.equal('rustSrc' in result ? [] : result[0], 'rustup could not add it (it said nothing)');
  });
});

test.run();
