// Which paths git ignores, as a real git reports them.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { outputOf } from '../core/sh.ts';
import { withoutIgnored } from './ignored-paths.ts';

const dir = await mkdtemp(join(tmpdir(), 'ignored-paths-'));
test.after(() => rm(dir, { recursive: true }));
const env = { PATH: process.env['PATH'] ?? '', HOME: dir };
const context = { signal: new AbortController().signal };
const [repository, plain] = [join(dir, 'repository'), join(dir, 'plain')];
await mkdir(join(repository, 'deep'), { recursive: true });
await mkdir(plain);
for (const folder of [repository, plain]) await writeFile(join(folder, '.gitignore'), '*.log\n/gen/\n');
await writeFile(join(repository, 'deep/.gitignore'), '!kept.log\n');
await outputOf('make a repository', ['git', 'init', '-q', repository], { cwd: dir, env });

async function kept(folders: readonly string[], ...names: readonly string[]): Promise<readonly string[]> {
  const paths = await withoutIgnored(
    names.map((name) => join(dir, name)),
    { folders, env },
    context,
  );
  return paths.map((path) => path.slice(dir.length + 1));
}

test('ignored files of a repository are left out, by the rules of every level', async () => {
  const names = ['repository/a.log', 'repository/src/main.rs', 'repository/gen/x', 'repository/deep/kept.log', 'repository/odd\nname.rs'];
  assert.equal(await kept([repository], ...names), ['repository/src/main.rs', 'repository/deep/kept.log', 'repository/odd\nname.rs']);
});

test('outside of repositories, in missing folders and without git nothing is ignored', async () => {
  assert.equal(await kept([plain, join(dir, 'gone')], 'plain/a.log', 'gone/b.log', 'c.log'), ['plain/a.log', 'gone/b.log', 'c.log']);
  const without = await withoutIgnored([join(repository, 'a.log')], { folders: [repository], env: { PATH: plain } }, context);
  assert.equal(without, [join(repository, 'a.log')]);
});

test.run();
