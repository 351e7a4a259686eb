// Which parts of cargo's configuration apply to a target, and which values its variables get.
// A table of conditions in cargo's configuration.
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Failure } from '../../core/errors.ts';
import {
  cfgHolds,
  configEnvOf,
  hasRelativePaths,
  linkerOf,
  runnerOf,
  rustdocflagsOf,
  rustflagsOf,
  withAbsolutePaths,
  wrappersOf,
} from './cargo-config.ts';
import type { CargoConfig } from './cargo-config.ts';
import { rootOf } from '../plan/resolve-anew.ts';
import { here } from '../../dev/testing/sample-units.ts';

const triple = 'x86_64-unknown-linux-gnu';
const cfgs = ['unix', 'target_os="linux"'];
const build = { rustflags: ['for-all'] };

test('flags of the triple come first, then those of conditions by their text; flags for all targets only if there are no others', () => {
  const target = {
    'cfg(unix)': { rustflags: 'two  words' },
    'cfg(target_os = "linux")': { rustflags: ['linux'] },
    'cfg(windows)': { rustflags: ['never'] },
    [triple]: { rustflags: ['own'] },
    'x86_64-other': { rustflags: ['other'] },
  };
  assert.equal(rustflagsOf({ build, target }, triple, cfgs, {}), ['own', 'linux', 'two', 'words']);
  assert.equal(rustflagsOf({ build, target: { 'cfg(windows)': { rustflags: ['never'] } } }, triple, cfgs, {}), ['for-all']);
  assert.equal(rustflagsOf({ build, target: { [triple]: { rustflags: [] } } }, triple, cfgs, {}), ['for-all']);
  assert.equal(rustflagsOf({}, triple, cfgs, {}), []);
});

test('the linker is that of the triple, else that of the one condition that holds', () => {
  assert.is(linkerOf({ target: { [triple]: { linker: 'own' }, 'cfg(unix)': { linker: 'ld' } } }, triple, cfgs, {}, '/w'), 'own');
  assert.is(linkerOf({ target: { 'cfg(unix)': { linker: 'ld' }, 'cfg(windows)': { linker: 'link' } } }, triple, cfgs, {}, '/w'), 'ld');
  assert.is(linkerOf({}, triple, cfgs, {}, '/w'), undefined);
  const both = { 'cfg(unix)': { linker: 'ld' }, 'cfg(target_os = "linux")': { linker: 'lld' } };
  assert.throws(() => linkerOf({ target: both }, triple, cfgs, {}, '/w'), /^Cannot choose a linker: several conditions .*: "lld", "ld"$/);
});

test("the user's variables go before the configuration, even when they are empty, and those of one source are joined", () => {
  const config: CargoConfig = { build, target: { 'cfg(unix)': { rustflags: 'unix' }, [triple]: { rustflags: ['own'] } } };
  const flags = (variables: Readonly<Record<string, string>>, of = config): readonly string[] => rustflagsOf(of, triple, cfgs, variables);
  assert.equal(flags({ RUSTFLAGS: ' a  b ', CARGO_BUILD_RUSTFLAGS: 'never' }), ['a', 'b']);
  assert.equal(flags({ RUSTFLAGS: '' }), []);
  assert.equal(flags({ CARGO_ENCODED_RUSTFLAGS: 'a b\x1fc', RUSTFLAGS: 'never' }), ['a b', 'c']);
  assert.equal(flags({ CARGO_ENCODED_RUSTFLAGS: '' }), []);
  assert.equal(flags({ CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS: '--cfg e' }), ['own', '--cfg', 'e', 'unix']);
  assert.equal(flags({ CARGO_BUILD_RUSTFLAGS: 'more' }), ['own', 'unix']);
  assert.equal(flags({ CARGO_BUILD_RUSTFLAGS: 'more' }, { build }), ['for-all', 'more']);
});

