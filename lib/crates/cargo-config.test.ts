// Which of cargo's configuration counts for a target, and what its variables come to.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { configEnvOf, hasRelativeEnv, linkerOf, rustflagsOf, withAbsoluteEnv, withPlacedEnv, withPortableEnv } from './cargo-config.ts';
import type { CargoConfig } from './cargo-config.ts';
import { rootOf } from './profile-root.ts';

const triple = 'x86_64-unknown-linux-gnu';
const cfgs = ['unix', 'target_os="linux"'];
const build = { rustflags: ['for-all'] };

test('flags of the triple come first, then those of conditions by their text; flags for all only where there are no others', () => {
  const target = {
    'cfg(unix)': { rustflags: 'two  words' },
    'cfg(target_os = "linux")': { rustflags: ['linux'] },
    'cfg(windows)': { rustflags: ['never'] },
    [triple]: { rustflags: ['own'] },
    'x86_64-other': { rustflags: ['other'] },
  };
  assert.equal(rustflagsOf({ build, target }, triple, cfgs), ['own', 'linux', 'two', 'words']);
  assert.equal(rustflagsOf({ build, target: { 'cfg(windows)': { rustflags: ['never'] } } }, triple, cfgs), ['for-all']);
  assert.equal(rustflagsOf({ build, target: { [triple]: { rustflags: [] } } }, triple, cfgs), ['for-all']);
  assert.equal(rustflagsOf({}, triple, cfgs), []);
});

test('the linker is that of the triple, else that of the one condition that holds', () => {
  assert.is(linkerOf({ target: { [triple]: { linker: 'own' }, 'cfg(unix)': { linker: 'ld' } } }, triple, cfgs), 'own');
  assert.is(linkerOf({ target: { 'cfg(unix)': { linker: 'ld' }, 'cfg(windows)': { linker: 'link' } } }, triple, cfgs), 'ld');
  assert.is(linkerOf({}, triple, cfgs), undefined);
  const both = { 'cfg(unix)': { linker: 'ld' }, 'cfg(target_os = "linux")': { linker: 'lld' } };
  assert.throws(() => linkerOf({ target: both }, triple, cfgs), /^Cannot choose a linker: several conditions .*: "lld", "ld"$/);
});

test("a variable counts unless the person declared it, and a forced one counts before the person's", () => {
  const config: CargoConfig = { env: { A: 'a', B: { value: 'b' }, C: { value: 'c', force: true }, D: { value: 'd', force: true } } };
  assert.equal(configEnvOf(config, {}), { env: { A: 'a', B: 'b', C: 'c', D: 'd' }, forced: [] });
  assert.equal(configEnvOf(config, { A: 'x', C: 'x' }), { env: { B: 'b', C: 'c', D: 'd' }, forced: ['C'] });
});

test('a relative variable is a path from the folder above its file, and in another checkout one of its own', () => {
  const config: CargoConfig = {
    env: { A: 'plain', B: { value: 'sub/dir', relative: true }, C: { value: '../up', relative: true }, D: { value: 'x', relative: false } },
  };
  const origins = [
    'env.A = "plain" # /w/.cargo/config.toml',
    ...['B', 'C', 'D'].map((name) => `env.${name}.value = "..." # /w/.cargo/config.toml`),
  ];
  assert.ok(hasRelativeEnv(config));
  assert.not.ok(hasRelativeEnv({ env: { A: 'plain' } }));
  const portable = withPortableEnv(withAbsoluteEnv(config, origins.join('\n')), '/w');
  const { env } = configEnvOf(withPlacedEnv(portable, '/elsewhere', (path) => `at ${path}`), {});
  assert.equal(env, { A: 'plain', B: 'at /elsewhere/sub/dir', C: 'at /up', D: 'x' });
});

test('a profile is followed to the one of cargo that it comes from', () => {
  const inherits = (name: string): string | undefined => ({ slow: 'dev', slower: 'slow', lean: 'release', ring: 'ring' })[name];
  const roots = ['dev', 'test', 'release', 'bench', 'system', 'slow', 'slower', 'lean', 'ring', 'unknown'].map((name) =>
    rootOf(name, inherits),
  );
  assert.equal(roots, ['debug', 'debug', 'release', 'release', 'release', 'debug', 'debug', 'release', 'release', 'release']);
});

test.run();
