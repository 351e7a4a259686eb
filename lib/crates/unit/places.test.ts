// The places of packages in the sandbox, which are the same for every checkout and machine,
// and the folders of the user that are shown for a project, with real git repositories.
import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { outputOf } from '../../core/sh.ts';
import type { Package } from '../cargo/package.ts';
import { ownMounts, ownPlace, ownTrees, placeOf, userHome } from './places.ts';
import type { OwnTrees } from './places.ts';
import { here, packageOf } from '../../dev/testing/sample-units.ts';
import { withScratch } from '../../dev/testing/scratch.ts';
import type { Scratch } from '../../dev/testing/scratch.ts';

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

/** `git` in a folder of the scratch folder. */
async function git({ folder }: Scratch, at: string, ...words: readonly string[]): Promise<void> {
  const identity = ['-c', 'user.name=x', '-c', 'user.email=x@example.invalid', '-c', 'protocol.file.allow=always'];
  await outputOf('run git', ['git', ...identity, ...words], { cwd: join(folder, at), env: { PATH: '/usr/bin:/bin', HOME: folder } });
}

async function repository(scratch: Scratch, at: string): Promise<void> {
  await scratch.write(`${at}/file`, 'x');
  await git(scratch, at, 'init', '-q');
  await git(scratch, at, 'add', '.');
  await git(scratch, at, 'commit', '-qm', 'one');
}

async function treesOf(scratch: Scratch, workspace: string, packages: readonly string[] = [], home = 'home'): Promise<OwnTrees> {
  const at = (path: string): string => join(scratch.folder, path);
  const { digests } = await scratch.reopen();
  return ownTrees({ workspaceRoot: at(workspace), packages: packages.map(at), home: at(home), digests });
}

const shortOf = ({ folder }: Scratch, { common, roots, gitFolders }: OwnTrees): readonly (string | readonly string[])[] => {
  const short = (path: string): string => path.slice(folder.length + 1);
  return [short(common), roots.map(short), gitFolders.map(short)];
};

test('a workspace alone is a tree; so is the repository around it, but not one that is the home folder', async () => {
  await withScratch(async (scratch) => {
    await mkdir(join(scratch.folder, 'alone/crates/a'), { recursive: true });
    assert.equal(shortOf(scratch, await treesOf(scratch, 'alone', ['alone/crates/a'])), ['alone', ['alone'], []]);
    await repository(scratch, 'mono');
    await mkdir(join(scratch.folder, 'mono/rust'));
    assert.equal(shortOf(scratch, await treesOf(scratch, 'mono/rust')), ['mono', ['mono'], []]);
    assert.equal(shortOf(scratch, await treesOf(scratch, 'mono/rust', [], 'mono')), ['mono/rust', ['mono/rust'], []]);
    assert.equal(shortOf(scratch, await treesOf(scratch, 'mono/rust', [], 'mono/rust/user')), ['mono/rust', ['mono/rust'], []]);
  });
});

test('a home folder that HOME names by a link is not a tree, whichever path names the package', async () => {
  await withScratch(async (scratch) => {
    await repository(scratch, 'real');
    await mkdir(join(scratch.folder, 'real/app'));
    await symlink('real', join(scratch.folder, 'link'));
    const home = userHome({ HOME: join(scratch.folder, 'link/') })?.slice(scratch.folder.length + 1);
    assert.is(home, 'real');
    for (const app of ['real/app', 'link/app']) assert.equal(shortOf(scratch, await treesOf(scratch, app, [], home)), [app, [app], []]);
  });
});

test('packages elsewhere add their workspace or repository; the folder that contains all of them is not a tree', async () => {
  await withScratch(async (scratch) => {
    await mkdir(join(scratch.folder, 'src/app'), { recursive: true });
    await scratch.write('src/other/Cargo.toml', '[workspace]\nmembers = ["util"]\n');
    await scratch.write('src/other/util/Cargo.toml', '[package]\nname = "util"\n');
    await scratch.write('src/plain/Cargo.toml', '[package]\nname = "plain"\n');
    await repository(scratch, 'src/repo');
    const found = await treesOf(scratch, 'src/app', ['src/other/util', 'src/plain', 'src/repo/deep']);
    assert.equal(shortOf(scratch, found), ['src', ['src/app', 'src/other', 'src/plain', 'src/repo'], []]);
    assert.is(ownPlace(found, join(scratch.folder, 'src/other/util')), `${here}/other/util`);
    assert.is(ownPlace(found, join(scratch.folder, 'README.md')), join(here, '../README.md'));
    assert.is(ownMounts(found)[join(here, '..')], scratch.folder);
  });
});

test('of a submodule the outer repository is the tree; a worktree shows the folder of git that it names', async () => {
  await withScratch(async (scratch) => {
    await repository(scratch, 'part');
    await repository(scratch, 'outer');
    await git(scratch, 'outer', 'submodule', 'add', '-q', join(scratch.folder, 'part'), 'lib/part');
    assert.equal(shortOf(scratch, await treesOf(scratch, 'outer/lib/part')), ['outer', ['outer'], []]);
    await git(scratch, 'outer', 'commit', '-qam', 'two');
    await git(scratch, 'outer', 'worktree', 'add', '-q', '../tree');
    assert.equal(shortOf(scratch, await treesOf(scratch, 'tree')), ['tree', ['tree'], ['outer/.git']]);
    await git(scratch, '.', 'clone', '-q', '--shared', 'part', 'shared');
    assert.equal(shortOf(scratch, await treesOf(scratch, 'shared')), ['shared', ['shared'], ['part/.git/objects']]);
  });
});

test('a path too far above the common folder has no place', () => {
  const trees = { common: '/a/b/c/d/e/f' };
  assert.is(ownPlace(trees, '/a/b/x'), join(here, '../../../../x'));
  assert.is(ownPlace(trees, '/a/x'), undefined);
});

test.run();
