// Which toolchain is chosen, and the sentence that explains it.
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { context, fakeLibrary, host, withFakeHost } from '../../dev/testing/fake-toolchain.ts';
import type { FakeHost } from '../../dev/testing/fake-toolchain.ts';
import { Failure } from '../../core/errors.ts';
import { chooseToolchain, leastRelease } from './choice.ts';
import type { ToolchainRequest } from './choice.ts';

type Wishes = Partial<Omit<ToolchainRequest, 'env'>>;

/** "name: why" of the choice, or "exit code: sentence | hint" of the refusal. PATH has only what the test installed. */
async function choice(fake: FakeHost, wishes: Wishes = {}): Promise<string> {
  const env = { ...fake.env, PATH: join(fake.folder, 'usr/bin') };
  const plain = (text: string): string => text.replaceAll(`-${host}`, '').replaceAll(fake.folder, '');
  try {
    return plain((await chooseToolchain({ env, cacheDir: fake.cacheDir, needsRustSrc: false, ...wishes }, context)).why);
  } catch (error) {
    assert.instance(error, Failure);
    const { exitCode, message, hint } = error as Failure;
    return plain(`${exitCode}: ${message} | ${hint}`);
  }
}

const escaped = (text: string): string => text.replaceAll('.', '\\.');

/** A host with stable 1.95 (the default), nightly 1.97 and an old 1.63. */
const withUsual = (use: (fake: FakeHost) => Promise<void>): Promise<void> =>
  withFakeHost(async (fake) => {
    await fake.rustup(`stable-${host}`, '1.95.0');
    await fake.rustup(`nightly-${host}`, '1.97.0-nightly');
    await fake.rustup(`1.63.0-${host}`, '1.63.0');
    await fake.write('rustup/settings.toml', `default_toolchain = "stable-${host}"\n`);
    await use(fake);
  });

test("without a wish it is rustup's default", async () => {
  await withUsual(async (fake) => assert.is(await choice(fake), "stable (1.95.0): rustup's default asks for it"));
});

test("a project's rust-toolchain file is obeyed, from any folder below it, in both forms", async () => {
  await withUsual(async (fake) => {
    await fake.write('a/rust-toolchain.toml', '[toolchain]\nchannel = "nightly"\n');
    await fake.write('b/rust-toolchain', 'nightly\n');
    for (const project of ['a', 'a/src/deep', 'b']) {
      assert.match(
        await choice(fake, { project: join(fake.folder, project) }),
        /^nightly \(1\.97\.0-nightly\): "\/[ab]\/rust-toolchain.*" asks for it/,
        project,
      );
    }
    await fake.write('rustup/settings.toml', `default_toolchain = "stable-${host}"\n[overrides]\n"${fake.folder}/a" = "stable"\n`);
    assert.match(await choice(fake, { project: join(fake.folder, 'a') }), /^stable .*override/);
  });
});

test("a project's channel that is not installed gives the newest that is, and the reason", async () => {
  await withUsual(async (fake) => {
    const path = await fake.write('a/rust-toolchain.toml', '[toolchain]\nchannel = "nightly-2020-01-01"\n');
    assert.match(
      await choice(fake, { project: join(path, '..') }),
      /^nightly .*asks for "nightly-2020-01-01", which is not installed; this is the newest that is installed/,
    );
    await fake.write('a/rust-toolchain.toml', '[toolchain\n');
    assert.match(await choice(fake, { project: join(path, '..') }), /^1: Cannot read ".*rust-toolchain\.toml": it is not valid TOML/);
  });
});

test('--toolchain accepts a channel, a version, a full name or a folder', async () => {
  await withUsual(async (fake) => {
    for (const wanted of ['nightly', '1.97.0-nightly', `nightly-${host}`]) {
      assert.match(await choice(fake, { wanted }), /^nightly .*--toolchain asks/, wanted);
    }
    assert.match(await choice(fake, { wanted: '1.95' }), /^stable/);
    assert.match(await choice(fake, { wanted: await fake.onPath('1.96.0') }), /^\/usr \(1\.96\.0\)/);
  });
});

test('a missing requested toolchain is a failure of the host, with a suggestion', async () => {
  await withUsual(async (fake) => {
    assert.match(
      await choice(fake, { wanted: 'nightyl' }),
      /^69: Cannot use the toolchain "nightyl": it is not installed .* \| did you mean nightly\?/,
    );
    assert.match(await choice(fake, { wanted: '1.80' }), /rustup toolchain install 1\.80/);
  });
});

