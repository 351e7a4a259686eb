// Downloaded sources of recipes: what fetch downloads for a cookbook, and what a build finds of it.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { serveCrates } from '../dev/upstream/crate-registry.ts';
import { makeRepository } from '../dev/upstream/repositories.ts';
import { openCache } from '../cache/cache.ts';
import { digestBytes } from '../core/digest.ts';
import type { Context } from '../core/events.ts';
import { outputOf } from '../core/sh.ts';
import { fetchUpstream } from '../upstream/fetch.ts';
import { buildRecipes } from './build-recipes.ts';
import type { RecipeRequest } from './build-recipes.ts';
import { openCookbook } from './cookbook.ts';
import type { Cookbook } from './cookbook.ts';
import { hostTriple } from './host-triple.ts';
import { recipeGraph } from './recipe-graph.ts';
import { cookbookLockPath, cookbookMirrors, fetchedRecipes, recipeSources } from './upstream-recipes.ts';

const env = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));
const context: Context = { signal: new AbortController().signal, report: () => undefined };
const dir = mkdtempSync(join(tmpdir(), 'upstream-recipes-'));
test.after(() => rmSync(dir, { recursive: true, force: true }));

async function cookbook(name: string, recipes: Readonly<Record<string, string>>): Promise<Cookbook> {
  for (const [recipe, text] of Object.entries(recipes)) {
    mkdirSync(join(dir, name, 'recipes', recipe), { recursive: true });
    writeFileSync(join(dir, name, 'recipes', recipe, 'recipe.toml'), text);
  }
  return await openCookbook(join(dir, name));
}

test('git and tar sources are downloads, paths and sources of other recipes are not', async () => {
  const rev = '0123456789abcdef0123456789abcdef01234567';
  const book = await cookbook('kinds', {
    branch: '[source]\ngit = "https://x/branch.git"\nbranch = "dev"\n',
    pinned: `[source]\ngit = "https://x/pinned.git"\nrev = "${rev}"\n[build]\ntemplate = "cargo"\npackage_path = "cli"\n`,
    tagged: '[source]\ngit = "https://x/tagged.git"\nrev = "v1.2"\n',
    packed: '[source]\ntar = "https://x/packed.tar.gz"\nblake3 = "00"\n',
    folder: '[source]\npath = "source"\n',
    same: '[source]\nsame_as = "../branch"\n',
  });
  assert.equal(await recipeSources(book), [
    { name: 'branch', source: { git: 'https://x/branch.git', branch: 'dev' }, cargoFolders: ['.'] },
    { name: 'packed', source: { tar: 'https://x/packed.tar.gz', blake3: '00' }, cargoFolders: ['.'] },
    { name: 'pinned', source: { git: 'https://x/pinned.git', rev }, cargoFolders: ['.', 'cli'] },
    { name: 'tagged', source: { git: 'https://x/tagged.git', tag: 'v1.2' }, cargoFolders: ['.'] },
  ]);
});

test('a build uses the sources of the lock, and nothing if the recipe names another branch', async () => {
  const upstream = join(dir, 'upstream');
  mkdirSync(upstream);
  const repository = await makeRepository(upstream, 'words');
  await repository.commit('words', { 'words.txt': 'words\n' });
  const recipe = (branch: string): string => `[source]\ngit = "file://${repository.path}"\nbranch = "${branch}"\n`;
  const cacheDir = join(dir, 'cache');
  const folder = async (): Promise<string | undefined> => {
    const book = await openCookbook(join(dir, 'book'));
    return await fetchedRecipes(book, cacheDir)(await book.recipe('words'));
  };
  const book = await cookbook('book', { words: recipe('main') });
  assert.is(await folder(), undefined);
  const request = { only: [], update: false, dryRun: false, cacheDir, host: { env, mirrors: [] }, sysroot: () => Promise.resolve('') };
  await fetchUpstream({ ...request, sources: await recipeSources(book), lockPath: cookbookLockPath(book) }, context);
  assert.is(readFileSync(join((await folder()) ?? '', 'words.txt'), 'utf8'), 'words\n');
  await cookbook('book', { words: recipe('other') });
  assert.is(await folder(), undefined);
});

