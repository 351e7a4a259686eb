// What a script may not say, by its package and the compiler.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { packageOf } from '../../dev/testing/sample-units.ts';
import { parseDirectives, scriptRefusal } from './directives.ts';
import type { Package } from '../cargo/package.ts';

/** The sentence with which a build ends after a script said `lines`. */
function refusal(lines: string, owner: Partial<Package> = {}, release = '1.95.0'): string | undefined {
  return scriptRefusal(parseDirectives(lines, 'x'), packageOf(owner), release)?.message;
}

test('what a script calls an error is one', () => {
  assert.is(refusal('cargo::error=no zlib'), 'Cannot build my-package: its build script says so');
  assert.is(refusal('cargo::warning=no zlib'), undefined);
});

test('RUSTC_BOOTSTRAP is refused where the compiler is a stable one', () => {
  const line = 'cargo:rustc-env=RUSTC_BOOTSTRAP=1';
  assert.match(refusal(line) ?? '', /it wants to set RUSTC_BOOTSTRAP, which a crate may not$/);
  assert.is(refusal(line, {}, '1.97.0-nightly'), undefined);
});

test('the syntax with two colons is refused where the package says that it builds with an older cargo', () => {
  assert.match(refusal('cargo::rustc-cfg=a', { rustVersion: '1.76' }) ?? '', /which 1\.76, its package's rust-version, does not know$/);
  for (const rustVersion of ['', '1.77', '1.80.1']) assert.is(refusal('cargo::rustc-cfg=a', { rustVersion }), undefined, rustVersion);
  assert.is(refusal('cargo:rustc-cfg=a', { rustVersion: '1.60' }), undefined);
});

test('arguments for targets that the package has not are refused; a cdylib need not be there', () => {
  const rows: readonly (readonly [line: string, kind: string, bins: readonly string[]])[] = [
    ['cargo:rustc-link-arg-bin=tool=-x', 'bin', ['tool']],
    ['cargo:rustc-link-arg-bins=-x', 'bin', ['tool']],
    ['cargo:rustc-link-arg-tests=-x', 'test', []],
    ['cargo:rustc-link-arg-benches=-x', 'bench', []],
    ['cargo:rustc-link-arg-examples=-x', 'example', []],
  ];
  for (const [line, kind, bins] of rows) {
    assert.match(
      refusal(line, { kinds: ['lib'], bins: [] }) ?? '',
      /^Cannot run the build script of my-package: it has arguments for /,
      line,
    );
    assert.is(refusal(line, { kinds: ['lib', kind], bins }), undefined, line);
  }
  assert.match(
    refusal('cargo:rustc-link-arg-bin=other=-x', { kinds: ['bin'], bins: ['tool'] }) ?? '',
    /"other", and its package has none of that name$/,
  );
  for (const line of ['cargo:rustc-link-arg-cdylib=-x', 'cargo:rustc-link-arg=-x'])
    assert.is(refusal(line, { kinds: ['lib'], bins: [] }), undefined);
});

test.run();
