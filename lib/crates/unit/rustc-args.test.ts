// The whole command line of rustc for each kind of unit, equal to that of cargo 1.95,
// and the arguments for link-time optimization of each unit of a graph, as in cargo's lto.rs.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Unit } from '../plan/unit-graph.ts';
import { parseDirectives } from './directives.ts';
import type { Directives } from './directives.ts';
import { ltoArgs, ltoStates, rustcArgs } from './rustc-args.ts';
import type { Compilation, Linkage, Lto } from './rustc-args.ts';
import { dev, on, packageOf, release, targets, unitOf, workPlace } from '../../dev/testing/sample-units.ts';

const triple = 'x86_64-unknown-linux-gnu';

const plain: Compilation = {
  unit: unitOf(targets.lib),
  owner: packageOf(),
  place: workPlace,
  source: 'src/lib.rs',
  lto: { kind: 'only-object' },
  lints: {
    flags: [],
    checkCfg: [],
  },
  target: triple,
  linker: undefined,
  primary: true,
  rustflags: [],
  trimmed: [],
  harness: true,
  profileDir: 'debug',
};
const alone: Linkage = { hash: '0123456789abcdef', externs: [], scripts: [] };
const directives = (...lines: readonly string[]): Directives => parseDirectives(lines.join('\n'), 'x');

/** Returns the arguments as one line each: "-C" and similar options are joined with their values. */
function lines(compilation: Partial<Compilation>, linkage: Partial<Linkage> = {}): readonly string[] {
  const out: string[] = [];
  const words = rustcArgs({ ...plain, ...compilation }, { ...alone, ...linkage });
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? '';
    out.push(
      /^(-[CZLl]|--(crate-name|crate-type|cfg|check-cfg|target|out-dir|extern|cap-lints))$/.test(word) ? `${word} ${words[++at]}` : word,
    );
  }
  return out;
}

const start = (crate: string, edition: string, source: string): string[] => [
  `--crate-name ${crate}`,
  `--edition=${edition}`,
  source,
  '--error-format=json',
  '--json=diagnostic-rendered-ansi,artifacts,future-incompat',
];
const noFeatures = ['--check-cfg cfg(docsrs,test)', '--check-cfg cfg(feature, values())'];
const named = ['-C metadata=0123456789abcdef', '-C extra-filename=-0123456789abcdef', '--out-dir /bloomery/out'];
const dependencies = '-L dependency=/bloomery/deps';

test('a plain library', () => {
  assert.equal(lines({}), [
    ...start('my_lib', '2021', 'src/lib.rs'),
    '--crate-type lib',
    '--emit=dep-info,metadata,link',
    '-C opt-level=3',
    '-C embed-bitcode=no',
    ...noFeatures,
    ...named,
    `--target ${triple}`,
    dependencies,
  ]);
});

test('tests of a library, with the harness and without it, and checked units', () => {
  const tests = (harness: boolean): readonly string[] => [
    ...start('my_lib', '2021', 'src/lib.rs'),
    '--emit=dep-info,link',
    '-C opt-level=3',
    '-C embed-bitcode=no',
    harness ? '--test' : '--cfg test',
    ...noFeatures,
    ...named,
    `--target ${triple}`,
    dependencies,
  ];
  assert.equal(lines({ unit: unitOf(targets.lib, { mode: 'test' }) }), tests(true));
  assert.equal(lines({ unit: unitOf(targets.lib, { mode: 'test' }), harness: false }), tests(false));
  const checked = lines({ unit: unitOf(targets.bin, { mode: 'check' }) });
  assert.equal(checked.slice(5, 7), ['--crate-type bin', '--emit=dep-info,metadata']);
});

test('a program in a workspace with dependencies, features, lints and flags of the configuration', () => {
  const unit = unitOf(targets.bin, { profile: { ...dev, splitDebuginfo: 'unpacked' }, features: ['a', 'default'] });
  const args = lines(
    {
      unit,
      owner: packageOf({ features: ['a', 'b', 'default'] }),
      source: 'src/main.rs',
      lints: {
        flags: ['--warn=x'],
        checkCfg: ['--check-cfg', 'cfg(y)'],
      },
      linker: 'ld',
      rustflags: ['-C', 'target-cpu=native'],
    },
    {
      externs: [{ name: 'serde', path: '/bloomery/deps/libserde-1.rlib', options: [] }],
      scripts: [
        { own: true, directives: directives('cargo:rustc-link-search=native=/usr/lib/x') },
        {
          own: false,
          directives: directives('cargo:rustc-link-search=native=/bloomery/build/z/out', 'cargo:rustc-link-search=/usr/lib/x'),
        },
      ],
    },
  );
  assert.equal(args, [
    ...start('my_bin', '2024', 'src/main.rs'),
    '--crate-type bin',
    '--emit=dep-info,link',
    '-C embed-bitcode=no',
    '-C debuginfo=2',
    '-C split-debuginfo=packed',
    '--warn=x',
    '--check-cfg cfg(y)',
    '--cfg feature="a"',
    '--cfg feature="default"',
    '--check-cfg cfg(docsrs,test)',
    '--check-cfg cfg(feature, values("a", "b", "default"))',
    ...named,
    `--target ${triple}`,
    '-C linker=ld',
    dependencies,
    '--extern serde=/bloomery/deps/libserde-1.rlib',
    '-C target-cpu=native',
    '-L native=/bloomery/build/z/out',
    '-L native=/usr/lib/x',
    '-L /usr/lib/x',
  ]);
});

