// Where packages lie in the sandbox: the same for every checkout and machine.
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { here, packageOf } from '../../dev/testing/sample-units.ts';
import { placeOf } from './places.ts';
import type { Package } from '../cargo/package.ts';

const registry = 'registry+https://example.invalid/index';
const library = '/rust/lib/rustlib/src/rust/library';
const trees = { common: '/ws', roots: ['/ws', '/other'], gitFolders: [] };
const cargoHome = '/users/me/.cargo';

type Row = readonly [
  what: string,
  owner: Partial<Package>,
  isStd: boolean,
  mount: string,
  hostDir: string,
  dir: string,
  cwd: string,
  immutable: boolean,
  foreign: boolean,
];

const rows: readonly Row[] = [
  ['the root of a workspace', { dir: '/ws' }, false, here, '/ws', here, here, false, false],
  ['a member', { dir: '/ws/crates/a' }, false, here, '/ws', `${here}/crates/a`, here, false, false],
  ['a member with an odd name', { dir: '/ws/..odd' }, false, here, '/ws', `${here}/..odd`, here, false, false],
  [
    'a package in another tree',
    { dir: '/other/o' },
    false,
    `${here}/../other`,
    '/other',
    `${here}/../other/o`,
    `${here}/../other/o`,
    false,
    false,
  ],
  [
    'a registry package',
    { dir: `${cargoHome}/registry/src/x/a-1.0.0`, name: 'a', version: '1.0.0', source: registry },
    false,
    '/bloomery/src/a-1.0.0',
    `${cargoHome}/registry/src/x/a-1.0.0`,
    '/bloomery/src/a-1.0.0',
    '/bloomery/src/a-1.0.0',
    true,
    true,
  ],
  [
    'one vendored in the workspace',
    { dir: '/ws/vendor/a', name: 'a', version: '1.0.0', source: registry },
    false,
    '/bloomery/src/a-1.0.0',
    '/ws/vendor/a',
    '/bloomery/src/a-1.0.0',
    '/bloomery/src/a-1.0.0',
    true,
    true,
  ],
  [
    'a package of a git checkout',
    {
      dir: `${cargoHome}/git/checkouts/repo-12/abcdef/sub/a`,
      name: 'a',
      version: '1.0.0',
      source: 'git+https://example.invalid/repo#abcdef',
    },
    false,
    '/bloomery/src/repo-12-abcdef',
    `${cargoHome}/git/checkouts/repo-12/abcdef`,
    '/bloomery/src/repo-12-abcdef/sub/a',
    '/bloomery/src/repo-12-abcdef/sub/a',
    true,
    true,
  ],
  [
    'a git package vendored',
    { dir: '/ws/vendor/a', name: 'a', version: '1.0.0', source: 'git+https://example.invalid/repo#abcdef' },
    false,
    '/bloomery/src/a-1.0.0',
    '/ws/vendor/a',
    '/bloomery/src/a-1.0.0',
    '/bloomery/src/a-1.0.0',
    true,
    true,
  ],
  [
    'a crate of the standard library',
    {
      dir: `${library}/alloc`,
    },
    true,
    '/bloomery/rust-src/library',
    library,
    '/bloomery/rust-src/library/alloc',
    '/bloomery/rust-src/library/alloc',
    true,
    false,
  ],
  [
    'one that the standard library needs',
    { dir: `${library}/vendor/cfg-if`, name: 'cfg-if', version: '1.0.0', source: registry },
    true,
    '/bloomery/src/cfg-if-1.0.0',
    `${library}/vendor/cfg-if`,
    '/bloomery/src/cfg-if-1.0.0',
    '/bloomery/src/cfg-if-1.0.0',
    true,
    true,
  ],
];

test('each kind of package has its place', () => {
  for (const [what, owner, isStd, mount, hostDir, dir, cwd, immutable, foreign] of rows) {
    const inWorkspace = cwd === here;
    const expected = { mount: join(mount), hostDir, dir: join(dir), cwd: join(cwd), immutable, inWorkspace, foreign };
    assert.equal(placeOf(packageOf(owner), isStd, '/ws', library, trees), expected, what);
  }
});

test('another checkout gives the same places', () => {
  for (const [what, owner, isStd] of rows.slice(0, 3)) {
    const { hostDir: _here, ...here } = placeOf(packageOf(owner), isStd, '/ws', library, trees);
    const { hostDir: _there, ...there } = placeOf(
      packageOf({ ...owner, dir: (owner.dir ?? '').replace('/ws', '/elsewhere/x') }),
      isStd,
      '/elsewhere/x',
      undefined,
      { common: '/elsewhere/x', roots: ['/elsewhere/x'], gitFolders: [] },
    );
    assert.equal(there, here, what);
  }
});

test.run();
