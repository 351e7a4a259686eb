// The output of a build script in both syntaxes, and directives that are refused depending on the package and
// the compiler.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Failure } from '../../core/errors.ts';
import type { Package } from '../cargo/package.ts';
import { parseDirectives, scriptRefusal } from './directives.ts';
import type { Directives } from './directives.ts';
import { packageOf } from '../../dev/testing/sample-units.ts';

const nothing: Directives = {
  linkLibs: [],
  linkSearch: [],
  linkArgs: [],
  cfgs: [],
  checkCfgs: [],
  env: {},
  warnings: [],
  errors: [],
  rerunIfChanged: [],
  rerunIfEnvChanged: [],
  metadata: {},
  newSyntax: false,
  wantsBootstrap: false,
};

/** Directives that mean the same in both syntaxes. */
const both: readonly (readonly [line: string, meaning: Partial<Directives>])[] = [
  ['rustc-flags=-lz -L /usr/x -L/usr/y  -l static=w', { linkLibs: ['z', 'static=w'], linkSearch: ['/usr/x', '/usr/y'] }],
  ['rustc-link-lib=static:+whole-archive=foo', { linkLibs: ['static:+whole-archive=foo'] }],
  ['rustc-link-search=native=/a b', { linkSearch: ['native=/a b'] }],
  ['rustc-link-arg=-Wl,--defsym=x=1', { linkArgs: [{ arg: '-Wl,--defsym=x=1', for: 'all' }] }],
  ['rustc-link-arg-bins=-x', { linkArgs: [{ arg: '-x', for: 'bins' }] }],
  ['rustc-link-arg-bin=tool=-T=a.ld', { linkArgs: [{ arg: '-T=a.ld', for: { bin: 'tool' } }] }],
  ['rustc-link-arg-tests=-x', { linkArgs: [{ arg: '-x', for: 'tests' }] }],
  ['rustc-link-arg-benches=-x', { linkArgs: [{ arg: '-x', for: 'benches' }] }],
  ['rustc-link-arg-examples=-x', { linkArgs: [{ arg: '-x', for: 'examples' }] }],
  ['rustc-link-arg-cdylib=-x', { linkArgs: [{ arg: '-x', for: 'cdylib' }] }],
  ['rustc-cdylib-link-arg=-x', { linkArgs: [{ arg: '-x', for: 'cdylib' }] }],
  ['rustc-cfg=has="b=c"', { cfgs: ['has="b=c"'] }],
  ['rustc-check-cfg=cfg(has, values("b"))', { checkCfgs: ['cfg(has, values("b"))'] }],
  ['rustc-env=A=b=c', { env: { A: 'b=c' } }],
  ['rustc-env=EMPTY=', { env: { EMPTY: '' } }],
  ['warning=be careful: a=b', { warnings: ['be careful: a=b'] }],
  ['rerun-if-changed=src/x y.c', { rerunIfChanged: ['src/x y.c'] }],
  ['rerun-if-env-changed=CC', { rerunIfEnvChanged: ['CC'] }],
];

test('every directive means the same with one colon and with two', () => {
  for (const [line, meaning] of both) {
    for (const prefix of ['cargo:', 'cargo::'])
      assert.equal(parseDirectives(`${prefix}${line}\n`, 'x'), { ...nothing, ...meaning, newSyntax: prefix === 'cargo::' }, prefix + line);
  }
});

test('error and metadata are directives with two colons; with one, any other key is metadata', () => {
  const told = parseDirectives(
    'cargo::error=no zlib\ncargo::metadata=include=/a=b\ncargo:error=x\ncargo:metadata=y=z\ncargo:root-dir=/r\ncargo:constructor=c',
    'x',
  );
  assert.equal(
    [told.errors, told.metadata],
    [['no zlib'], { include: '/a=b', error: 'x', metadata: 'y=z', 'root-dir': '/r', constructor: 'c' }],
  );
  assert.equal(told.linkArgs, []);
});

test('lines are trimmed, other output and invalid UTF-8 are ignored, and the last value of a variable is used', () => {
  const passed = 'hello\ncargo\nCARGO:rustc-cfg=b\nx cargo:rustc-cfg=c\ncargo:rustc-cfg=\uDCFF\n\n';
  const stdout = `${passed}  cargo:rustc-cfg=a \r\ncargo::rustc-env=A=1\ncargo:rustc-env=A=2\n`;
  assert.equal(parseDirectives(stdout, 'x'), { ...nothing, cfgs: ['a'], env: { A: '2' }, newSyntax: true });
});

test('a directive that cargo refuses is refused with the line and the package', () => {
  const lines = [
    'cargo::rustc-flag=-lz',
    'cargo::root=/x',
    'cargo::rustc-cfg',
    'cargo:rustc-cfg',
    'cargo::',
    'cargo::metadata=x',
    'cargo:rustc-env=A',
    'cargo:rustc-link-arg-bin=-x',
    'cargo:rustc-flags=-z',
    'cargo:rustc-flags=foo',
    'cargo:rustc-flags=-l',
    'cargo:rustc-flags=-lz -O2',
  ];
  for (const line of lines) {
    try {
      parseDirectives(`cargo:rustc-cfg=a\n${line}\n`, 'zed-sys');
      assert.unreachable(line);
    } catch (error) {
      assert.instance(error, Failure, line);
      assert.ok((error as Failure).message.startsWith('Cannot run the build script of zed-sys: '), (error as Failure).message);
      assert.ok((error as Failure).message.endsWith(`: "${line}"`), (error as Failure).message);
    }
  }
});

test('a script cannot set RUSTC_BOOTSTRAP, and a warning is reported', () => {
  const told = parseDirectives('cargo:rustc-env=RUSTC_BOOTSTRAP=1\ncargo:rustc-env=A=1', 'x');
  assert.equal(told.env, { A: '1' });
  assert.match(told.warnings.join(), /RUSTC_BOOTSTRAP/);
});

/** Returns the error of a build whose script printed `lines`. */
function refusal(lines: string, owner: Partial<Package> = {}, unstableCargo = false): string | undefined {
  return scriptRefusal(parseDirectives(lines, 'x'), packageOf(owner), unstableCargo)?.message;
}

test('cargo::error is an error', () => {
  assert.is(refusal('cargo::error=no zlib'), 'Cannot build my-package: its build script reported an error');
  assert.is(refusal('cargo::warning=no zlib'), undefined);
});

test('RUSTC_BOOTSTRAP is refused where cargo is a stable one', () => {
  const line = 'cargo:rustc-env=RUSTC_BOOTSTRAP=1';
  assert.match(refusal(line) ?? '', /it tries to set RUSTC_BOOTSTRAP, which a crate may not$/);
  assert.is(refusal(line, {}, true), undefined);
});

test('the syntax with two colons is refused if the package supports an older cargo', () => {
  assert.match(refusal('cargo::rustc-cfg=a', { rustVersion: '1.76' }) ?? '', /which 1\.76, its package's rust-version, does not support$/);
  for (const rustVersion of ['', '1.77', '1.80.1']) assert.is(refusal('cargo::rustc-cfg=a', { rustVersion }), undefined, rustVersion);
  assert.is(refusal('cargo:rustc-cfg=a', { rustVersion: '1.60' }), undefined);
});

test('arguments for missing targets of the package are refused, except for a cdylib', () => {
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
    /"other", and its package has no program of that name$/,
  );
  for (const line of ['cargo:rustc-link-arg-cdylib=-x', 'cargo:rustc-link-arg=-x'])
    assert.is(refusal(line, { kinds: ['lib'], bins: [] }), undefined);
});

test.run();