test('one that is older than the lowest supported release is refused in one sentence, whoever asks for it', async () => {
  await withUsual(async (fake) => {
    const refusal = (wanted: string, release: string): string =>
      `69: Cannot use the toolchain "${wanted}": its release is ${release}, and the lowest supported release is ${leastRelease} | `;
    const assertRefused = (text: string, start: string): void => assert.is(text.slice(0, start.length), start);
    assertRefused(await choice(fake, { wanted: '1.63' }), refusal('1.63', '1.63.0'));
    assertRefused(await choice(fake, { wanted: await fake.onPath('1.63.0') }), refusal('/usr', '1.63.0'));
    const [major, minor, patch] = leastRelease.split('.').map(Number);
    const below = patch === 0 ? `${major}.${(minor ?? 0) - 1}.9` : `${major}.${minor}.${(patch ?? 0) - 1}`;
    assertRefused(await choice(fake, { wanted: await fake.inCache('below', below) }), refusal('/cache/toolchains/below', below));
    const path = await fake.write('a/rust-toolchain.toml', '[toolchain]\nchannel = "1.63"\n');
    assert.match(await choice(fake, { project: join(path, '..') }), /^nightly .*asks for "1\.63", which is too old; this is the newest/);
  });
});

test('without a toolchain, or with only an old one, the error has a hint what to install', async () => {
  await withFakeHost(async (fake) => {
    assert.match(
      await choice(fake),
      /^69: Cannot find a Rust toolchain: rustc and cargo are not installed \| install Rust 1\.85 or newer by rustup/,
    );
    await fake.rustup('old', '1.63.0');
    assert.match(await choice(fake), new RegExp(`^69: .*old \\(1\\.63\\.0\\) is older than ${escaped(leastRelease)}`));
  });
});

test('build-std uses the default toolchain if its sysroot has the source', async () => {
  await withUsual(async (fake) => {
    await fakeLibrary(fake, `rustup/toolchains/stable-${host}/lib/rustlib/src/rust/library`);
    assert.match(
      await choice(fake, { needsRustSrc: true }),
      /^stable .*source of the standard library 1\.95\.0 from the sysroot of stable$/,
    );
  });
});

test('build-std takes another toolchain if only that one has a source, and reports it', async () => {
  await withUsual(async (fake) => {
    const rustSrc = await fakeLibrary(fake, 'rust-src-1.97.1/library');
    assert.is(
      await choice(fake, { needsRustSrc: true, rustSrc }),
      "nightly (1.97.0-nightly): the standard library's source of 1.95 for stable is missing or lacks its dependencies; " +
        'source of the standard library 1.97.1 from the folder "/rust-src-1.97.1/library"',
    );
  });
});

test('build-std prefers a toolchain that can link programs without an operating system', async () => {
  await withUsual(async (fake) => {
    for (const name of ['stable', 'nightly']) {
      await fakeLibrary(fake, `rustup/toolchains/${name}-${host}/lib/rustlib/src/rust/library`);
    }
    assert.match(await choice(fake, { needsRustSrc: true }), /^stable /);
    await fake.write(`rustup/toolchains/nightly-${host}/lib/rustlib/${host}/bin/rust-lld`, '');
    assert.match(await choice(fake, { needsRustSrc: true }), /^nightly \(1\.97\.0-nightly\): stable has no rust-lld; /);
  });
});

test('build-std without a source gives a hint how to get one, or reports that the named one does not match', async () => {
  await withUsual(async (fake) => {
    assert.match(
      await choice(fake, { needsRustSrc: true }),
      /^69: Cannot find the standard library's source for stable .* or nightly .*doctor\.ts --install/,
    );
    const rustSrc = await fakeLibrary(fake, 'rust-src-1.80.0/library');
    assert.match(await choice(fake, { needsRustSrc: true, rustSrc }), /^69: .*is of another version/);
    const newer = await fakeLibrary(fake, 'rust-src-1.97.1/library');
    const wanted = { needsRustSrc: true, wanted: 'stable', rustSrc: newer };
    assert.match(await choice(fake, wanted), /^69: .* for stable \(1\.95\.0\): /, 'a wanted one is not replaced');
  });
});

test('a toolchain in the cache is taken where the host has none that will do, and never before one of the host', async () => {
  await withUsual(async (fake) => {
    await fake.onPath('1.90.0');
    await fake.inCache('debian-1.99.0', '1.99.0');
    await fake.write('rustup/settings.toml', '');
    assert.match(await choice(fake), /^nightly /);
    await fakeLibrary(fake, 'cache/toolchains/debian-1.99.0/lib/rustlib/src/rust/library');
    assert.is(
      await choice(fake, { needsRustSrc: true }),
      "debian-1.99.0 (1.99.0): the standard library's source of 1.97 for nightly is missing or lacks its dependencies; " +
        'source of the standard library 1.99.0 from the sysroot of debian-1.99.0',
    );
    assert.match(await choice(fake, { wanted: '1.99' }), /^debian-1\.99\.0 .*--toolchain asks/);
  });
  await withFakeHost(async (fake) => {
    await fake.inCache('debian-1.99.0', '1.99.0');
    assert.is(await choice(fake), 'debian-1.99.0 (1.99.0): rustc and cargo are not installed, and this one is in the cache');
    await fake.onPath('1.63.0');
    assert.match(
      await choice(fake),
      new RegExp(`^debian-1\\.99\\.0 .*/rustc \\(1\\.63\\.0\\) is older than ${escaped(leastRelease)}, and this one is in the cache$`),
    );
    const other = { cacheDir: join(fake.folder, 'another'), otherCacheDir: fake.cacheDir };
    assert.match(await choice(fake, other), /^debian-1\.99\.0 /);
  });
});

test.run();
