// Every operation changes the checkout, and undoing it restores the whole checkout.
import { lstat, mkdtemp, readdir, readFile, readlink, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Checkout } from './checkout.ts';
import type { Content } from '../projects/content.ts';
import type { Operation } from '../projects/operation.ts';
import type { Project } from '../projects/project.ts';

const scratch = await mkdtemp(join(tmpdir(), 'bloomery-checkout-'));
test.after(() => rm(scratch, { recursive: true, force: true }));
let created = 0;

const project: Project = {
  files: new Map<string, Content>([
    ['project/a.txt', 'one\n'],
    ['project/l.txt', { link: 'a.txt' }],
    ['project/t.sh', { exe: '#!/bin/sh\n' }],
  ]),
  build: 'project',
  git: 'project',
  variables: { WORD: 'one' },
  edits: [],
  always: false,
  silent: false,
};

/** Paths with contents, link targets and permissions; .git is left out. */
async function stateOf(folder: string): Promise<readonly string[]> {
  const names = (await readdir(folder, { recursive: true })).filter((name) => !name.startsWith('.git')).sort();
  return Promise.all(
    names.map(async (name) => {
      const path = join(folder, name);
      const stats = await lstat(path);
      const what = stats.isSymbolicLink() ? await readlink(path) : stats.isFile() ? await readFile(path, 'utf8') : '';
      return `${name} ${stats.mode.toString(8)} ${what}`;
    }),
  );
}

const create = (): Promise<Checkout> => Checkout.create(project, join(scratch, `work-${++created}`));

const rows: readonly Operation[] = [
  { op: 'write', path: 'project/a.txt', text: 'two\n' },
  { op: 'write', path: 'project/l.txt', text: 'through the link\n' },
  { op: 'write', path: 'project/new/deep/b.txt', text: 'new\n' },
  { op: 'swap', path: 'project/a.txt', from: 'one', to: 'two' },
  { op: 'swap', path: 'project/a.txt', from: 'two', to: 'one' },
  { op: 'write', path: 'project/a.txt', text: 'renamed\n', manner: 'renamed' },
  { op: 'swap', path: 'project/t.sh', from: 'sh', to: 'bash', manner: 'dated back' },
  { op: 'append', path: 'project/a.txt', text: 'more\n' },
  { op: 'remove', path: 'project/t.sh' },
  { op: 'remove', path: 'project/l.txt' },
  { op: 'move', path: 'project/a.txt', to: 'project/other/z.txt' },
  { op: 'link', path: 'project/a.txt', target: 't.sh' },
  { op: 'link', path: 'project/l.txt', target: 'nowhere' },
  { op: 'mode', path: 'project/t.sh', mode: 0o600 },
];

for (const operation of rows) {
  test(`${operation.op} ${'path' in operation ? operation.path : ''} changes the folder and is taken back`, async () => {
    const checkout = await create();
    const before = await stateOf(checkout.folder);
    await checkout.apply([operation]);
    assert.not.equal(await stateOf(checkout.folder), before);
    assert.ok(checkout.reversible);
    await checkout.undo();
    assert.equal(await stateOf(checkout.folder), before);
  });
}

test('operations of one edit are taken back in reverse order', async () => {
  const checkout = await create();
  const before = await stateOf(checkout.folder);
  await checkout.apply([
    { op: 'move', path: 'project/a.txt', to: 'project/a.txt.moved' },
    { op: 'write', path: 'project/a.txt', text: '' },
    { op: 'link', path: 'project/a.txt', target: 'a.txt.moved' },
  ]);
  assert.is(await readFile(join(checkout.folder, 'a.txt'), 'utf8'), 'one\n');
  await checkout.undo();
  assert.equal(await stateOf(checkout.folder), before);
});

test('touch changes the time stamps only', async () => {
  const checkout = await create();
  const before = await stateOf(checkout.folder);
  const { mtimeNs } = await lstat(join(checkout.folder, 'a.txt'), { bigint: true });
  await checkout.apply([{ op: 'touch', path: 'project/a.txt' }]);
  assert.equal(await stateOf(checkout.folder), before);
  assert.ok((await lstat(join(checkout.folder, 'a.txt'), { bigint: true })).mtimeNs > mtimeNs);
});

test('variables and flags are those of the builds that follow', async () => {
  const checkout = await create();
  await checkout.apply([
    { op: 'variable', name: 'WORD' },
    { op: 'variable', name: 'OTHER', value: 'x' },
    { op: 'flags', flags: ['--release'] },
  ]);
  assert.equal(checkout.settings, { variables: { OTHER: 'x' }, flags: ['--release'] });
  await checkout.undo();
  assert.equal(checkout.settings, { variables: { WORD: 'one' }, flags: [] });
});

test('an operation whose file is absent, in the way or a folder does nothing', async () => {
  const checkout = await create();
  const before = await stateOf(checkout.folder);
  await checkout.apply([
    { op: 'remove', path: 'project/gone.txt' },
    { op: 'swap', path: 'project/gone.txt', from: 'a', to: 'b' },
    { op: 'move', path: 'project/gone.txt', to: 'project/x.txt' },
    { op: 'move', path: 'project/a.txt', to: 'project/t.sh' },
    { op: 'write', path: '.', text: 'over a folder' },
  ]);
  assert.equal(await stateOf(checkout.folder), before);
});

test('a copy is another folder with the same files, and git switches branches in it', async () => {
  const checkout = await create();
  const [folder, before] = [checkout.folder, await stateOf(checkout.folder)];
  await checkout.apply([{ op: 'copy' }]);
  assert.is.not(checkout.folder, folder);
  assert.not.ok(checkout.reversible);
  assert.equal(await stateOf(checkout.folder), before);
  await checkout.apply([{ op: 'git', words: ['checkout', '-q', '-f', 'other'] }]);
  assert.is(await readFile(join(checkout.folder, '.git/HEAD'), 'utf8'), 'ref: refs/heads/other\n');
});

test.run();
