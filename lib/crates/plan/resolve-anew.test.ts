// What is told of cargo's own words, and which unstable features are honoured or refused.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { warningsOf } from './resolve-anew.ts';
import { unstableFeatures } from './platforms.ts';

test("cargo's warnings are told once each with their further lines, and a stable cargo's are those of a stable one", () => {
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

test('an unstable feature that would have to be honoured and is not is refused by name, wherever it is turned on', () => {
  assert.equal(unstableFeatures('/p', { 'trim-paths': true, 'build-std': ['core'] }, {}, []), { trimPaths: true, publicDependency: false });
  assert.equal(unstableFeatures('/p', {}, { CARGO_UNSTABLE_PUBLIC_DEPENDENCY: 'true' }, ['trim-paths']), {
    trimPaths: true,
    publicDependency: true,
  });
  assert.equal(unstableFeatures('/p', { sbom: false }, {}, []), { trimPaths: false, publicDependency: false });
  const refusal = (name: string): RegExp =>
    new RegExp(`^Cannot build "/p": it uses cargo's unstable feature "${name}", which is not supported$`);
  assert.throws(() => unstableFeatures('/p', { sbom: true }, {}, []), refusal('sbom'));
  assert.throws(() => unstableFeatures('/p', {}, { CARGO_UNSTABLE_HOST_CONFIG: 'true' }, []), refusal('host-config'));
  assert.throws(() => unstableFeatures('/p', {}, {}, ['metabuild']), refusal('metabuild'));
});

test.run();
