// tasks/list.ts as users call it, with the bundled system, and with a cookbook that has a valid recipe and an
// invalid one.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { run } from '../../core/sh.ts';
import type { RunResult } from '../../core/sh.ts';
import { listFlags } from './list-task.ts';
import { listTree } from '../../report/list-tree.ts';

const root = join(import.meta.dirname, '../../..');
const hostEnv = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));
const dir = await mkdtemp(join(tmpdir(), 'bloomery-list-'));
test.after(() => rm(dir, { recursive: true, force: true }));

async function list(...words: readonly string[]): Promise<RunResult> {
  const argv = [process.execPath, join(root, 'tasks/list.ts'), ...words, '--cache', join(dir, 'cache'), '--out', join(dir, 'out')];
  return await run(argv, { cwd: root, env: hostEnv });
}

interface Listed {
  readonly components: readonly { readonly name: string; readonly version: string; readonly cached: boolean; readonly source: string }[];
  readonly recipes: readonly { readonly name: string; readonly template: string | null; readonly problem?: string }[];
}

const files: Readonly<Record<string, string>> = {
  'recipes/a/recipe.toml': '[build]\ntemplate = "custom"\nscript = "true"\ndependencies = ["b"]\n',
  'recipes/b/recipe.toml': '[build]\ntemplate = "none"\n',
  'config/mine.toml': '[packages]\na = {}\n',
};

test.before(async () => {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(dir, path)), { recursive: true });
    await writeFile(join(dir, path), text);
  }
});

test('components have a version and a source, and are not cached in an empty cache', async () => {
  const { stdout, exitCode } = await list('redox', '--json');
  assert.is(exitCode, 0);
  const { components, recipes } = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Listed;
  assert.equal(components[0], {
    ...components[0],
    ...{ name: 'bootloader', version: '0.1.0', source: 'bundled ../fixtures/redox', cached: false },
  });
  assert.equal(recipes, []);
  assert.match((await list('rust-nixos')).stdout, "Debian's, not fetched");
});

test('a tree shows the packages that a configuration installs, and a table all recipes', async () => {
  const words = ['redox', '--cookbook', dir, '--config', join(dir, 'config/mine.toml')];
  const tree = await list(...words, '--tree');
  assert.match(tree.stdout, 'redox, profile mine\n');
  assert.match(tree.stdout, '└─ a (recipe, custom)\n   └─ b (recipe, none)\n');
  assert.match((await list(...words)).stdout, /^a \* +- +- +custom +none$/m);
});

test('--help names every flag', async () => {
  const { stdout } = await list('--help');
  for (const name of Object.keys(listFlags)) assert.match(stdout, `--${name}`);
});

test('a tree expands a recipe once, and names missing and left out packages', () => {
  const base = { path: '', version: null, source: '', pin: null, bytes: null };
  const recipe = (name: string, dependencies: readonly string[], wanted: boolean) => ({
    ...base,
    ...{ name, template: 'custom', dependencies, wanted, cached: name === 'z' },
  });
  const recipes = [recipe('a', ['z', 'gone'], true), recipe('b', ['a'], true), recipe('z', [], false)];
  assert.equal(listTree({ system: { name: 's' }, profile: 'p', components: [], recipes, leftOut: [{ name: 'ion' }] }), [
    's, profile p',
    '├─ a (recipe, custom)',
    '│  ├─ z (recipe, custom, cached)',
    '│  └─ gone (missing)',
    '├─ b (recipe, custom)',
    '│  └─ a (recipe, custom) ...',
    '└─ ion (left out)',
  ]);
});

test('a check ends with 1 if there is a problem', async () => {
  const right = await list('redox', '--cookbook', dir, '--check');
  assert.equal([right.exitCode, right.stdout], [0, '0 problems found in 2 recipes\n']);
  await mkdir(join(dir, 'recipes/c'));
  await writeFile(join(dir, 'recipes/c/recipe.toml'), '[build]\ntemplate = "magic"\n');
  const wrong = await list('redox', '--cookbook', dir, '--check', '--json');
  assert.is(wrong.exitCode, 1);
  assert.match(wrong.stdout, 'build.template: "magic" is not a template');
  const { recipes } = JSON.parse((await list('redox', '--cookbook', dir, '--json')).stdout) as Listed;
  assert.match(recipes.find(({ name }) => name === 'c')?.problem ?? '', 'magic');
  assert.is((await list('redox', '--check')).stdout, '0 problems found, the configuration can be read\n');
});

test.run();
