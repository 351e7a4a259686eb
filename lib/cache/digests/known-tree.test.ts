// The stored digest of a tree is always the one that reading the tree would return, whatever changes in the
// tree or in the ignore rules of git.
import { mkdir, readFile, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { settle, withScratch } from '../../dev/testing/scratch.ts';
import { knownTree } from './known-tree.ts';

const options = { gitignore: true, ignore: ['target'] };

test('a stored tree has the digest of the tree after every change', async () => {
  await withScratch(async (scratch) => {
    const { folder, write, reopen } = scratch;
    const tree = join(folder, 'tree');
    await write('tree/.git/HEAD', '');
    await write('tree/.gitignore', '*.log');
    await write('tree/src/main.rs', 'fn main() {}');
    await write('tree/target/out', '');
    await settle(scratch);
    const steps: readonly (readonly [string, () => Promise<unknown>])[] = [
      ['nothing', async () => {}],
      ['nothing', async () => {}],
      ['touched', () => utimes(join(tree, 'src/main.rs'), 1, 1)],
      ['edited', () => write('tree/src/main.rs', 'fn main() { }')],
      ['what git ignores', () => write('tree/src/a.log', '')],
      ['what is left out', () => write('tree/target/out', 'else')],
      ['a new file', () => write('tree/src/b.rs', '')],
      ['renamed', () => rename(join(tree, 'src/b.rs'), join(tree, 'src/c.rs'))],
      ['a new folder', () => mkdir(join(tree, 'empty'))],
      ['git ignores something else', () => write('tree/.gitignore', '*.rs')],
      ['gone', () => rm(join(tree, 'src'), { recursive: true })],
    ];
    for (const [what, step] of steps) {
      await step();
      const wanted = await (await reopen()).digests.tree(tree, options);
      assert.is(await knownTree(await reopen(), tree, options), wanted, what);
      await settle(scratch);
      assert.is(await knownTree(await reopen(), tree, options), wanted, `${what}, remembered`);
    }
  });
});

const rules: readonly (readonly [what: string, before: Readonly<Record<string, string>>, edit: readonly [path: string, text: string]])[] = [
  ['a rule in the folder above changes', { '.gitignore': '*.log', 'p/a.log': '' }, ['.gitignore', '*.txt']],
  ['a rule in the folder above appears', { 'p/a.log': '' }, ['.gitignore', '*.log']],
  ['a rule that ignores itself changes', { 'p/.gitignore': '.*\n*.log', 'p/a.log': '' }, ['p/.gitignore', '.*\n*.foo']],
  [
    'a rule below that is ignored changes',
    { 'p/.gitignore': '.*', 'p/sub/.gitignore': '*.log', 'p/sub/a.log': '' },
    ['p/sub/.gitignore', '*.foo'],
  ],
  ['a file of a kind that is brought back', { 'p/.gitignore': '*\n!*/\n!*.rs', 'p/a/b/x.rs': '' }, ['p/a/b/c.rs', '']],
  ['one in a folder of which nothing was seen', { 'p/.gitignore': '*\n!*/\n!*.rs', 'p/a/b/x.txt': '' }, ['p/a/b/c.rs', '']],
  ['a path that is brought back', { 'p/.gitignore': '/a/*\n!/a/b/\n/a/b/*\n!/a/b/c', 'p/a/b/x': '' }, ['p/a/b/c', '']],
];
for (const [what, before, [path, text]] of rules) {
  test(`ignore rules of git are respected: ${what}`, async () => {
    await withScratch(async (scratch) => {
      const { folder, write, reopen } = scratch;
      await write('.git/HEAD', '');
      for (const [name, content] of Object.entries(before)) await write(name, content);
      await settle(scratch);
      const tree = join(folder, 'p');
      const first = await knownTree(await reopen(), tree, options);
      await settle(scratch);
      await write(path, text);
      const fresh = await (await reopen()).digests.tree(tree, options);
      assert.is.not(fresh, first);
      assert.is(await knownTree(await reopen(), tree, options), fresh);
    });
  });
}

test('a damaged record is ignored', async () => {
  await withScratch(async ({ folder, write, reopen }) => {
    await write('tree/a', 'text');
    const cache = await reopen();
    const wanted = await knownTree(cache, join(folder, 'tree'), options);
    const [key = ''] = await (await cache.records('trees', (value): value is never => value !== undefined)).keys();
    const path = join(cache.dir, 'trees', key.slice(0, 2), key);
    await writeFile(
      path,
      (await readFile(path, 'utf8')).replace(
        wanted,
        wanted.replace(/./, (digit) => (digit === '0' ? '1' : '0')),
      ),
    );
    assert.is(await knownTree(await reopen(), join(folder, 'tree'), options), wanted);
  });
});

test.run();
