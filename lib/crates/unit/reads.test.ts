// What a build script is taken to depend on by its own words.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { packageOf, workPlace } from '../../dev/testing/sample-units.ts';
import type { PlannedUnit } from '../plan/planned-unit.ts';
import { declaredPlaces, scriptReads } from './reads.ts';

test("a script that declares a file of the kernel's runs every time, and nothing reads the file", () => {
  const trees = { common: '/p', roots: ['/p'], gitFolders: [] };
  const known: Partial<PlannedUnit> = { place: workPlace, owner: packageOf(), trees };
  const planned = known as PlannedUnit;
  for (const path of ['/proc/kmsg', '/proc/self/mem', '/', '/sys', '/dev/../dev/null']) {
    const stdout = `cargo:rerun-if-changed=${path}\n`;
    assert.equal(declaredPlaces(planned, stdout), []);
    const { files, always } = scriptReads(planned, { artifacts: [], stdout, stderr: '', durationMs: 1 }, []);
    assert.equal([files, always], [[], true]);
  }
});

test.run();