test('mirrors of cookbook.toml are rules for downloads', async () => {
  const book = await cookbook('mirrored', { words: '[source]\ntar = "https://a.invalid/words.tar"\n' });
  assert.equal(await cookbookMirrors(book), []);
  writeFileSync(join(book.folder, 'cookbook.toml'), '[cook]\noffline = true\n[mirrors]\n"https://a.invalid" = "https://b.invalid/a"\n');
  assert.equal(await cookbookMirrors(book), [{ from: 'https://a.invalid', to: 'https://b.invalid/a' }]);
  writeFileSync(join(book.folder, 'cookbook.toml'), '[mirrors]\n"https://a.invalid" = 1\n');
  const { message } = await cookbookMirrors(book).then(
    () => new Error('accepted'),
    (error: Error) => error,
  );
  assert.match(message, 'mirrors."https://a.invalid": it must be a string');
});

test('a script that calls cargo finds the crates that were fetched', async () => {
  const upstream = join(dir, 'calls-cargo');
  mkdirSync(upstream);
  const registry = await serveCrates(
    [{ name: 'leftpad', version: '1.0.0', files: { 'src/lib.rs': 'pub fn pad() -> u8 { 7 }\n' } }],
    upstream,
  );
  try {
    const repository = await makeRepository(upstream, 'app');
    const source = 'registry+https://github.com/rust-lang/crates.io-index';
    await repository.commit('app', {
      'Cargo.toml': '[package]\nname = "app"\nversion = "0.1.0"\nedition = "2021"\n[dependencies]\nleftpad = "1"\n',
      'Cargo.lock': [
        'version = 4\n',
        '[[package]]\nname = "app"\nversion = "0.1.0"\ndependencies = [\n "leftpad",\n]\n',
        `[[package]]\nname = "leftpad"\nversion = "1.0.0"\nsource = "${source}"\nchecksum = "${registry.checksum('leftpad')}"\n`,
      ].join('\n'),
      'src/main.rs': 'fn main() { std::process::exit(leftpad::pad().into()) }\n',
    });
    const recipe = `[source]\ngit = "file://${repository.path}"\n[build]\ntemplate = "custom"\nscript = "cookbook_cargo"\n`;
    const book = await cookbook('calls', { app: recipe });
    const cacheDir = join(dir, 'calls-cache');
    const sysroot = (await outputOf('find the toolchain', ['/usr/bin/env', 'rustc', '--print', 'sysroot'], { cwd: '/', env })).trim();
    const host = { env, mirrors: [{ from: 'crates-io', to: registry.url }] };
    const request = { only: [], update: false, dryRun: false, cacheDir, host, sysroot: () => Promise.resolve(sysroot) };
    await fetchUpstream({ ...request, sources: await recipeSources(book), lockPath: cookbookLockPath(book) }, context);
    const cache = await openCache(cacheDir, process.pid, context.report);
    try {
      const { order } = await recipeGraph(['app'], book);
      const build: RecipeRequest = {
        ...{ cookbook: book, order, cache, env, local: {}, compiled: new Map(), sandbox: true, jobs: 2, keepGoing: false, explain: false },
        fetched: fetchedRecipes(book, cacheDir),
        target: hostTriple(),
        toolchain: () => Promise.resolve({ sysroot, identity: digestBytes(sysroot) }),
        logDir: undefined,
      };
      const { stages } = await buildRecipes(build, context);
      assert.ok(stages.get('app')?.artifacts.some(({ path }) => path === 'usr/bin/app'));
    } finally {
      await cache.close();
    }
  } finally {
    await registry.close();
  }
});

test.run();
