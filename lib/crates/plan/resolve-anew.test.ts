// How cargo's messages are reported.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { warningsOf } from './resolve-anew.ts';

test("each of cargo's warnings is reported once with its further lines, and a stable cargo has no warnings of a nightly one", () => {
  const said = [
    '    Blocking waiting for file lock on package cache',
    'warning: unused config key `unstable.x` in `/w/.cargo/config.toml`',
    'warning: profiles for the non root package will be ignored, specify profiles at the workspace root:',
    'package:   /w/a/Cargo.toml',
    'warning: /w/Cargo.toml: unused manifest key: workspace.foo',
    'warning: /w/Cargo.toml: unused manifest key: workspace.foo',
    '',
  ].join('\n');
  const profiles =
    'warning: profiles for the non root package will be ignored, specify profiles at the workspace root:\npackage:   /w/a/Cargo.toml';
  const unused = 'warning: /w/Cargo.toml: unused manifest key: workspace.foo';
  assert.equal(warningsOf(said, false), [profiles, unused]);
  assert.equal(warningsOf(said, true).length, 3);
});

test.run();
