// Parses the unit graph and the metadata of a real cargo, and checks the errors for unexpected answers.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { withScratch } from '../../dev/testing/scratch.ts';
import { realToolchain } from '../../dev/testing/real-rustc.ts';
import { targets, unitOf } from '../../dev/testing/sample-units.ts';
import { Failure } from '../../core/errors.ts';
import { outputOf } from '../../core/sh.ts';
import { parseMetadata } from '../cargo/package.ts';
import { withMetadataIds } from './unit-graph.ts';
import { isBuildScript, isLinkable, isPlainLibrary, isProcMacro, isScriptRun, parseUnitGraph, withTested } from './unit-graph.ts';

const manifest = `[package]
name = "top"
version = "0.1.0"
edition = "2024"
[features]
extra = []
default = ["extra"]
[dependencies]
macros = { path = "macros", package = "my-macros" }
[profile.release]
lto = "thin"
strip = true
debug = "line-tables-only"
panic = "abort"
codegen-units = 1
`;

test('a real graph: a program, its library, its script and a proc macro, each for its platform', async () => {
  await withScratch(async ({ folder, cacheDir, write }) => {
    await write('Cargo.toml', manifest);
    await write('src/lib.rs', '');
    await write('src/main.rs', 'fn main() {}');
    await write('src/bin/second.rs', 'fn main() {}');
    await write('build.rs', 'fn main() {}');
    await write('macros/Cargo.toml', '[package]\nname = "my-macros"\nversion = "0.2.0"\n[lib]\nproc-macro = true\n');
    await write('macros/src/lib.rs', '');
    await mkdir(join(folder, 'home'));
    const { cargo, rustc, host } = await realToolchain(process.env, cacheDir);
    const options = { cwd: folder, env: { HOME: join(folder, 'home'), RUSTC: rustc, RUSTC_BOOTSTRAP: '1' } };
    const printed = parseUnitGraph(
      await outputOf(
        'plan',
        [cargo, 'build', '--release', '--offline', '--unit-graph', '-Z', 'unstable-options', '--target', host],
        options,
      ),
    );
    const { packages, workspaceRoot } = parseMetadata(
      await outputOf('ask', [cargo, 'metadata', '--format-version', '1', '--offline'], options),
    );
    const graph = withMetadataIds(printed, [...packages.values()]);

    const named = graph.units
      .map((unit) => `${unit.mode} ${unit.target.kind.join()} ${unit.target.name} ${unit.platform === host ? 'target' : 'host'}`)
      .toSorted();
    assert.equal(
      named,
      [
        'build bin second target',
        'build bin top target',
        'build custom-build build-script-build host',
        'build lib top target',
        'build proc-macro my_macros host',
        'run-custom-build custom-build build-script-build target',
      ].toSorted(),
    );
    assert.equal(graph.roots.map((root) => graph.units[root]?.target.name).toSorted(), ['second', 'top', 'top']);
    const bin = graph.units.find(({ target }) => target.name === 'top' && target.kind.includes('bin'));
    assert.ok(bin);
    if (!bin) return;
    const { optLevel, lto, strip, debuginfo, panic, codegenUnits, debugAssertions } = bin.profile;
    assert.equal(
      [optLevel, lto, strip, debuginfo, panic, codegenUnits, debugAssertions],
      ['3', 'thin', 'symbols', 'line-tables-only', 'abort', 1, false],
    );
    assert.equal(
      [bin.features, bin.target.edition, bin.target.srcPath, bin.isStd],
      [['default', 'extra'], '2024', join(folder, 'src/main.rs'), false],
    );
    assert.equal(bin.dependencies.map(({ externCrateName }) => externCrateName).toSorted(), ['build_script_build', 'macros', 'top']);
    assert.equal(
      graph.units
        .find(isScriptRun)
        ?.dependencies.map(({ index }) => graph.units[index])
        .map((unit) => unit && isBuildScript(unit)),
      [true],
    );

    const owner = packages.get(bin.pkgId);
    assert.equal(
      [workspaceRoot, owner?.dir, owner?.bins.toSorted(), owner?.hasLibrary, owner?.source],
      [folder, folder, ['second', 'top'], true, undefined],
    );
    assert.equal(owner?.features.toSorted(), ['default', 'extra']);
    assert.ok(
      graph.units.every(({ pkgId }) => packages.has(pkgId)),
      'both answers use the same names',
    );
  });
});

test('the output of a unit decides which units can link to it', () => {
  const libraries = [['rlib', 'cdylib'], ['cdylib'], ['staticlib']].map((crateTypes) => ({ ...targets.lib, crateTypes }));
  const kinds = [targets.lib, targets.bin, targets.macro, targets.script, ...libraries];
  const said = kinds
    .map((target) => unitOf(target))
    .map((unit) => [isPlainLibrary, isLinkable, isProcMacro, isBuildScript].map((is) => (is(unit) ? 1 : 0)).join(''));
  assert.equal(said, ['1100', '0000', '0110', '0001', '0100', '0000', '0000']);
  assert.not(isBuildScript(unitOf(targets.script, { mode: 'run-custom-build' })));
});

