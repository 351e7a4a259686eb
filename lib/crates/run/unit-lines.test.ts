// Which files the lines of a unit name, and which of these files are written for editors.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { FileArtifact } from '../../actions/action.ts';
import { digestBytes } from '../../core/digest.ts';
import { dev, packageOf, targets, unitOf, workPlace } from '../../dev/testing/sample-units.ts';
import type { BuiltUnit, PlannedUnit } from '../plan/planned-unit.ts';
import type { Unit } from '../plan/unit-graph.ts';
import { linesOfFailure, linesOfUnit } from './unit-lines.ts';

function built(unit: Unit, paths: readonly string[]): BuiltUnit {
  const known: Partial<PlannedUnit> = {
    ...{ hash: '0123', unit, owner: packageOf(), place: workPlace, trees: { common: '/p', roots: ['/p'], gitFolders: [] } },
    wrappers: { all: undefined, members: undefined },
    primary: true,
  };
  const planned = { ...known, toolchain: { sysroot: '/rust' } } as PlannedUnit;
  const file = (path: string): FileArtifact => ({ kind: 'file', path, digest: digestBytes(path), sizeBytes: 1, executable: true });
  return { planned, result: { artifacts: paths.map(file), stdout: '', stderr: '', durationMs: 1 }, directives: undefined };
}

const request = { out: '/out', ansi: false, fresh: true };

test('a procedural macro is written for editors, and other outputs are only named', () => {
  const macro = linesOfUnit(built(unitOf(targets.macro, { profile: dev }), ['libmy_macro-0123.so', 'my_macro-0123.d']), request);
  const [line = ''] = macro.lines;
  assert.equal(
    [JSON.parse(line).filenames, macro.files.map(({ path }) => path)],
    [[`/out/${macro.files[0]?.path}`], [macro.files[0]?.path]],
  );
  const program = linesOfUnit(built(unitOf(targets.bin, { profile: dev }), ['my_bin-0123', 'my_bin-0123.dwp']), request);
  const read = JSON.parse(program.lines[0] ?? '');
  assert.equal([read.executable, program.files, read.fresh], ['/out/bin/my-bin', [], true]);
});

test('the folder of a build script is written even if it is empty, and a failed script has no line', () => {
  const run = built(unitOf(targets.script, { mode: 'run-custom-build', profile: dev }), ['generated.rs']);
  const { folders, files } = linesOfUnit(run, request);
  assert.is(folders.length, 1);
  assert.equal(
    files.map(({ path }) => path),
    [`${folders[0]}/generated.rs`],
  );
  assert.equal(linesOfFailure(run.planned, '{"level":"error","message":"x"}', false), []);
});

test.run();
