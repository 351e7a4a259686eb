// The key of an action depends on every field of its record. A stored result is read only if it has the
// expected shape.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { digestBytes } from '../core/digest.ts';
import type { Json } from '../core/digest.ts';
import { actionKey, isActionRecord, resultJson, resultOf } from './action.ts';
import type { ActionRecord, ActionResult } from './action.ts';

const [a, b] = [digestBytes('a'), digestBytes('b')];

const record: ActionRecord = {
  format: 3,
  kind: 'rustc',
  argv: ['rustc', 'x.rs'],
  cwd: '/bloomery/work',
  env: { A: '1', B: '2' },
  tools: { rustc: a },
  trees: { '/t': a },
  files: { '/f': a, '/absent': null },
  inputs: { '/i': a },
  outputDir: '/bloomery/out',
  sandbox: 'bubblewrap',
};

const result: ActionResult = {
  artifacts: [
    { kind: 'file', path: 'x', digest: a, sizeBytes: 1, executable: false },
    { kind: 'folder', path: 'y/empty' },
    { kind: 'link', path: 'z\udcff', target: '../up' },
  ],
  stdout: 'out',
  stderr: 'err',
  durationMs: 7,
};

test('the key does not depend on the order of names', () => {
  const turned: unknown = Object.fromEntries(Object.entries(record).reverse());
  assert.ok(isActionRecord(turned));
  assert.is(actionKey({ ...turned, env: { B: '2', A: '1' }, files: { '/absent': null, '/f': a } }), actionKey(record));
});

test('the key changes with every field', () => {
  const changes: readonly Partial<ActionRecord>[] = [
    { kind: 'build-script' },
    { argv: ['rustc', 'x.rs', ''] },
    { argv: ['rustc x.rs'] },
    { argv: ['x.rs', 'rustc'] },
    { cwd: '/bloomery/wor' },
    { env: { A: '1' } },
    { env: { A: '2', B: '1' } },
    { env: { A: '1', C: '2' } },
    { tools: { rustc: b } },
    { tools: { linker: a } },
    { trees: { '/t': b } },
    { trees: {} },
    { files: { '/f': b, '/absent': null } },
    { files: { '/f': a } },
    { files: { '/f': null, '/absent': null } },
    { inputs: { '/i': b } },
    { inputs: { '/j': a } },
    { inputs: {}, trees: { '/t': a, '/i': a } },
    { layout: { '/i': 'program' } },
    { layout: { '/i/folder': 'folder' } },
    { layout: { '/i/folder': 'link target' } },
    { outputDir: '/bloomery/build' },
    { sandbox: 'none' },
  ];
  const touched = new Set(changes.flatMap((change) => Object.keys(change)));
  assert.equal(
    Object.keys(record).filter((field) => !touched.has(field)),
    ['format'],
    'every field is in the table',
  );
  assert.is(new Set([record, ...changes.map((change) => ({ ...record, ...change }))].map(actionKey)).size, changes.length + 1);
});

test('a result is read as it was written', () => {
  assert.equal(resultOf(JSON.parse(JSON.stringify(resultJson(result)))), result);
});

test('a result of format 1 has files only, without a kind', () => {
  const { kind, ...older } = { kind: 'file', path: 'x', digest: a, sizeBytes: 1, executable: false };
  const read = resultOf({ ...(resultJson(result) as { readonly [key: string]: Json }), artifacts: [older] });
  assert.equal(read?.artifacts, [{ kind, ...older }]);
});

test('a value of another shape is not a result', () => {
  const stored = resultJson(result) as { readonly [key: string]: Json };
  const artifact = { path: 'x', digest: a, sizeBytes: 1, executable: false };
  const others: readonly Json[] = [
    null,
    7,
    'x',
    [],
    [stored],
    {},
    ...Object.keys(stored).map((field) => ({ ...stored, [field]: null })),
    { ...stored, artifacts: {} },
    ...[
      null,
      'x',
      {},
      { ...artifact, path: 1 },
      { ...artifact, digest: 'x' },
      { ...artifact, sizeBytes: '1' },
      { ...artifact, executable: 1 },
      { ...artifact, kind: 'pipe' },
      { kind: 'link', path: 'x' },
      { kind: 'folder' },
    ].map((wrong) => ({ ...stored, artifacts: [artifact, wrong] })),
  ];
  for (const other of others) assert.is(resultOf(other), undefined, JSON.stringify(other));
});

test('a stored value is a record where every field has its type', () => {
  const stored: unknown = JSON.parse(JSON.stringify(record));
  assert.ok(isActionRecord(stored));
  assert.ok(isActionRecord({ ...record, format: 1 }), 'records of earlier formats can be explained');
  const wrong: readonly Readonly<Record<string, unknown>>[] = [
    { format: 4 },
    { kind: 'other' },
    { argv: 'rustc' },
    { argv: [1] },
    { cwd: undefined },
    { env: { A: 1 } },
    { files: { '/f': 1 } },
    { inputs: [] },
    { layout: { '/l': null } },
    { sandbox: '' },
  ];
  for (const change of wrong) assert.not(isActionRecord({ ...record, ...change }), JSON.stringify(change));
});

test.run();
