// A cookbook with one recipe for each thing that a lint finds, and one that is right.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openCache } from '../cache/cache.ts';
import { openCookbook } from './cookbook.ts';
import { sandboxPath } from './host-programs.ts';
import { lintRecipes } from './lint.ts';
import { templates } from './recipe.ts';

const dir = await mkdtemp(join(tmpdir(), 'bloomery-lint-'));
test.after(() => rm(dir, { recursive: true, force: true }));

const files: Readonly<Record<string, string>> = {
  'good/recipe.toml': '[source]\npath = "source"\npatches = ["fits.patch"]\n',
  'good/source/words': 'old\n',
  'good/fits.patch': '--- a/words\n+++ b/words\n@@ -1 +1 @@\n-old\n+new\n',
  'unfit/recipe.toml': '[source]\npath = "../good/source"\npatches = ["unfit.patch"]\n',
  'unfit/unfit.patch': '--- a/words\n+++ b/words\n@@ -1 +1 @@\n-other\n+new\n',
  'key/recipe.toml': '[biuld]\n',
  'magic/recipe.toml': '[build]\ntemplate = "magic"\n',
  'lost/recipe.toml': '[build]\ntemplate = "none"\ndependencies = ["zlib"]\n',
  'a/recipe.toml': '[build]\ntemplate = "none"\ndependencies = ["b"]\n',
  'b/recipe.toml': '[build]\ntemplate = "none"\ndependencies = ["a"]\n',
  'c/recipe.toml': '[build]\ntemplate = "none"\ndependencies = ["a", "key"]\n',
  'sourceless/recipe.toml': '[source]\npath = "nowhere"\n',
  'git/recipe.toml': '[source]\ngit = "https://example.invalid/x.git"\npatches = ["x.patch"]\n',
};

test('each problem is reported once, and unreadable recipes are reported', async () => {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(dir, 'recipes', path)), { recursive: true });
    await writeFile(join(dir, 'recipes', path), text);
  }
  const context = { signal: new AbortController().signal, report: () => {} };
  const cache = await openCache(join(dir, 'cache'), process.pid, context.report);
  try {
    const { problems, unchecked } = await lintRecipes(
      {
        ...{ cookbook: await openCookbook(dir), cache, env: { PATH: sandboxPath }, local: {}, sandbox: true, jobs: 2, explain: false },
        fetched: () => Promise.resolve(undefined),
        target: 'x86_64-unknown-linux-gnu',
        toolchain: () => Promise.reject(new Error('no script is run')),
        logDir: join(dir, 'logs'),
      },
      context,
    );
    const found = problems.map(({ recipe, message }) => `${recipe}: ${message.replaceAll(dir, '').replace(/^Cannot /, '')}`);
    assert.equal(found, [
      'key: read "/recipes/key/recipe.toml": biuld: there is no such field',
      'magic: read "/recipes/magic/recipe.toml": build.template: "magic" is not a template; the templates are ' + templates.join(', '),
      'a: build the recipe a: its dependencies form a cycle: a -> b -> a',
      'lost: build the recipe lost: it depends on "zlib", which the cookbook does not have',
      'sourceless: build the recipe sourceless: its source "/recipes/sourceless/nowhere" does not exist',
      'unfit: build the recipe unfit: it lacks a patch that applies: unfit.patch (hunk 1, at line 1, does not)',
    ]);
    assert.equal(unchecked, ['git']);
  } finally {
    await cache.close();
  }
});

test.run();
