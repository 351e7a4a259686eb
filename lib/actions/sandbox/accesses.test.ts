// Traces as inputs, as wishes and as writes; the folders are real.
import { mkdir, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { shellAction } from '../../dev/testing/shell-action.ts';
import { withScratch } from '../../dev/testing/scratch.ts';
import type { Scratch } from '../../dev/testing/scratch.ts';
import { accessesOf } from './accesses.ts';
import type { Accesses } from './accesses.ts';
import type { ActionRecord } from '../action.ts';
import type { Trace } from './tracer.ts';

const here = '/bloomery/above/here';

function accesses({ folder }: Scratch, trace: Partial<Trace>, sandbox: ActionRecord['sandbox'] = 'bubblewrap'): Accesses {
  const app = join(folder, 'app');
  const own = {
    counted: [here],
    around: { [here]: app, '/bloomery/above': dirname(app) },
    mayWrite: [],
    named: [],
    spelled: () => '',
    home: undefined,
  };
  const action = { ...shellAction(':', app, { kind: 'none' }), mounts: { [here]: app, '/bloomery/rust': '/toolchain' }, own };
  return accessesOf({ read: [], looked: [], written: [], complete: true, ...trace }, action, sandbox);
}

test('files, absent files, folders that were listed and folders that were looked at are inputs of their kind', async () => {
  await withScratch(async (scratch) => {
    await scratch.write('app/src/main.rs', '');
    const { inputs, wanted } = accesses(scratch, {
      read: [`${here}/src/main.rs`, `${here}/src`, `${here}/src/./gone.rs`, '/bloomery/rust/lib/x', '/usr/lib/y', '/tmp/z'],
      looked: [`${here}/src/../Cargo.toml`, here],
    });
    assert.equal([...inputs].sort(), [here, `${here}/Cargo.toml`, `${here}/src//names`, `${here}/src/gone.rs`, `${here}/src/main.rs`]);
    assert.equal(wanted, []);
  });
});

test('what was looked for beside the folders is wanted and counts; folders that only lead to them are not', async () => {
  await withScratch(async (scratch) => {
    await mkdir(join(scratch.folder, 'app'));
    const { inputs, wanted } = accesses(scratch, { read: [`${here}/src/../../README.md`], looked: ['/bloomery/above', '/bloomery'] });
    assert.equal(inputs, ['/bloomery/above/README.md']);
    assert.equal(wanted, [{ place: '/bloomery/above/README.md', byLink: false }]);
  });
});

test('a link that leads out of view is wanted by what it leads to, in the middle of a path too; one that stays inside is not', async () => {
  await withScratch(async (scratch) => {
    for (const folder of ['app/src', 'shared/icons']) await mkdir(join(scratch.folder, folder), { recursive: true });
    await scratch.write('app/real/a', '');
    await symlink('../shared/icons', join(scratch.folder, 'app/icons'));
    await symlink('/srv/data', join(scratch.folder, 'app/data'));
    await symlink('../real', join(scratch.folder, 'app/src/inside'));
    await symlink('loop', join(scratch.folder, 'app/loop'));
    const read = [`${here}/icons/a.txt`, `${here}/data`, `${here}/src/inside/a`, `${here}/src/inside/../x`, `${here}/loop`];
    const { inputs, wanted } = accesses(scratch, { read });
    assert.equal(wanted, [
      { place: '/bloomery/above/shared/icons', byLink: true },
      { place: '/srv/data', byLink: true },
    ]);
    // A ".." behind a link goes up from where the link leads.
    assert.equal(inputs, [`${here}/icons/a.txt`, `${here}/data`, `${here}/src/inside/a`, `${here}/x`, `${here}/loop`]);
  });
});

test('a link to a link that leads out of view is wanted by what the last one leads to; links into themselves end', async () => {
  await withScratch(async (scratch) => {
    await mkdir(join(scratch.folder, 'app/src'), { recursive: true });
    await symlink('second', join(scratch.folder, 'app/first'));
    await symlink('src/third', join(scratch.folder, 'app/second'));
    await symlink('../../shared', join(scratch.folder, 'app/src/third'));
    await symlink('grow/grow', join(scratch.folder, 'app/grow'));
    const { inputs, wanted } = accesses(scratch, { read: [`${here}/first/a.txt`, `${here}/grow/grow/a`] });
    assert.equal(wanted, [{ place: '/bloomery/above/shared', byLink: true }]);
    assert.equal(inputs, [`${here}/first/a.txt`, `${here}/grow/grow/a`]);
  });
});

test("writes into what is shown are told apart from the action's own output", async () => {
  await withScratch(async (scratch) => {
    await mkdir(join(scratch.folder, 'app'));
    assert.equal(accesses(scratch, { written: [`${here}/src/../app.map`, '/bloomery/out/x', '/tmp/y'] }).written, [`${here}/app.map`]);
  });
});

test('a file that is looked at and then written is no input; one that is read and then written is', async () => {
  await withScratch(async (scratch) => {
    for (const name of ['app.map', 'counter']) await scratch.write(`app/${name}`, '');
    const [map, counter] = [`${here}/app.map`, `${here}/counter`];
    const { inputs } = accesses(scratch, { read: [counter], looked: [map, counter], written: [map, counter] });
    assert.equal(inputs, [counter]);
  });
});

test("without a sandbox, files of the host count beside the places of the user's folders, but not the action's own temporary files", async () => {
  await withScratch(async (scratch) => {
    const source = await scratch.write('app/src/main.rs', '');
    const work = join(scratch.folder, 'rustc123');
    const { inputs, wanted } = accesses(
      scratch,
      { read: [source, '/etc/hostname', join(work, 'a.o')], looked: [join(work, 'libc.so'), scratch.folder], written: [work] },
      'none',
    );
    assert.equal(inputs, [`${here}/src/main.rs`, '/etc/hostname']);
    assert.equal(wanted, []);
  });
});

test.run();
