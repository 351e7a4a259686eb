// Where packages lie in the sandbox: the same for every checkout and machine.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { packageOf } from '../../fixtures/cargo/sample-units.ts';
import { placeOf } from './places.ts';
import type { Package } from './package.ts';

const registry = 'registry+https://example.invalid/index';
const library = '/rust/lib/rustlib/src/rust/library';
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
  ['the root of a workspace', { dir: '/ws' }, false, '/bloomery/work', '/ws', '/bloomery/work', '/bloomery/work', false, false],
  ['a member', { dir: '/ws/crates/a' }, false, '/bloomery/work', '/ws', '/bloomery/work/crates/a', '/bloomery/work', false, false],
  [
    'a member with an odd name',
    { dir: '/ws/..odd' },
    false,
    '/bloomery/work',
    '/ws',
    '/bloomery/work/..odd',
    '/bloomery/work',
    false,
    false,
  ],
  [
    'a folder beside the workspace',
    {
      dir: '/other',
      name: 'o',
      version: '0.1.0',
    },
    false,
    '/bloomery/src/o-0.1.0',
    '/other',
    '/bloomery/src/o-0.1.0',
    '/bloomery/src/o-0.1.0',
    false,
    false,
  ],
  [
    'a folder whose name begins alike',
    {
      dir: '/ws-2',
      name: 'o',
      version: '0.1.0',
    },
    false,
    '/bloomery/src/o-0.1.0',
    '/ws-2',
    '/bloomery/src/o-0.1.0',
    '/bloomery/src/o-0.1.0',
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
    assert.equal(placeOf(packageOf(owner), isStd, '/ws', library), { mount, hostDir, dir, cwd, immutable, foreign }, what);
  }
});

test('another checkout gives the same places', () => {
  for (const [what, owner, isStd] of rows.slice(0, 3)) {
    const { hostDir: _here, ...here } = placeOf(packageOf(owner), isStd, '/ws', library);
    const { hostDir: _there, ...there } = placeOf(
      packageOf({ ...owner, dir: (owner.dir ?? '').replace('/ws', '/elsewhere/x') }),
      isStd,
      '/elsewhere/x',
      undefined,
    );
    assert.equal(there, here, what);
  }
});

test.run();