const profile = { name: 'dev', opt_level: '0', lto: 'false', panic: 'unwind', debuginfo: 2, strip: { resolved: { Named: 'debuginfo' } } };
const unit = {
  pkg_id: 'x',
  target: {
    kind: ['lib'],
    crate_types: ['lib'],
    name: 'x',
    src_path: '/x',
    edition: '2021',
  },
  profile,
  platform: null,
  mode: 'build',
  features: [],
  dependencies: [],
};
const graphOf = (...units: readonly unknown[]): string => JSON.stringify({ version: 1, units, roots: [0], added_later: true });

test('further fields are accepted, and fields that cargo leaves out have their defaults', () => {
  const read = (more: object): ReturnType<typeof parseUnitGraph>['units'][number] | undefined =>
    parseUnitGraph(graphOf({ ...unit, ...more, new_field: 1 })).units[0];
  assert.equal([read({})?.platform, read({ platform: '/t.json' })?.platform, read({ is_std: true })?.isStd], [undefined, '/t.json', true]);
  const strips = [
    { resolved: { Named: 'symbols' } },
    { deferred: { Named: 'debuginfo' } },
    { resolved: 'None' },
    { deferred: 'None' },
    undefined,
  ];
  assert.equal(
    strips.map((strip) => read({ profile: { ...profile, strip } })?.profile.strip),
    ['symbols', 'debuginfo', 'none', 'none', 'none'],
  );
  assert.equal(
    [2, 0, 'line-tables-only', null, undefined].map((debuginfo) => read({ profile: { ...profile, debuginfo } })?.profile.debuginfo),
    ['2', '0', 'line-tables-only', '0', '0'],
  );
  assert.equal(read({ profile: { ...profile, codegen_units: 16, rustflags: ['-Zx'] } })?.profile.codegenUnits, 16);
  const dependencies = [
    { index: 0, extern_crate_name: 'core', public: true, noprelude: true, nounused: true },
    { index: 0, extern_crate_name: 'y' },
  ];
  assert.equal(
    read({ dependencies })?.dependencies.map(({ options }) => options),
    [['noprelude', 'nounused'], []],
  );
});

const wrong: readonly (readonly [text: string, message: RegExp, exitCode: number])[] = [
  [JSON.stringify({ version: 2, units: [], roots: [] }), /this cargo prints version 2, and only version 1 is known$/, 69],
  ['[]', /the unit graph is not an object$/, 1],
  [JSON.stringify({ version: 1, roots: [] }), /units is not a list$/, 1],
  [graphOf(unit, { ...unit, pkg_id: 7 }), /units\[1\]\.pkg_id is not a text$/, 1],
  [graphOf({ ...unit, target: null }), /units\[0\]\.target is not an object$/, 1],
  [graphOf({ ...unit, profile: { ...profile, lto: undefined } }), /units\[0\]\.profile\.lto is not a text$/, 1],
  [graphOf({ ...unit, mode: 'doc' }), /units\[0\] has the mode "doc", which is not known$/, 1],
  [graphOf({ ...unit, dependencies: [{ index: 0 }] }), /units\[0\]\.dependencies\[0\]\.extern_crate_name is not a text$/, 1],
];

test('the graph of a build shows which targets are checked with their tests', () => {
  const lib = unitOf(targets.lib);
  const bin = unitOf(targets.bin);
  const check = { mode: 'check' as const };
  const checked = {
    units: [
      { ...lib, ...check },
      { ...lib, ...check },
      { ...bin, ...check },
      { ...bin, ...check },
    ],
    roots: [1, 2, 3],
  };
  const built = {
    units: [unitOf(targets.lib, { mode: 'test' }), lib, unitOf(targets.bin, { mode: 'test' }), bin],
    roots: [0, 2, 3],
  };
  assert.equal(
    withTested(checked, built).units.map(({ tested }) => tested),
    [false, true, false, true],
  );
  assert.equal(
    withTested(checked, { ...built, roots: [1, 3] }).units.map(({ tested }) => tested),
    [false, false, false, false],
  );
});

test('another version or a missing field is named', () => {
  for (const [text, message, exitCode] of wrong) {
    try {
      parseUnitGraph(text);
      assert.unreachable(text);
    } catch (error) {
      assert.instance(error, Failure, String(error));
      assert.match((error as Failure).message, message);
      assert.is((error as Failure).exitCode, exitCode);
    }
  }
  assert.throws(() => parseMetadata('{}'), /^Cannot read the metadata of cargo/);
});

test.run();
