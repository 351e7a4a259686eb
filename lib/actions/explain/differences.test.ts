// The explanation of a miss: every field of a record is covered, and no change of a key is left out.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { digestBytes } from '../../core/digest.ts';
import { actionKey, isActionRecord } from '../action.ts';
import type { ActionRecord } from '../action.ts';
import { differences, reasonsOf } from './differences.ts';

const digest = digestBytes;
const base: ActionRecord = {
  format: 3,
  kind: 'rustc',
  argv: [
    '/bloomery/rust/bin/rustc',
    '--crate-name',
    'app',
    '--edition=2021',
    'src/lib.rs',
    '-C',
    'opt-level=3',
    '--cfg',
    'feature="a"',
    '-C',
    'metadata=0123456789abcdef',
    '--extern',
    'serde=/bloomery/deps/libserde-0123456789abcdef.rmeta',
  ],
  cwd: '/bloomery/above/above/above/above/here',
  env: { OUT_DIR: '/bloomery/build/app-0123456789abcdef/out', CARGO_PKG_VERSION: '1.0.0' },
  tools: { rustc: digest('rustc'), linker: digest('ld') },
  trees: { '/bloomery/src/serde-1.0.2': digest('tree') },
  files: {
    '/bloomery/above/above/above/above/here/app/words.txt': digest('words'),
    '/bloomery/above/above/above/above/here/app/later.rs': null,
    '/bloomery/above/above/above/above/here/app/assets//names': digest('x'),
    '/bloomery/above/above/above/README.md': digest('x'),
    '/bloomery/above/above/above/above/here/app/sql//all': digest('x'),
    '/bloomery/above/above/above/above/here/app//package': digest('x'),
    '/etc/os-release': digest('x'),
  },
  inputs: {
    '/bloomery/deps/libserde-0123456789abcdef.rmeta': digest('serde'),
    '/bloomery/build/app-0123456789abcdef/out/gen/a.rs': digest('gen'),
    '/bloomery/build/app-0123456789abcdef/build-script-build': digest('script'),
  },
  outputDir: '/bloomery/out',
  sandbox: 'bubblewrap',
};

const argv = (...edits: readonly (readonly [from: string, to: string])[]): Partial<ActionRecord> => ({
  argv: base.argv.map((word) => edits.find(([from]) => from === word)?.[1] ?? word),
});

test('each field of a record has its words', () => {
  const cases: readonly (readonly [change: Partial<ActionRecord>, words: readonly string[]])[] = [
    [{}, []],
    [{ tools: { ...base.tools, rustc: digest('new') } }, ['the compiler changed']],
    [{ checkout: digest('a checkout') }, ['it is compiled incrementally now']],
    [{ tools: { ...base.tools, linker: digest('new') } }, ['the linker changed']],
    [{ files: { ...base.files, '/bloomery/above/above/above/above/here/app/words.txt': digest('new') } }, ['app/words.txt changed']],
    [{ files: { ...base.files, '/bloomery/above/above/above/above/here/app/words.txt': null } }, ['app/words.txt is gone']],
    [{ files: { ...base.files, '/bloomery/above/above/above/above/here/app/later.rs': digest('now') } }, ['app/later.rs is new']],
    [
      { files: { ...base.files, '/bloomery/above/above/above/above/here/app/assets//names': digest('y') } },
      ['the names in app/assets changed'],
    ],
    [{ files: { ...base.files, '/bloomery/above/above/above/above/here/app/assets//names': null } }, ['the folder app/assets is gone']],
    [{ files: { ...base.files, '/bloomery/above/above/above/above/here/app/sql//all': digest('y') } }, ['app/sql changed']],
    [{ files: { ...base.files, '/bloomery/above/above/above/above/here/app//package': digest('y') } }, ['a file in app changed']],
    [{ files: { ...base.files, '/bloomery/above/above/above/README.md': digest('y') } }, ['../../README.md changed']],
    [{ files: { ...base.files, '/etc/os-release': null } }, ['/etc/os-release is gone']],
    [{ trees: { '/bloomery/src/serde-1.0.2': digest('new') } }, ['the source of serde-1.0.2 changed']],
    [{ env: { ...base.env, CARGO_PKG_VERSION: '1.1.0' } }, ['the variable CARGO_PKG_VERSION changed from "1.0.0" to "1.1.0"']],
    [{ env: { ...base.env, GREETING: 'hi' } }, ['the variable GREETING is new: "hi"']],
    [argv(['opt-level=3', 'opt-level=1']), ['the argument -C opt-level changed from "3" to "1"']],
    [argv(['feature="a"', 'feature="b"']), ['the argument --cfg feature="a" is gone', 'the argument --cfg feature="b" is new']],
    [
      { argv: [...base.argv.slice(0, 5), ...base.argv.slice(7, 9), ...base.argv.slice(5, 7), ...base.argv.slice(9)] },
      ['the order of its arguments changed'],
    ],
    [{ env: { CARGO_PKG_VERSION: '1.0.0' } }, ['the variable OUT_DIR is gone (it was "/bloomery/build/app-0123456789abcdef/out")']],
    [{ cwd: '/bloomery/src/app' }, ['its cwd changed from "/bloomery/above/above/above/above/here" to "/bloomery/src/app"']],
    [{ sandbox: 'none' }, ['it is built without a sandbox now']],
    [{ kind: 'build-script' }, ['its kind changed from "rustc" to "build-script"']],
  ];
  for (const [change, words] of cases) assert.equal(reasonsOf(differences(base, { ...base, ...change })), words, JSON.stringify(change));
});