test('a linker and a wrapper of a variable count from the working folder, those of a file from the folder above it', () => {
  const config: CargoConfig = {
    build: { 'rustc-wrapper': 'tools/w', 'rustc-workspace-wrapper': 'plain' },
    target: { [triple]: { linker: 'tools/x' }, 'cfg(target_os = "none")': { linker: '/opt/ld' } },
  };
  const origins = [
    `build.rustc-wrapper = "tools/w" # /w/.cargo/config.toml`,
    `target.${triple}.linker = "tools/x" # /w/sub/.cargo/config.toml`,
  ];
  const absolute = withAbsolutePaths(config, origins.join('\n'));
  assert.equal(linkerOf(absolute, triple, cfgs, {}, '/cwd'), { file: '/w/sub/tools/x' });
  assert.equal(linkerOf(absolute, triple, cfgs, { CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER: './ld' }, '/cwd'), { file: '/cwd/ld' });
  assert.equal(linkerOf(absolute, 'other', ['target_os="none"'], {}, '/cwd'), '/opt/ld');
  assert.equal(wrappersOf(absolute, {}, '/cwd'), { all: { file: '/w/tools/w' }, members: 'plain' });
  assert.equal(wrappersOf(absolute, { RUSTC_WRAPPER: '', CARGO_BUILD_RUSTC_WORKSPACE_WRAPPER: 'x/y' }, '/cwd'), {
    all: undefined,
    members: { file: '/cwd/x/y' },
  });
});

test('a runner is a text or a list of words, and a relative path of its program counts from the folder above its file', () => {
  const config: CargoConfig = {
    target: { [triple]: { runner: 'tools/x  -a b' }, 'cfg(unix)': { runner: ['tools/y', '-c d'] }, 'cfg(windows)': { runner: 'never' } },
  };
  const origins = `target.${triple}.runner = "tools/x  -a b" # /w/.cargo/config.toml
target."cfg(unix)".runner = [
    "tools/y", # /w/sub/.cargo/config.toml
    "-c d", # /w/sub/.cargo/config.toml
]
target."cfg(windows)".runner = "never" # /w/.cargo/config.toml`;
  assert.ok(hasRelativePaths(config));
  const absolute = withAbsolutePaths(config, origins);
  assert.equal(runnerOf(absolute, triple, cfgs, {}, '/cwd'), { program: { file: '/w/tools/x' }, args: ['-a', 'b'] });
  assert.equal(runnerOf(absolute, 'other', cfgs, {}, '/cwd'), { program: { file: '/w/sub/tools/y' }, args: ['-c d'] });
  assert.equal(runnerOf(absolute, 'other', ['windows'], {}, '/cwd'), { program: 'never', args: [] });
  assert.is(runnerOf(absolute, 'other', [], {}, '/cwd'), undefined);
  const variables = { CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER: './run x' };
  assert.equal(runnerOf(absolute, triple, cfgs, variables, '/cwd'), { program: { file: '/cwd/run' }, args: ['x'] });
  const both = { target: { 'cfg(unix)': { runner: 'a b' }, 'cfg(target_os = "linux")': { runner: ['c'] } } };
  assert.throws(() => runnerOf(both, triple, cfgs, {}, '/cwd'), /^Cannot choose a runner: several conditions .*: "c", "a b"$/);
  assert.throws(() => runnerOf({ target: { [triple]: { runner: ' ' } } }, triple, cfgs, {}, '/cwd'), /has no word$/);
});

test('flags of rustdoc follow the rules of those of rustc, with names of their own', () => {
  const config: CargoConfig = { build: { rustflags: ['no'], rustdocflags: 'all' }, target: { 'cfg(unix)': { rustdocflags: ['unix'] } } };
  assert.equal(rustdocflagsOf(config, triple, cfgs, {}), ['unix']);
  assert.equal(rustdocflagsOf(config, triple, [], { RUSTFLAGS: 'no', CARGO_BUILD_RUSTDOCFLAGS: 'more' }), ['all', 'more']);
  assert.equal(rustdocflagsOf(config, triple, cfgs, { RUSTDOCFLAGS: 'a b' }), ['a', 'b']);
});

