// Commands in hints are those that the user can type: with the path of a copy, and with what a copy lacks.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { asTyped, hintIn, shellWord } from './command-line.ts';

const root = mkdtempSync(join(tmpdir(), 'task-names-'));
test.after(() => rmSync(root, { recursive: true, force: true }));
const [cwd, repository] = [join(root, 'mine'), join(root, 'mine/bloomery')];
mkdirSync(join(repository, 'tasks'), { recursive: true });
mkdirSync(join(cwd, 'below'));
writeFileSync(join(repository, 'tasks/run.ts'), '');
const text = 'npx zx tasks/build.ts S, npx zx test-boot.ts S; "a/npx zx" tasks/build.ts';

test('a command has the path of a repository below the folder of the user, and npx finds zx', () => {
  const bare =
    'npx --prefix bloomery zx bloomery/tasks/build.ts S, npx --prefix bloomery zx bloomery/test-boot.ts S; "a/npx zx" tasks/build.ts';
  assert.is(asTyped(text, { repository, cwd }), bare);
  mkdirSync(join(cwd, 'node_modules/.bin'), { recursive: true });
  writeFileSync(join(cwd, 'node_modules/.bin/zx'), '');
  assert.is(asTyped(text, { repository, cwd }), bare.replaceAll(' --prefix bloomery', ''));
});

test('in the repository, in a folder of it and elsewhere a text is not changed', () => {
  for (const folder of [repository, join(repository, 'tasks'), join(cwd, 'below'), '/']) {
    const below = folder === '/' ? { repository: '/', cwd: folder } : { repository, cwd: folder };
    assert.is(asTyped(text, below), text);
  }
});

test('a hint of a copy says which tasks the copy lacks; that of a checkout does not', () => {
  const hint = 'npx zx tasks/run.ts S, or test-boot.ts; npx zx tasks/build.ts S; tasks/build.ts, "x/tasks/vm.ts"; tasks/copy.ts';
  assert.not.match(hintIn(hint, { repository, cwd }), 'This copy');
  writeFileSync(join(repository, 'origin.json'), '{}');
  const [, note] = hintIn(hint, { repository, cwd }).split('\n      ');
  const command = `npx zx tasks/copy.ts test-boot build ${cwd}`;
  assert.is(note, `This copy does not have test-boot.ts and tasks/build.ts. In a checkout of Bloomery, ${command} adds what is missing.`);
  assert.is(hintIn('npx zx tasks/run.ts S', { repository, cwd }), 'npx zx bloomery/tasks/run.ts S');
  assert.is(hintIn('npx zx tasks/run.ts S', { repository, cwd: join(cwd, 'below') }), 'npx zx ../bloomery/tasks/run.ts S');
  assert.is(asTyped('npx zx tasks/run.ts S', { repository, cwd: root }), 'npx --prefix mine zx mine/bloomery/tasks/run.ts S');
});

test('a word is quoted where a shell would split or expand it, and nowhere else', () => {
  assert.equal(['./a-b.ts', 'é/x', 'a b', "it's", '$x', ''].map(shellWord), ['./a-b.ts', 'é/x', "'a b'", "'it'\\''s'", "'$x'", "''"]);
});

test.run();
