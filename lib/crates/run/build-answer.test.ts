// Which files of units are the outputs of a project, and how they are named. Also the sum of the times of
// units, which is stored for the same set of units only.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { FileArtifact } from '../../actions/action.ts';
import { digestBytes } from '../../core/digest.ts';
import type { Json } from '../../core/digest.ts';
import type { BuiltUnit, PlannedUnit } from '../plan/planned-unit.ts';
import type { Unit } from '../plan/unit-graph.ts';
import type { Project } from '../project.ts';
import { outputsOf, recordedMs } from './build-answer.ts';
import { packageOf, targets, unitOf, workPlace } from '../../dev/testing/sample-units.ts';
import { withScratch } from '../../dev/testing/scratch.ts';

const file = (path: string): FileArtifact => ({ kind: 'file', path, digest: digestBytes(path), sizeBytes: 1, executable: false });

/** Returns a finished unit with these files. */
function built(unit: Unit, paths: readonly string[], more: Partial<PlannedUnit> = {}): BuiltUnit {
  const planned: Partial<PlannedUnit> = { unit, hash: '0123', triple: 'x86_64-unknown-linux-gnu', filename: undefined, ...more };
  const result = { artifacts: paths.map(file), stdout: '', stderr: '', durationMs: 1 };
  return { planned: planned as PlannedUnit, result, directives: undefined };
}

/** Returns the role of each output, by its name. */
function outputs(units: readonly BuiltUnit[]): Readonly<Record<string, string>> {
  const found = outputsOf({} as Project, [...units.keys()], new Map(units.entries())).outputs;
  return Object.fromEntries([...found].map(([name, { role }]) => [name, role]));
}

test('a program has the name of its target, with dashes, and its other files have that name with an extension', () => {
  const paths = ['my_bin-0123', 'my_bin-0123.d', 'my_bin-0123.dwp', 'my_bin-0123.wasm', 'my_bin-0123.o', 'my_bin-0123.ll'];
  assert.equal(outputs([built(unitOf(targets.bin), paths)]), {
    'my-bin': 'program',
    'my-bin.dwp': 'debug-information',
    'my-bin.wasm': 'program',
  });
});

test('a program whose manifest names its file has that name', () => {
  assert.equal(outputs([built(unitOf(targets.bin), ['my_bin-0123'], { filename: 'Mine' })]), { Mine: 'program' });
});

test('a library has the name of its crate, without its hash and without its metadata', () => {
  assert.equal(outputs([built(unitOf(targets.lib), ['libmy_lib-0123.rlib', 'libmy_lib-0123.rmeta', 'my_lib-0123.d'])]), {
    'libmy_lib.rlib': 'library',
  });
});

test('files that the linker wrote to other folders keep their path', () => {
  assert.equal(outputs([built(unitOf(targets.bin), ['my_bin-0123', 'written/src/kernel.map'])]), {
    'my-bin': 'program',
    'written/src/kernel.map': 'written',
  });
});

test('tests and examples have folders of their own, and the name of their package where two share one', () => {
  const testOf = (id: string): BuiltUnit => {
    const more = { owner: packageOf({ id, name: id }), place: workPlace, trees: { common: '/p', roots: ['/p'], gitFolders: [] } };
    const toolchain = { sysroot: '/rust' } as PlannedUnit['toolchain'];
    return built(unitOf({ kind: ['test'], crateTypes: ['bin'], name: 'it' }, { mode: 'test' }), ['it-0123'], {
      ...more,
      toolchain,
      dependencies: [],
    });
  };
  const [one, other] = [testOf('one'), testOf('other')];
  assert.equal(outputs([one]), { 'tests/it': 'test' });
  assert.equal(outputs([one, other]), { 'tests/one.it': 'test', 'tests/other.it': 'test' });
  const example = unitOf({ kind: ['example'], crateTypes: ['bin'], name: 'an-example' });
  assert.equal(outputs([built(example, ['an_example-0123', 'an_example-0123.d'], { owner: packageOf() })]), {
    'examples/an-example': 'example',
  });
});

test('with several targets each has a folder, and the run of a build script has no output', () => {
  const units = [
    built(unitOf(targets.bin), ['my_bin-0123']),
    built(unitOf(targets.bin), ['my_bin-0123'], { triple: 'wasm32-wasip1' }),
    built(unitOf(targets.script, { mode: 'run-custom-build' }), ['generated.rs'], { triple: 'other' }),
  ];
  assert.equal(outputs(units), { 'x86_64-unknown-linux-gnu/my-bin': 'program', 'wasm32-wasip1/my-bin': 'program' });
});

test('durations are added, a unit without a recorded time counts as 0, and the sum is kept when single records are removed', async () => {
  await withScratch(async ({ cache }) => {
    const durations = await cache.records<number>('durations', (value): value is number & Json => typeof value === 'number');
    await durations.put(digestBytes('a'), 100);
    await durations.put(digestBytes('b'), 20);
    assert.equal(
      [await recordedMs(['a', 'b', 'never'], cache), await recordedMs(['a'], cache), await recordedMs([], cache)],
      [120, 100, 0],
    );
    const key = digestBytes('a');
    await rm(join(cache.dir, 'durations', key.slice(0, 2), key));
    assert.equal([await recordedMs(['a', 'b', 'never'], cache), await recordedMs(['a', 'b'], cache)], [120, 20]);
  });
});

test.run();