test("a variable is used unless the user declared it, and a forced one overrides the user's", () => {
  const config: CargoConfig = { env: { A: 'a', B: { value: 'b' }, C: { value: 'c', force: true }, D: { value: 'd', force: true } } };
  assert.equal(configEnvOf(config, {}, { common: '/w' }), { env: { A: 'a', B: 'b', C: 'c', D: 'd' }, forced: [] });
  assert.equal(configEnvOf(config, { A: 'x', C: 'x' }, { common: '/w' }), { env: { B: 'b', C: 'c', D: 'd' }, forced: ['C'] });
});

test('a relative variable is relative to the folder above its file, and differs between checkouts', () => {
  const config: CargoConfig = {
    env: { A: 'plain', B: { value: 'sub/dir', relative: true }, C: { value: '../up', relative: true }, D: { value: 'x', relative: false } },
  };
  const origins = [
    'env.A = "plain" # /w/.cargo/config.toml',
    ...['B', 'C', 'D'].map((name) => `env.${name}.value = "..." # /w/.cargo/config.toml`),
  ];
  assert.ok(hasRelativePaths(config));
  assert.not.ok(hasRelativePaths({ env: { A: 'plain' } }));
  const { env } = configEnvOf(withAbsolutePaths(config, origins.join('\n')), {}, { common: '/w' });
  assert.equal(env, { A: 'plain', B: `${here}/sub/dir`, C: join(here, '../up'), D: 'x' });
});

test("a profile is followed to cargo's profile that it inherits from", () => {
  const inherits = (name: string): string | undefined => ({ slow: 'dev', slower: 'slow', lean: 'release', ring: 'ring' })[name];
  const roots = ['dev', 'test', 'release', 'bench', 'system', 'slow', 'slower', 'lean', 'ring', 'unknown'].map((name) =>
    rootOf(name, inherits),
  );
  assert.equal(roots, ['debug', 'debug', 'release', 'release', 'release', 'debug', 'debug', 'release', 'release', 'release']);
});

const linux = [
  'debug_assertions',
  'panic="unwind"',
  'target_env="gnu"',
  'target_feature="sse"',
  'target_feature="sse2"',
  'target_os="linux"',
  'unix',
];

const table: readonly (readonly [text: string, holds: boolean])[] = [
  ['cfg(unix)', true],
  ['cfg(windows)', false],
  ['cfg(target_os = "linux")', true],
  ['cfg(target_os="macos")', false],
  ['cfg(target_feature = "sse2")', true],
  ['cfg( not ( windows ) )', true],
  ['cfg(not(unix))', false],
  ['cfg(all())', true],
  ['cfg(any())', false],
  ['cfg(all(unix, target_env = "gnu",))', true],
  ['cfg(all(unix, target_env = "musl"))', false],
  ['cfg(any(windows, all(unix, not(target_os = "macos"))))', true],
  ['cfg(any(windows, target_arch = "wasm32"))', false],
  ['cfg(true)', true],
  ['cfg(false)', false],
];

test('a condition holds or does not', () => {
  for (const [text, holds] of table) assert.is(cfgHolds(text, linux), holds, text);
});

test('an invalid condition is refused with its text', () => {
  const wrong = [
    'cfg',
    'cfg()',
    'cfg(unix',
    'cfg(unix))',
    'cfg(unix, windows)',
    'cfg(not(unix, windows))',
    'cfg(some(unix))',
    'cfg(a = b)',
  ];
  for (const text of wrong) {
    assert.throws(
      () => cfgHolds(text, linux),
      (error: unknown) => error instanceof Failure && error.message.includes(`"${text}" is no condition`),
      text,
    );
  }
});

test.run();
