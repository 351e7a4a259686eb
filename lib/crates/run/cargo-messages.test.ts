// Lines for editors. lib/cli/tasks/cargo-test-task.test.ts compares them with the lines of the real cargo.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { dev, here, packageOf, unitOf, workPlace } from '../../dev/testing/sample-units.ts';
import type { PlannedUnit } from '../plan/planned-unit.ts';
import { parseDirectives } from '../unit/directives.ts';
import { compilerArtifact, compilerMessages, scriptExecuted } from './cargo-messages.ts';

const wrappers = { all: undefined, members: undefined };
const known: Partial<PlannedUnit> = {
  hash: '0123',
  unit: unitOf({}, { profile: { ...dev, debuginfo: 'none' }, features: ['a'] }),
  owner: packageOf(),
  place: workPlace,
  trees: { common: '/p', roots: ['/p'], gitFolders: [] },
  wrappers,
};
const unit = { ...known, toolchain: { sysroot: '/rust' } } as PlannedUnit;

test('a message has the paths of the host, and colours only on request', () => {
  const message = { $message_type: 'diagnostic', level: 'warning', message: 'unused', spans: [{ file_name: `${here}/src/lib.rs` }] };
  const rendered = `\x1b[33mwarning\x1b[0m --> ${here}/src/lib.rs:1`;
  const stderr = [
    JSON.stringify({ ...message, rendered }),
    JSON.stringify({ ...message, message: '1 warning emitted' }),
    JSON.stringify({ $message_type: 'artifact', artifact: 'x' }),
    'printed by a macro',
    '{ not JSON',
  ].join('\n');
  const [line = '', ...others] = compilerMessages(unit, stderr, false);
  assert.equal(others, []);
  const read = JSON.parse(line);
  assert.equal([read.reason, read.package_id, read.target.name], ['compiler-message', unit.unit.pkgId, 'my_lib']);
  assert.equal([read.message.rendered, read.message.spans[0].file_name], ['warning --> /p/src/lib.rs:1', '/p/src/lib.rs']);
  assert.match(JSON.parse(compilerMessages(unit, stderr, true)[0] ?? '').message.rendered, '\x1b[33m');
});

test('an artifact has the paths of its files and the options it was compiled with', () => {
  const read = JSON.parse(compilerArtifact(unit, { filenames: ['/o/x.rlib'], executable: null }, true));
  const profile = { opt_level: '0', debuginfo: 0, debug_assertions: true, overflow_checks: true, test: false };
  assert.equal([read.profile, read.features, read.filenames, read.executable, read.fresh], [profile, ['a'], ['/o/x.rlib'], null, true]);
});

test('the output of a build script has its output folder as a path of the host', () => {
  const out = '/bloomery/build/my-package-0123/out';
  const directives = parseDirectives(`cargo::rustc-link-search=${out}/lib\ncargo::rustc-env=A=${out}/a\ncargo::rustc-cfg=x`, 'x');
  const result = { artifacts: [], stdout: '', stderr: '', durationMs: 1 };
  const read = JSON.parse(scriptExecuted({ planned: unit, result, directives }, '/o/out'));
  assert.equal([read.linked_paths, read.env, read.cfgs, read.out_dir], [['/o/out/lib'], [['A', '/o/out/a']], ['x'], '/o/out']);
});

test.run();