test('inputs are named after the action that produced them', () => {
  const words = Object.keys(base.inputs).map(
    (place) => reasonsOf(differences(base, { ...base, inputs: { ...base.inputs, [place]: digest('new') } }))[0],
  );
  assert.equal(words, ['the dependency serde changed', 'what the build script of app wrote changed', 'the build script of app changed']);
});

test('the consequences of a new identity are one clause at the end, however many there are', () => {
  const renamed: unknown = JSON.parse(JSON.stringify(base).replaceAll('0123456789abcdef', 'fedcba9876543210'));
  assert.ok(isActionRecord(renamed));
  const found = differences(base, { ...renamed, tools: { ...base.tools, rustc: digest('new') } });
  assert.ok(found.length > 6);
  assert.equal(reasonsOf(found), [
    'the compiler changed',
    'the build script of app changed',
    'what the build script of app wrote changed',
    'the dependency serde changed',
    "the unit's own name changed (what it is, or depends on)",
  ]);
});

/** The paths of strings and nulls in a value. */
function stringPaths(value: unknown): readonly (readonly string[])[] {
  if (typeof value !== 'object' || value === null) return typeof value === 'number' ? [] : [[]];
  return Object.entries(value).flatMap(([name, inner]) => stringPaths(inner).map((rest) => [name, ...rest]));
}

test('two records have a difference, and words for it, exactly when their keys differ', () => {
  // Changes every string of the record separately, removes every entry of a table, and moves every argument.
  const variants: ActionRecord[] = [structuredClone(base)];
  for (const path of stringPaths(base)) {
    const variant = structuredClone(base);
    const holder = path.slice(0, -1).reduce<unknown>((at, name) => (at as Record<string, unknown>)[name], variant) as Record<
      string,
      unknown
    >;
    const last = path.at(-1) ?? '';
    holder[last] = `${String(holder[last])}x`;
    variants.push(variant);
  }
  for (const field of ['env', 'tools', 'trees', 'files', 'inputs'] as const) {
    for (const name of Object.keys(base[field])) {
      variants.push({ ...base, [field]: Object.fromEntries(Object.entries(base[field]).filter(([other]) => other !== name)) });
    }
  }
  base.argv.forEach((word, at) => variants.push({ ...base, argv: [...base.argv.slice(0, at), ...base.argv.slice(at + 1), word] }));
  variants.push({ ...base, later: { field: 'x' } } as ActionRecord);
  assert.ok(variants.length > 40);
  for (const variant of variants) {
    const same = actionKey(variant) === actionKey(base);
    const found = differences(base, variant);
    assert.is(found.length === 0, same, JSON.stringify(variant));
    assert.is(reasonsOf(found).length === 0, same, JSON.stringify(found));
  }
});

test.run();
