// Recipes and cookbooks in files. Mistakes are named and affect only builds that use the recipe.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Failure } from '../core/errors.ts';
import { parseTomlFields } from '../core/fields.ts';
import { cargoRecipe } from './cargo-recipe.ts';
import { openCookbook } from './cookbook.ts';
import type { Cookbook } from './cookbook.ts';
import { allDependencies, recipeGraph } from './recipe-graph.ts';
import { buildScript, callsCargo, programWords, requiredPrograms } from './recipe-script.ts';
import { sourceFolder } from './recipe-source.ts';
import { recipeOf } from './recipe.ts';
import type { Recipe } from './recipe.ts';

const dir = await mkdtemp(join(tmpdir(), 'bloomery-recipe-'));
test.after(() => rm(dir, { recursive: true, force: true }));

function parsed(text: string): Recipe {
  return recipeOf('x', parseTomlFields(text, `${dir}/x/recipe.toml`));
}

/** A cookbook with these recipes: folder below recipes/ -> text. */
async function cookbook(name: string, recipes: Readonly<Record<string, string>>): Promise<Cookbook> {
  for (const [path, text] of Object.entries(recipes)) {
    const file = join(dir, name, 'recipes', path, 'recipe.toml');
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
  }
  return await openCookbook(join(dir, name));
}

async function message(work: () => unknown): Promise<string> {
  try {
    await work();
  } catch (error) {
    if (error instanceof Failure) return error.message;
    throw error;
  }
  throw new Error('nothing was thrown');
}

const custom = (dependencies: readonly string[]): string =>
  `[build]\ntemplate = "custom"\nscript = "true"\ndependencies = ${JSON.stringify(dependencies)}\n`;

test('a recipe has its source, its build and its packages', () => {
  const recipe = parsed(
    '[source]\ngit = "https://example.invalid/x.git"\nupstream = "y"\nbranch = "main"\nrev = "abc"\nshallow_clone = true\n' +
      'patches = ["a.patch"]\nscript = "s"\n' +
      '[build]\ntemplate = "cargo"\npackage_path = "cli"\ncargoflags = "--no-default-features --features a,b"\ncargopackages = ["p"]\n' +
      'dependencies = ["zlib"]\ndev-dependencies = ["host:nasm"]\n' +
      '[package]\ndependencies = ["ca-certificates"]\nversion = "1.2"\n[[optional-packages]]\nname = "doc"\nfiles = ["usr/share/doc/**"]\n',
  );
  assert.equal(recipe.source, {
    kind: 'git',
    git: 'https://example.invalid/x.git',
    patches: ['a.patch'],
    script: 's',
    branch: 'main',
    rev: 'abc',
  });
  assert.equal(recipe.build.flags, ['--no-default-features', '--features', 'a,b']);
  assert.equal(recipe.build.cargo, { path: 'cli', packages: ['p'], examples: [] });
  assert.equal([recipe.build.dependencies, recipe.build.devDependencies], [['zlib'], ['nasm']]);
  assert.equal([recipe.version, recipe.packageDependencies], ['1.2', ['ca-certificates']]);
  assert.equal(recipe.optionalPackages, [{ name: 'doc', dependencies: [], files: ['usr/share/doc/**'] }]);
  assert.equal(parsed('').build.template, 'none');
});

test('a mistake in a recipe is named by its path', async () => {
  const cases: readonly (readonly [text: string, why: string])[] = [
    [
      '[build]\ntemplate = "magic"\n',
      'build.template: "magic" is not a template; the templates are none, remote, cargo, configure, cmake, meson, custom',
    ],
    ['[build]\n', 'build.template: it is missing; the templates are'],
    ['[build]\ntemplat = "none"\n', 'build.templat: there is no such field'],
    ['[build]\ntemplate = "custom"\n', 'build.script: the template custom needs it'],
    ['[build]\ntemplate = "cargo"\nscript = "x"\n', 'build.script: there is no such field'],
    ['[build]\ntemplate = "none"\ndependencies = "a"\n', 'build.dependencies: it must be an array of strings'],
    ['[source]\ngit = "a"\ntar = "b"\n', 'source.tar: there is git too'],
    ['[source]\npath = ""\n', 'source.path: it is empty'],
    ['[source]\nsame_as = "../y"\npatches = ["a"]\n', 'source.patches: the source of another recipe'],
    ['[source]\npatches = ["a"]\n', 'source.patches: there is no source'],
    ['[package]\nsize = 1\n', 'package.size: there is no such field'],
    ['[[optional-packages]]\nfiles = []\n', 'optional-packages[0].name: an optional package needs one'],
    ['[biuld]\n', 'biuld: there is no such field'],
  ];
  for (const [text, why] of cases) assert.match(await message(() => parsed(text)), why, text);
});

test('recipes are found by name, and read when they are asked for', async () => {
  const book = await cookbook('found', { 'core/b': '', a: '[build]\ntemplate = "magic"\n', 'core/b/source/recipes/z': '' });
  assert.equal([...book.paths.keys()], ['a', 'b']);
  assert.is((await book.recipe('b')).name, 'b');
  assert.match(await message(() => book.recipe('a')), 'build.template: "magic"');
  assert.is(await message(() => book.recipe('c')), 'Cannot find the recipe "c": the cookbook does not have it');
  assert.match(
    await message(() => cookbook('twice', { 'core/b': '', 'other/b': '' })),
    'the recipe b is there twice: recipes/core/b/recipe.toml and recipes/other/b',
  );
  await mkdir(join(dir, 'empty'));
  assert.match(await message(() => openCookbook(join(dir, 'empty'))), 'it has no recipes/**/recipe.toml');
  assert.match(await message(() => openCookbook(join(dir, 'nowhere'))), 'it does not exist');
});