test('a program with link-time optimisation, one codegen unit, abort and strip', () => {
  const unit = unitOf(targets.bin, {
    profile: {
      ...release,
      lto: 'fat',
      codegenUnits: 1,
      panic: 'abort',
      strip: 'symbols',
      debuginfo: 'line-tables-only',
      rustflags: ['-Zx'],
    },
  });
  assert.equal(lines({ unit, source: 'src/main.rs', lto: { kind: 'run', how: 'fat' } }), [
    ...start('my_bin', '2024', 'src/main.rs'),
    '--crate-type bin',
    '--emit=dep-info,link',
    '-C opt-level=3',
    '-C panic=abort',
    '-C lto=fat',
    '-C codegen-units=1',
    '-C debuginfo=line-tables-only',
    '-Zx',
    ...noFeatures,
    ...named,
    `--target ${triple}`,
    '-C strip=symbols',
    dependencies,
  ]);
});

test('a proc macro and a build script of a registry package, for the host', () => {
  const place = { ...workPlace, immutable: true, foreign: true };
  const host = { place, target: undefined, source: '/bloomery/src/x-1.0.0/x.rs' };
  const profile = { ...release, optLevel: '0' };
  assert.equal(lines({ ...host, unit: unitOf(targets.macro, { profile, platform: undefined }) }), [
    ...start('my_macro', '2021', host.source),
    '--crate-type proc-macro',
    '--emit=dep-info,link',
    '-C prefer-dynamic',
    '-C embed-bitcode=no',
    '-C debug-assertions=off',
    ...noFeatures,
    ...named,
    dependencies,
    '--extern proc_macro',
    '--cap-lints allow',
  ]);
  assert.equal(lines({ ...host, unit: unitOf(targets.script, { profile, platform: undefined }) }), [
    ...start('build_script_build', '2021', host.source),
    '--crate-type bin',
    '--emit=dep-info,link',
    '-C embed-bitcode=no',
    '-C debug-assertions=off',
    ...noFeatures,
    ...named,
    dependencies,
    '--cap-lints allow',
  ]);
});

test('a unit of the standard library, and a crate that gets one without its prelude', () => {
  assert.equal(lines({ unit: unitOf({ name: 'alloc' }, { isStd: true }) }).slice(-4), [
    `--target ${triple}`,
    '-Z force-unstable-if-unmarked',
    dependencies,
    '--cap-lints allow',
  ]);
  const user = lines({}, { externs: [{ name: 'core', path: '/bloomery/deps/libcore-1.rmeta', options: ['noprelude', 'nounused'] }] });
  assert.equal(user.slice(-2), ['--extern noprelude,nounused:core=/bloomery/deps/libcore-1.rmeta', '-Z unstable-options']);
});

test('assertions and overflow checks are passed only if they differ from the default', () => {
  const said = (optLevel: string, debugAssertions: boolean, overflowChecks: boolean): readonly string[] =>
    lines({ unit: unitOf({}, { profile: { ...release, optLevel, debugAssertions, overflowChecks } }) }).filter((line) =>
      /assertions|overflow/.test(line),
    );
  const [assertions, checks] = [(on: string): string => `-C debug-assertions=${on}`, (on: string): string => `-C overflow-checks=${on}`];
  assert.equal(said('0', true, true), []);
  assert.equal(said('0', false, false), [assertions('off')]);
  assert.equal(said('0', false, true), [assertions('off'), checks('on')]);
  assert.equal(said('0', true, false), [checks('off')]);
  assert.equal(said('3', false, false), []);
  assert.equal(said('3', true, true), [assertions('on')]);
  assert.equal(said('3', false, true), [checks('on')]);
  assert.equal(said('3', true, false), [assertions('on'), checks('off')]);
});

