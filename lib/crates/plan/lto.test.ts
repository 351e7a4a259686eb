// What link-time optimisation asks of each unit of a graph, as cargo decides it (facts: crates, 1.2 number 4 and trap 11).
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { on, release, targets, unitOf } from '../../dev/testing/sample-units.ts';
import { ltoArgs, ltoStates } from '../unit/rustc-args.ts';
import type { Lto } from '../unit/rustc-args.ts';
import type { Unit } from './unit-graph.ts';

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

test('every unit of a graph holds what its users need', () => {
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

test.run();
