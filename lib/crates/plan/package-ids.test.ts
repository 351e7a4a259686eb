// Package ids in the unit graphs of old versions of cargo, as cargo 1.85.1 printed them: packages in folders,
// in a folder whose name contains a space, and in a git repository.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { packageOf, unitOf } from '../../dev/testing/sample-units.ts';
import { withMetadataIds } from './unit-graph.ts';

const remote = 'git+file:///tmp/repo?branch=side';
const crates = 'registry+https://github.com/rust-lang/crates.io-index';
const packages = [
  packageOf({ id: 'path+file:///tmp/g#0.1.0', name: 'g', version: '0.1.0' }),
  packageOf({ id: 'path+file:///tmp/g/in%20side#other@0.2.0-rc.1+x', name: 'other', version: '0.2.0-rc.1+x' }),
  packageOf({
    id: `${remote}#remote@0.3.0`,
    name: 'remote',
    version: '0.3.0',
    source: `${remote}#16ef24040dafdf6172504cb24578fab955c96841`,
  }),
  packageOf({ id: `${crates}#memchr@2.7.4`, name: 'memchr', version: '2.7.4', source: crates }),
];
const printed = [
  'g 0.1.0 (path+file:///tmp/g)',
  'other 0.2.0-rc.1+x (path+file:///tmp/g/in%20side)',
  `remote 0.3.0 (${remote}#16ef24040dafdf6172504cb24578fab955c96841)`,
  `memchr 2.7.4 (${crates})`,
];

const idsOf = (ids: readonly string[]): readonly string[] =>
  withMetadataIds({ units: ids.map((pkgId) => unitOf({}, { pkgId })), roots: [0] }, packages).units.map(({ pkgId }) => pkgId);

test('each old id becomes the id that the metadata has', () => {
  assert.equal(
    idsOf(printed),
    packages.map(({ id }) => id),
  );
});

test('present ids, and ids that no package has, are unchanged', () => {
  const ids = ['path+file:///tmp/g#0.1.0', 'g 0.2.0 (path+file:///tmp/g)'];
  assert.equal(idsOf(ids), ids);
});

test.run();
