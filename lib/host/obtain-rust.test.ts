// The ways to obtain a Rust toolchain that can build everything. A puppet replaces rustup. The way by
// Debian's packages needs the network and a minute. It is tested if BLOOMERY_TEST_TOOLCHAIN is 1.
import { chmod, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Failure } from '../core/errors.ts';
import { outputOf } from '../core/sh.ts';
import { chooseToolchain } from '../crates/toolchain/choice.ts';
import { context, host, withFakeHost } from '../dev/testing/fake-toolchain.ts';
import type { FakeHost } from '../dev/testing/fake-toolchain.ts';
import { debianToolchain } from './debian-toolchain.ts';
import { obtainRust } from './obtain-rust.ts';

/** Returns the reports, or the failure, on a host whose rustup is this script. No apt-get is on its PATH. */
async function obtained(fake: FakeHost, rustup?: string): Promise<string> {
  if (rustup !== undefined) await chmod(await fake.write('usr/bin/rustup', `#!/bin/sh\nPATH=/usr/bin:/bin\n${rustup}\n`), 0o755);
  const notes: string[] = [];
  const report = (event: { readonly kind: string; readonly text?: string }): void => void (event.text && notes.push(event.text));
  const place = { env: { ...fake.env, PATH: join(fake.folder, 'usr/bin') }, cacheDir: fake.cacheDir };
  try {
    await obtainRust(place, { ...context, report });
    return notes.join('\n');
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return `${error.exitCode}: ${error.message}`;
  }
}

test('a host without Rust gets the stable toolchain from its rustup, with the source', async () => {
  await withFakeHost(async (fake) => {
    const sysroot = await fake.rustup(`stable-${host}`, '1.98.0');
    await rm(join(sysroot, 'bin/cargo'));
    const script = `[ "$*" = "toolchain install stable --profile minimal --component rust-src --no-self-update" ] || exit 1
cp "$RUSTUP_HOME/toolchains/stable-${host}/bin/rustc" "$RUSTUP_HOME/toolchains/stable-${host}/bin/cargo"`;
    assert.is(await obtained(fake, script), `Rust: stable-${host} (1.98.0), because no Rust is installed`);
  });
});

test('if every way fails, the failure has the reason of each', async () => {
  await withFakeHost(async (fake) => {
    assert.is(
      await obtained(fake, 'echo "error: could not download file" >&2; exit 1'),
      '69: Cannot get a Rust toolchain that compiles the standard library: no Rust is installed; ' +
        'rustup could not install a toolchain (could not download file); ' +
        'this host has no apt to take rustc and cargo from',
    );
  });
  await withFakeHost(async (fake) => {
    await fake.onPath('1.85.1');
    assert.match(await obtained(fake), /: \/.*\/rustc \(1\.85\.1\) has no rust-lld; rustup is not installed; /);
    await fake.write(`usr/lib/rustlib/${host}/bin/rust-lld`, '');
    const said = await obtained(fake);
    assert.match(
      said,
      /has no source of the standard library with its dependencies; no toolchain is managed by rustup; .*dependencies since 1\.95\.0/,
    );
    assert.match(said, /rustup is not installed; this host has no apt/);
  });
});

if (process.env['BLOOMERY_TEST_TOOLCHAIN'] === '1') {
  test("Debian's packages become a toolchain of the cache that compiles and has its source", async () => {
    await withFakeHost(async (fake) => {
      const place = { env: { PATH: process.env['PATH'] ?? '', HOME: fake.folder }, cacheDir: fake.cacheDir };
      const toolchain = await debianToolchain(place, context);
      if (typeof toolchain === 'string') throw new Error(toolchain);
      const search = { env: { HOME: fake.folder, PATH: '/nowhere' }, cacheDir: fake.cacheDir };
      const choice = await chooseToolchain({ ...search, needsRustSrc: true }, context);
      assert.is(choice.toolchain.name, toolchain.name);
      await fake.write('a.rs', 'fn main() { println!("compiled"); }\n');
      const options = { cwd: fake.folder, env: { PATH: '/usr/bin:/bin' } };
      await outputOf('compile', [toolchain.rustc, '-o', 'a', 'a.rs'], options);
      assert.is(await outputOf('start it', [join(fake.folder, 'a')], options), 'compiled\n');
    });
  });
}

test.run();
