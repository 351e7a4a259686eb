// The environment that cargo documents, compared with that of a real cargo.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import type { Unit } from '../plan/unit-graph.ts';
import * as assert from 'uvu/assert';
import { withScratch } from '../../dev/testing/scratch.ts';
import { realToolchain } from '../../dev/testing/real-rustc.ts';
import { dev, packageOf, release, targets, unitOf, workPlace } from '../../dev/testing/sample-units.ts';
import { outputOf, run } from '../../core/sh.ts';
import { parseMetadata } from '../cargo/package.ts';
import { cfgEnv, depEnv, packageEnv, rustcEnv, scriptEnv, testEnv } from './env.ts';
import { withMetadataIds } from '../plan/unit-graph.ts';
import { targetCfgs } from '../plan/platforms.ts';
import type { ScriptRun } from './env.ts';
import { isScriptRun, parseUnitGraph } from '../plan/unit-graph.ts';

const versions: readonly (readonly [string, readonly string[]])[] = [
  ['1.2.3', ['1', '2', '3', '']],
  ['3.3.0+ds', ['3', '3', '0', '']],
  ['1.0.0-alpha.1', ['1', '0', '0', 'alpha.1']],
  ['1.0.0-a-b.2+x-y.z', ['1', '0', '0', 'a-b.2']],
  ['0.0.10+20-30', ['0', '0', '10', '']],
];

test('a version is taken apart as semver does it', () => {
  for (const [version, parts] of versions) {
    const env = packageEnv(packageOf({ version }), workPlace);
    assert.equal(
      ['MAJOR', 'MINOR', 'PATCH', 'PRE'].map((part) => env[`CARGO_PKG_VERSION_${part}`]),
      parts,
      version,
    );
    assert.is(env['CARGO_PKG_VERSION'], version);
  }
});

test('the variables of a native library for dependents are upper case with underscores', () => {
  assert.equal(depEnv('zed-lib', { 'root-dir': '/a-b', include: '' }), { DEP_ZED_LIB_ROOT_DIR: '/a-b', DEP_ZED_LIB_INCLUDE: '' });
});

test('several values of a cfg are joined, flags are empty, assertions follow the profile, and features are always set', () => {
  const cfgs = [
    'debug_assertions',
    'panic="unwind"',
    'target_feature="fxsr"',
    'target_feature="sse"',
    'target_abi=""',
    'unix',
    'target_has_atomic',
    'target_has_atomic="8"',
    'odd="a=b"',
  ];
  assert.equal(cfgEnv(cfgs, false, ['a-b', 'default']), {
    CARGO_CFG_FEATURE: 'a-b,default',
    CARGO_CFG_PANIC: 'unwind',
    CARGO_CFG_TARGET_FEATURE: 'fxsr,sse',
    CARGO_CFG_TARGET_ABI: '',
    CARGO_CFG_UNIX: '',
    CARGO_CFG_TARGET_HAS_ATOMIC: '8',
    CARGO_CFG_ODD: 'a=b',
  });
  assert.equal(cfgEnv([], true, []), { CARGO_CFG_DEBUG_ASSERTIONS: '', CARGO_CFG_FEATURE: '' });
});

test('a crate gets its name, and a program its own: a build script is not a program', () => {
  const options = { outDirs: {}, scriptEnv: {}, bootstrap: false };
  const told = (target: typeof targets.bin): readonly (string | undefined)[] =>
    ['CARGO_CRATE_NAME', 'CARGO_BIN_NAME'].map((name) => rustcEnv(unitOf(target), options)[name]);
  assert.equal(told(targets.bin), ['my_bin', 'my-bin']);
  assert.equal(told(targets.lib), ['my_lib', undefined]);
  assert.equal(told(targets.script), ['build_script_build', undefined]);
});

test('an integration test gets the paths of the programs of its package, and a check gets none, except from cargo before 1.93', () => {
  const target = { kind: ['test'], crateTypes: ['bin'], name: 'it' };
  const told = (more: Partial<Unit>, programsInChecks = false): object =>
    testEnv({ unit: unitOf(target, more), owner: packageOf({ bins: ['my-bin'] }), profileDir: 'release', programsInChecks }, 'x86_64-a');
  const folder = '/bloomery/target/x86_64-a';
  const paths = { 'CARGO_BIN_EXE_my-bin': `${folder}/release/my-bin`, CARGO_TARGET_TMPDIR: `${folder}/tmp` };
  assert.equal(told({ mode: 'test' }), paths);
  assert.equal(told({ mode: 'check' }, true), paths);
  assert.equal(told({ mode: 'check' }), { 'CARGO_BIN_EXE_my-bin': 'placeholder:my-bin', CARGO_TARGET_TMPDIR: `${folder}/tmp` });
  assert.equal(testEnv({ unit: unitOf(targets.lib, { mode: 'test' }), owner: packageOf(), profileDir: 'debug' }, 'x86_64-a'), {});
});

test('a crate with a script gets its output folder and its variables', () => {
  const env = rustcEnv(unitOf({}), { outDirs: { OUT_DIR: '/bloomery/build/x/out' }, scriptEnv: { A: '1' }, bootstrap: true });
  assert.equal([env['OUT_DIR'], env['A'], env['RUSTC_BOOTSTRAP']], ['/bloomery/build/x/out', '1', '1']);
  const plain = rustcEnv(unitOf({}), { outDirs: {}, scriptEnv: {}, bootstrap: false });
  for (const name of ['OUT_DIR', 'RUSTC_BOOTSTRAP']) assert.not(name in plain, name);
});

