// The program that is generated around a kernel: its content, and that it is written only if it differs.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parse } from 'smol-toml';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { baseCrateName, kernelPackage, writeBaseCrate } from './base-crate.ts';

const dir = mkdtempSync(join(tmpdir(), 'bloomery-base-crate-'));
test.after(() => rmSync(dir, { recursive: true }));

function write(path: string, text: string): void {
  mkdirSync(dirname(join(dir, path)), { recursive: true });
  writeFileSync(join(dir, path), text);
}

write('Cargo.toml', '[workspace]\nmembers = ["kernel"]\n[profile.release]\nlto = "thin"\n');
write('Cargo.lock', 'version = 4\n');
write('kernel/Cargo.toml', '[package]\nname = "aster-kernel"\nversion = "1.2.3"\n[features]\ndefault = ["a"]\na = []\nb = ["a"]\n');

test('the crate depends on the kernel, mirrors its features, and has the profiles of the workspace', async () => {
  const kernel = await kernelPackage(dir);
  assert.equal([kernel.name, kernel.features, baseCrateName(kernel)], ['aster-kernel', ['default', 'a', 'b'], 'aster-kernel-osdk-bin']);
  const folder = await writeBaseCrate(kernel, 'the-kernel');
  assert.is(folder, join(dir, 'target/osdk/aster-kernel-run-base'));
  const manifest = JSON.parse(JSON.stringify(parse(readFileSync(join(folder, 'Cargo.toml'), 'utf8'))));
  assert.equal(manifest.dependencies, { 'aster-kernel': { path: '../../../kernel', 'default-features': false } });
  assert.equal(manifest.features, { default: ['aster-kernel/default'], a: ['aster-kernel/a'], b: ['aster-kernel/b'] });
  assert.equal(manifest.profile, { release: { lto: 'thin' } });
  assert.equal(manifest.bin, [{ name: 'the-kernel', path: 'src/main.rs', test: false, bench: false }]);
  assert.match(readFileSync(join(folder, 'src/main.rs'), 'utf8'), 'extern crate aster_kernel;');
  assert.is(readFileSync(join(folder, 'Cargo.lock'), 'utf8'), 'version = 4\n');
});

test('a correct file is not written again, and an edited one is', async () => {
  const kernel = await kernelPackage(dir);
  const folder = await writeBaseCrate(kernel, 'the-kernel');
  const [script, main] = [join(folder, 'x86_64.ld'), join(folder, 'src/main.rs')];
  const before = [readFileSync(script, 'utf8'), statSync(main).mtimeMs] as const;
  writeFileSync(script, 'ENTRY(other)\n');
  writeFileSync(join(folder, 'Cargo.lock'), 'version = 4\n# with the generated package\n');
  await writeBaseCrate(kernel, 'the-kernel');
  assert.equal([readFileSync(script, 'utf8'), statSync(main).mtimeMs], before);
  assert.match(readFileSync(join(folder, 'Cargo.lock'), 'utf8'), 'generated');
});

test('a lock of the workspace that changed is copied again', async () => {
  const kernel = await kernelPackage(dir);
  const folder = await writeBaseCrate(kernel, 'the-kernel');
  write('Cargo.lock', 'version = 4\n# updated\n');
  await writeBaseCrate(kernel, 'the-kernel');
  assert.is(readFileSync(join(folder, 'Cargo.lock'), 'utf8'), 'version = 4\n# updated\n');
});

test('with the framework in the workspace or from a registry, the program has its allocators, and tests have its runner', async () => {
  const kernel = await kernelPackage(dir);
  write('Cargo.lock', 'version = 4\n\n[[package]]\nname = "ostd"\nversion = "0.18.0"\nsource = "registry+https://example.org"\n');
  const manifestOf = (folder: string): { readonly dependencies: Readonly<Record<string, object>> } =>
    JSON.parse(JSON.stringify(parse(readFileSync(join(folder, 'Cargo.toml'), 'utf8'))));
  const registry = manifestOf(await writeBaseCrate(kernel, 'the-kernel')).dependencies;
  assert.equal(
    [registry['ostd'], registry['osdk-heap-allocator'], registry['osdk-test-kernel']],
    [{ version: '0.18.0' }, { version: '0.18.0' }, undefined],
  );
  write('osdk/deps/frame-allocator/Cargo.toml', '');
  const folder = await writeBaseCrate(kernel, 'the-kernel', { crate: 'aster-kernel', name: 'tests::one' });
  const { dependencies } = manifestOf(folder);
  assert.equal(
    ['ostd', 'osdk-frame-allocator', 'osdk-test-kernel'].map((name) => dependencies[name]),
    ['../../../ostd', '../../../osdk/deps/frame-allocator', '../../../osdk/deps/test-kernel'].map((path) => ({ path })),
  );
  const main = readFileSync(join(folder, 'src/main.rs'), 'utf8');
  for (const text of [
    '#![feature(linkage)]',
    'static __GLOBAL_FRAME_ALLOCATOR_REF: ',
    'extern crate osdk_test_kernel;',
    'KTEST_TEST_WHITELIST: Option<&[&str]> = Some(&["tests::one"]);',
    'KTEST_CRATE_WHITELIST: Option<&[&str]> = Some(&["aster-kernel"]);',
  ]) {
    assert.ok(main.includes(text), text);
  }
});

test('a folder without a kernel is refused', async () => {
  const message = async (folder: string): Promise<string> =>
    await kernelPackage(folder).then(
      () => '',
      (error: Error) => error.message,
    );
  assert.match(await message(join(dir, 'kernel')), /^Cannot build the kernel in ".*": it has no kernel\/Cargo.toml$/);
  write('odd/kernel/Cargo.toml', '[package\n');
  assert.match(await message(join(dir, 'odd')), /^Cannot read ".*kernel\/Cargo.toml": /);
});

test.run();