test('libraries of the own script are linked by the library, or by the programs of a package without one', () => {
  const own = directives(
    'cargo:rustc-link-lib=z',
    'cargo:rustc-link-search=native=/x',
    'cargo:rustc-cfg=has_z',
    'cargo:rustc-check-cfg=cfg(has_z)',
  );
  const added = (target: typeof targets.lib, hasLibrary: boolean): readonly string[] => {
    const compilation = { unit: unitOf(target), owner: packageOf({ hasLibrary }) };
    return lines(compilation, { scripts: [{ own: true, directives: own }] }).slice(lines(compilation).length);
  };
  const rest = ['--cfg has_z', '--check-cfg cfg(has_z)'];
  assert.equal(added(targets.lib, true), ['-L native=/x', '-l z', ...rest]);
  assert.equal(added(targets.bin, true), ['-L native=/x', ...rest]);
  assert.equal(added(targets.bin, false), ['-L native=/x', '-l z', ...rest]);
  assert.equal(added(targets.macro, true), ['-L native=/x', '-l z', ...rest]);
});

test('an argument for the linker reaches the targets that it is for', () => {
  const said = directives(
    'cargo:rustc-link-arg=all',
    'cargo:rustc-link-arg-bins=bins',
    'cargo:rustc-link-arg-bin=my-bin=mine',
    'cargo:rustc-link-arg-bin=other=other',
    'cargo:rustc-link-arg-cdylib=cdylib',
    'cargo:rustc-link-arg-tests=tests',
    'cargo:rustc-link-arg-benches=benches',
    'cargo:rustc-link-arg-examples=examples',
  );
  const reached = (target: Partial<typeof targets.lib>, own = true): readonly string[] =>
    lines({ unit: unitOf(target) }, { scripts: [{ own, directives: said }] }).flatMap((line) => /^-C link-arg=(.*)$/.exec(line)?.[1] ?? []);
  assert.equal(reached(targets.bin), ['all', 'bins', 'mine']);
  assert.equal(reached({ ...targets.bin, name: 'other' }), ['all', 'bins', 'other']);
  assert.equal(reached({ kind: ['cdylib'], crateTypes: ['cdylib'] }), ['all', 'cdylib']);
  assert.equal(reached({ kind: ['lib', 'cdylib'], crateTypes: ['lib', 'cdylib'] }), ['all', 'cdylib']);
  assert.equal(reached(targets.macro), ['all']);
  assert.equal(reached({ ...targets.bin, kind: ['example'] }), ['all', 'examples']);
  assert.equal(reached(targets.lib), ['all'], 'cargo passes it to plain libraries as well, where it does nothing');
  assert.equal(reached(targets.bin, false), [], 'of another package');
  assert.equal(reached({ kind: ['cdylib'], crateTypes: ['cdylib'] }, false), ['cdylib'], 'a slip of cargo that stayed');
});

test('a shared library of the own sources has no hash in its name, and std inside only where it was asked for', () => {
  const dylib = unitOf({ kind: ['dylib'], crateTypes: ['dylib'] });
  const about = (words: readonly string[]): readonly string[] => words.filter((word) => /prefer-dynamic|extra-filename/.test(word));
  assert.equal(about(lines({ unit: dylib })), []);
  assert.equal(about(lines({ unit: dylib, primary: false })), ['-C prefer-dynamic']);
  assert.equal(about(lines({ unit: unitOf({ kind: ['cdylib'], crateTypes: ['cdylib'] }), primary: false })), []);
  const owner = packageOf({ source: 'registry+https://example.org' });
  assert.equal(about(lines({ unit: dylib, owner })), ['-C extra-filename=-0123456789abcdef']);
});

const withLto = (lto: string): Pick<Unit, 'profile'> => ({ profile: { ...release, lto } });
const said = (lto: Lto): string => (lto.kind === 'run' ? `run ${lto.how}`.trim() : lto.kind);

interface Row {
  readonly name: string;
  readonly units: readonly Unit[];
  readonly roots?: readonly number[];
  readonly states: readonly string[];
}

/** A bin (0) over a lib (1) over a lib (2), all with one lto setting. */
const chain = (lto: string): readonly Unit[] => [
  unitOf(targets.bin, { ...withLto(lto), ...on(1) }),
  unitOf({}, { ...withLto(lto), ...on(2) }),
  unitOf({}, withLto(lto)),
];

