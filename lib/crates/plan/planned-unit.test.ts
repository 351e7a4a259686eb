// Tests which units a unit waits for, with a table of small plans. A name with "!" is a program, a name with
// "?" is the run of a build script, and any other name is a plain library.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { missingEdges, reachable } from './planned-unit.ts';
import type { PlannedUnit } from './planned-unit.ts';
import { targets, unitOf } from '../../dev/testing/sample-units.ts';

/** A plan of units that name their dependencies: { app!: ['lib'], lib: [] }. */
function planOf(rows: Readonly<Record<string, readonly string[]>>): readonly PlannedUnit[] {
  const names = Object.keys(rows);
  return Object.entries(rows).map(([name, below]) => {
    const unit = name.endsWith('!')
      ? unitOf(targets.bin)
      : name.endsWith('?')
        ? unitOf(targets.script, { mode: 'run-custom-build' })
        : unitOf({});
    const known: Partial<PlannedUnit> = { unit, dependencies: below.map((one) => ({ index: names.indexOf(one), name: one, options: [] })) };
    return known as PlannedUnit;
  });
}

/** The edges as words: "app! <- lib", with "(early)" after an early one. */
function edges(rows: Readonly<Record<string, readonly string[]>>, missing: readonly string[]): readonly string[] {
  const names = Object.keys(rows);
  const nodes = missing.map((name) => names.indexOf(name));
  return missingEdges(planOf(rows), nodes)
    .flatMap((list, at) => list.map(({ on, early }) => `${missing[at]} <- ${missing[on]}${early ? ' (early)' : ''}`))
    .sort();
}

const chain = { bottom: [], middle: ['bottom'], top: ['middle'], 'app!': ['top'] };

test('a library waits for the metadata of libraries, and a program for all complete libraries below it', () => {
  assert.equal(edges(chain, ['bottom', 'middle', 'top', 'app!']), [
    'app! <- bottom',
    'app! <- middle',
    'app! <- top',
    'middle <- bottom (early)',
    'top <- middle (early)',
  ]);
});

test('a library waits for a missing one below one that is present', () => {
  assert.equal(edges(chain, ['bottom', 'top']), ['top <- bottom (early)']);
  assert.equal(edges(chain, ['bottom', 'app!']), ['app! <- bottom']);
});

test('no unit starts early because of a build script, and the run of a script waits for all complete units below it', () => {
  const rows = { lib: [], 'script!': ['lib'], 'run?': ['script!'], user: ['run?'] };
  assert.equal(edges(rows, ['lib', 'script!', 'run?', 'user']), ['run? <- lib', 'run? <- script!', 'script! <- lib', 'user <- run?']);
});

test('units that are not missing have no edges', () => {
  assert.equal(edges(chain, ['app!']), []);
  assert.equal(edges(chain, []), []);
});

test('everything below a unit is reachable from it, and nothing below an end', () => {
  const units = planOf(chain);
  assert.equal([...reachable(units, [3])].sort(), [0, 1, 2, 3]);
  assert.equal([...reachable(units, [3], (node) => node === 2)].sort(), [2, 3]);
  assert.equal([...reachable(units, [])], []);
});

test.run();