const scriptRun: ScriptRun = {
  outDir: '/out',
  target: 'x',
  host: 'h',
  cfgs: [],
  linker: undefined,
  rustflags: [],
  profileName: 'release',
  trimPaths: '',
  dependencies: {},
};

test('a script gets the profile of the library, flags and the linker', () => {
  const env = (profile: typeof dev, more: Partial<ScriptRun> = {}): Readonly<Record<string, string>> =>
    scriptEnv(unitOf(targets.script, { profile, mode: 'run-custom-build' }), packageOf(), { ...scriptRun, ...more });
  assert.equal(
    ['OPT_LEVEL', 'DEBUG'].map((name) => env(release)[name]),
    ['3', 'false'],
  );
  assert.equal(
    ['OPT_LEVEL', 'DEBUG', 'CARGO_CFG_DEBUG_ASSERTIONS'].map((name) => env(dev)[name]),
    ['0', 'true', ''],
  );
  assert.is(env({ ...release, debuginfo: 'line-tables-only' })['DEBUG'], 'true');
  const flagged = env(release, { rustflags: ['-C', 'link-arg=a b'], linker: 'ld.lld', dependencies: { DEP_Z_ROOT: '/z' } });
  assert.equal(
    ['CARGO_ENCODED_RUSTFLAGS', 'RUSTC_LINKER', 'DEP_Z_ROOT'].map((name) => flagged[name]),
    ['-C\x1flink-arg=a b', 'ld.lld', '/z'],
  );
});

const manifest = `[package]
name = "envy-x"
version = "1.2.3-alpha.1+ds.2"
authors = ["A <a@b>", "C: d"]
edition = "2021"
description = "says \\"what\\" it sees"
license = "MIT"
license-file = "COPYING"
rust-version = "1.70"
links = "zed-lib"
[features]
a-b = []
c = []
`;

/**
 * Variables that cargo uses itself or that differ by design: places, numbers of jobs, the user's own
 * variables.
 */
const elsewhere = [
  'CARGO',
  'CARGO_MAKEFLAGS',
  'CARGO_MANIFEST_DIR',
  'CARGO_MANIFEST_PATH',
  'HOME',
  'LD_LIBRARY_PATH',
  'NUM_JOBS',
  'OUT_DIR',
  'PATH',
  'RUSTC',
  'RUSTDOC',
  'SSL_CERT_DIR',
  'SSL_CERT_FILE',
];

test('a build script gets the same variables as from a real cargo', async () => {
  await withScratch(async ({ folder, cacheDir, context, write }) => {
    await write('Cargo.toml', manifest);
    await write('COPYING', '');
    await write('README.md', '');
    await write('src/lib.rs', '');
    await write('build.rs', 'fn main() { for (k, v) in std::env::vars() { println!("ENV {k}={v}"); } }');
    const toolchain = await realToolchain(process.env, cacheDir);
    const options = { cwd: folder, env: { HOME: folder, RUSTC: toolchain.rustc, RUSTC_BOOTSTRAP: '1' } };
    for (const more of [[], ['--features', 'a-b']]) {
      const words = ['--release', '--offline', '--target', toolchain.host, ...more];
      const target = join(folder, `target${more.length}`);
      await outputOf('build', [toolchain.cargo, 'build', ...words, '--target-dir', target], {
        ...options,
        env: { HOME: folder, RUSTC: toolchain.rustc },
      });
      const builds = join(target, toolchain.host, 'release/build');
      const [name = ''] = await readdir(builds);
      const said = [...(await readFile(join(builds, name, 'output'), 'utf8')).matchAll(/^ENV ([^=]+)=(.*)$/gm)].map(
        (match) => [match[1] ?? '', match[2] ?? ''] as const,
      );
      const theirs = Object.fromEntries(said.filter(([variable]) => !elsewhere.includes(variable)));

      const printed = parseUnitGraph(
        (await run([toolchain.cargo, 'build', '--unit-graph', '-Z', 'unstable-options', ...words], options)).stdout,
      );
      const { packages } = parseMetadata(
        await outputOf('ask', [toolchain.cargo, 'metadata', '--format-version', '1', '--offline'], options),
      );
      const unit = withMetadataIds(printed, [...packages.values()]).units.find(isScriptRun);
      const owner = unit && packages.get(unit.pkgId);
      assert.ok(unit && owner);
      if (!unit || !owner) return;
      const question = { toolchain, rustc: toolchain.rustc, target: toolchain.host, flags: [], cwd: '/', bootstrap: undefined };
      const cfgs = await targetCfgs(question, cacheDir, context);
      const all = {
        ...packageEnv(owner, workPlace),
        ...scriptEnv(unit, owner, { ...scriptRun, target: toolchain.host, host: toolchain.host, cfgs }),
      };
      const ours = Object.fromEntries(Object.entries(all).filter(([variable]) => !elsewhere.includes(variable)));
      assert.equal(ours, theirs);
    }
  });
});

test.run();
