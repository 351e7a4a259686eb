// Which files of units are the outputs of a project, and how they are named.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { targets, unitOf } from '../../dev/testing/sample-units.ts';
import type { FileArtifact } from '../../actions/action.ts';
import { digestBytes } from '../../core/digest.ts';
import type { BuiltUnit, PlannedUnit } from '../plan/planned-unit.ts';
import type { Project } from '../project.ts';
import { outputsOf } from './build-answer.ts';
import type { Unit } from '../plan/unit-graph.ts';

const file = (path: string): FileArtifact => ({ kind: 'file', path, digest: digestBytes(path), sizeBytes: 1, executable: false });

/** A unit that is done and left these files. */
function built(unit: Unit, paths: readonly string[], more: Partial<PlannedUnit> = {}): BuiltUnit {
  const planned: Partial<PlannedUnit> = { unit, hash: '0123', triple: 'x86_64-unknown-linux-gnu', filename: undefined, ...more };
  const result = { artifacts: paths.map(file), stdout: '', stderr: '', durationMs: 1 };
  return { planned: planned as PlannedUnit, result, directives: undefined };
}

/** The names of the outputs, each with its role. */
function outputs(units: readonly BuiltUnit[]): Readonly<Record<string, string>> {
  const found = outputsOf({} as Project, [...units.keys()], new Map(units.entries())).outputs;
  return Object.fromEntries([...found].map(([name, { role }]) => [name, role]));
}

test('a program has the name of its target, with dashes, and what belongs to it has the ending', () => {
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

test('what the linker wrote to other folders keeps its path', () => {
  assert.equal(outputs([built(unitOf(targets.bin), ['my_bin-0123', 'written/src/kernel.map'])]), {
    'my-bin': 'program',
    'written/src/kernel.map': 'written',
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

test.run();