const rows: readonly Row[] = [
  { name: 'fat by "true"', units: chain('true'), states: ['run', 'only-bitcode', 'only-bitcode'] },
  { name: 'fat by name', units: chain('fat'), states: ['run fat', 'only-bitcode', 'only-bitcode'] },
  { name: 'thin', units: chain('thin'), states: ['run thin', 'only-bitcode', 'only-bitcode'] },
  { name: 'none', units: chain('false'), states: ['only-object', 'only-object', 'only-object'] },
  { name: 'off', units: chain('off'), states: ['off', 'off', 'off'] },
  {
    name: 'a library as the root',
    units: [unitOf({}, { ...withLto('fat'), ...on(1) }), unitOf({}, withLto('fat'))],
    states: ['only-bitcode', 'only-bitcode'],
  },
  {
    name: 'lib and cdylib in one under a bin: objects for the one, bitcode for the other, and so below',
    units: [
      unitOf(targets.bin, { ...withLto('fat'), ...on(1) }),
      unitOf({ crateTypes: ['lib', 'cdylib'] }, { ...withLto('fat'), ...on(2) }),
      unitOf({}, withLto('fat')),
    ],
    states: ['run fat', 'object-and-bitcode', 'object-and-bitcode'],
  },
  {
    name: 'a cdylib alone is a final link of its own',
    units: [unitOf({ kind: ['cdylib'], crateTypes: ['cdylib'] }, { ...withLto('true'), ...on(1) }), unitOf({}, withLto('true'))],
    states: ['run', 'only-bitcode'],
  },
  {
    name: 'a dylib takes no part',
    units: [
      unitOf(targets.bin, { ...withLto('true'), ...on(1) }),
      unitOf({ kind: ['dylib'], crateTypes: ['dylib'] }, { ...withLto('true'), ...on(2) }),
      unitOf({}, withLto('true')),
    ],
    states: ['run', 'only-object', 'only-object'],
  },
  {
    name: 'a proc macro and what it needs, and a build script and what it needs, take no part',
    units: [
      unitOf(targets.bin, { ...withLto('fat'), ...on(1, 3) }),
      unitOf(targets.macro, { ...withLto('fat'), ...on(2) }),
      unitOf({}, withLto('fat')),
      unitOf(targets.script, { ...withLto('fat'), mode: 'run-custom-build', ...on(4) }),
      unitOf(targets.script, { ...withLto('fat'), ...on(5) }),
      unitOf({}, withLto('fat')),
    ],
    states: ['run fat', 'only-object', 'only-object', 'only-object', 'only-object', 'only-object'],
  },
  {
    name: 'a crate that a bin and a proc macro share serves both, and so does what is below it, though it was seen before',
    units: [
      unitOf(targets.bin, { ...withLto('fat'), ...on(1, 2) }),
      unitOf(targets.macro, { ...withLto('fat'), ...on(2) }),
      unitOf({}, { ...withLto('fat'), ...on(3) }),
      unitOf({}, withLto('fat')),
    ],
    states: ['run fat', 'only-object', 'object-and-bitcode', 'object-and-bitcode'],
  },
  {
    name: 'two roots with different needs',
    units: [
      unitOf(targets.bin, { ...withLto('thin'), ...on(2) }),
      unitOf(targets.bin, { ...withLto('false'), ...on(2) }),
      unitOf({}, withLto('thin')),
    ],
    roots: [0, 1],
    states: ['run thin', 'only-object', 'object-and-bitcode'],
  },
  { name: 'a root that another root needs', units: chain('fat'), roots: [1, 0], states: ['run fat', 'only-bitcode', 'only-bitcode'] },
];

test('every unit of a graph contains what its dependents need', () => {
  for (const { name, units, roots = [0], states } of rows) assert.equal(ltoStates({ units, roots }).map(said), states, name);
});

test('the order of the roots does not matter', () => {
  for (const { name, units, roots = [0], states } of rows)
    assert.equal(ltoStates({ units, roots: roots.toReversed() }).map(said), states, name);
});

test("each state has cargo's words", () => {
  assert.equal(ltoArgs({ kind: 'run', how: '' }), ['-C', 'lto']);
  assert.equal(ltoArgs({ kind: 'run', how: 'thin' }), ['-C', 'lto=thin']);
  assert.equal(ltoArgs({ kind: 'off' }), ['-C', 'lto=off', '-C', 'embed-bitcode=no']);
  assert.equal(ltoArgs({ kind: 'only-bitcode' }), ['-C', 'linker-plugin-lto']);
  assert.equal(ltoArgs({ kind: 'only-object' }), ['-C', 'embed-bitcode=no']);
  assert.equal(ltoArgs({ kind: 'object-and-bitcode' }), []);
});

test('folders to search are sorted, those of build scripts first; before cargo 1.88 they came script by script', () => {
  const scripts = [
    { own: true, directives: directives('cargo:rustc-link-search=native=/usr/lib/x', 'cargo:rustc-link-arg=-Wl,--as-needed') },
    { own: false, directives: directives('cargo:rustc-link-search=/bloomery/build/modern/out') },
  ];
  const [outside, argument, inside] = ['-L native=/usr/lib/x', '-C link-arg=-Wl,--as-needed', '-L /bloomery/build/modern/out'];
  const bin = { unit: unitOf(targets.bin) };
  const wanted = (words: readonly string[]): readonly string[] => words.filter((word) => [outside, argument, inside].includes(word));
  assert.equal(wanted(lines(bin, { scripts })), [inside, outside, argument]);
  assert.equal(wanted(lines({ ...bin, searchesByScript: true }, { scripts })), [outside, argument, inside]);
});

test.run();