test('a graph has dependencies first, and what packages install with them', async () => {
  const book = await cookbook('graph', {
    a: `${custom(['b', 'c'])}[package]\ndependencies = ["data", "c.doc"]\n`,
    b: custom(['c']),
    c: `${custom([])}[[optional-packages]]\nname = "doc"\nfiles = ["d"]\n`,
    data: '[package]\ndependencies = ["a"]\n',
  });
  const { order, installed } = await recipeGraph(['a'], book);
  assert.equal(
    order.map(({ name }) => name),
    ['c', 'b', 'a', 'data'],
  );
  assert.equal(installed, ['a', 'data', 'c.doc']);
  const a = await book.recipe('a');
  assert.equal(allDependencies(a, order, 'dependencies'), ['b', 'c']);
  assert.match(await message(() => recipeGraph(['c.dox'], book)), 'Cannot install the package "c.dox": the recipe c has only doc');
});

test('a cycle is printed from end to end, and a missing dependency with its dependent', async () => {
  const book = await cookbook('cycle', { a: custom(['b']), b: custom(['a']), lone: custom(['lone']), lost: custom(['zlb']), zlib: '' });
  assert.is(await message(() => recipeGraph(['a'], book)), 'Cannot build the recipe a: its dependencies form a cycle: a -> b -> a');
  assert.match(await message(() => recipeGraph(['lone'], book)), 'lone -> lone');
  assert.is(
    await message(() => recipeGraph(['lost'], book)),
    'Cannot build the recipe lost: it depends on "zlb", which the cookbook does not have',
  );
});

test('a source is a folder, or a lack that is named', async () => {
  const book = await cookbook('sources', {
    here: '[source]\npath = "source"\n',
    gone: '[source]\npath = "nowhere"\n',
    same: '[source]\nsame_as = "../here"\n',
    round: '[source]\nsame_as = "../round"\n',
    patched: '[source]\npath = "."\npatches = ["no.patch"]\n',
    tar: '[source]\ntar = "https://example.invalid/x.tar.gz"\n',
    none: '',
    remote: '[build]\ntemplate = "remote"\n',
  });
  const here = join(dir, 'sources/recipes/here/source');
  await mkdir(here);
  const request = { cookbook: book, local: { tar: here }, fetched: () => Promise.resolve(undefined) };
  const of = async (name: string): Promise<string | undefined> => (await sourceFolder(await book.recipe(name), request)).folder;
  assert.equal([await of('here'), await of('same'), await of('tar'), await of('none')], [here, here, here, undefined]);
  assert.match(await message(() => of('remote')), 'it lacks its binary package');
  assert.match(await message(() => of('gone')), 'its source "');
  assert.match(await message(() => of('round')), 'same_as forms a cycle: round -> round');
  assert.match(await message(() => of('patched')), 'its patch "');
  const lacking = await sourceFolder(parsed('[source]\ngit = "https://example.invalid/x.git"\n'), request).catch((error: unknown) => error);
  assert.ok(lacking instanceof Failure);
  assert.is(lacking.exitCode, 69);
  assert.is(lacking.message, 'Cannot build the recipe x: it lacks its source, https://example.invalid/x.git, which has not been fetched');
});

test('templates are shell text, and programs are known by the words of scripts', () => {
  const configure = parsed('[build]\ntemplate = "configure"\nconfigureflags = ["--with-z=${COOKBOOK_SYSROOT}", "--name=a \\"b\\""]\n');
  assert.match(buildScript(configure), 'cookbook_configure "--with-z=${COOKBOOK_SYSROOT}" "--name=a \\"b\\""\n');
  assert.equal(requiredPrograms(configure), ['make', 'cc']);
  assert.is(buildScript(parsed('')), '');
  const script = parsed('[build]\ntemplate = "custom"\nscript = "cookbook_cargo; nasm -f elf64"\n');
  assert.ok(callsCargo(script));
  assert.ok(['nasm', 'cc', 'bash'].every((name) => programWords(script).includes(name)));
});

test('the template cargo is a project, and unsupported flags are named', async () => {
  const source = join(dir, 'cargo');
  await mkdir(join(source, 'cli'), { recursive: true });
  await writeFile(join(source, 'cli/Cargo.toml'), '');
  const project = (flags: string): ReturnType<typeof cargoRecipe> =>
    cargoRecipe(parsed(`[build]\ntemplate = "cargo"\npackage_path = "cli"\ncargoflags = ${JSON.stringify(flags)}\n`), {
      source,
      triple: undefined,
      env: {},
      cargoConfigs: [],
    });
  const { bins, features, defaultFeatures, profile, dir: folder } = project('--bin hx --no-default-features --features=a,b -F c --locked');
  assert.equal([bins, features, defaultFeatures, profile, folder], [['hx'], ['a', 'b', 'c'], false, 'release', join(source, 'cli')]);
  assert.is(project('--manifest-path "${COOKBOOK_SOURCE}/cli/Cargo.toml"').dir, join(source, 'cli'));
  assert.is(await message(() => project('-Zmagic')), 'Cannot build the recipe x: it lacks a compiler that knows the flag -Zmagic');
  assert.match(await message(() => project('--bin')), 'its flag --bin has no value');
});

test.run();
