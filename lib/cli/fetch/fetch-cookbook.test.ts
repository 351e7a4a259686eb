// What a cookbook gives to tasks/fetch.ts: the sources of its recipes, the location of their lock, and its
// own mirrors.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { sourcesOfCookbook } from './fetch-cookbook.ts';

const dir = await mkdtemp(join(tmpdir(), 'fetch-cookbook-'));
test.after(() => rm(dir, { recursive: true, force: true }));

test('the recipes name the sources, and cookbook.toml the mirrors', async () => {
  await mkdir(join(dir, 'recipes/core/ion'), { recursive: true });
  const recipe = '[source]\ngit = "https://example.org/ion.git"\n[build]\ntemplate = "cargo"\n';
  await writeFile(join(dir, 'recipes/core/ion/recipe.toml'), recipe);
  await writeFile(join(dir, 'cookbook.toml'), '[mirrors]\n"https://example.org/" = "https://example.net/"\n');
  const { sources, lockPath, mirrors } = await sourcesOfCookbook(dir);
  assert.equal(sources, [{ name: 'ion', source: { git: 'https://example.org/ion.git' }, cargoFolders: ['.'] }]);
  assert.is(lockPath, join(dir, 'sources.lock'));
  assert.equal(mirrors, [{ from: 'https://example.org/', to: 'https://example.net/' }]);
});

test.run();
