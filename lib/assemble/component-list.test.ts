// Lists of components and recipes before and after a build of one part, which builds no image.
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { console as redoxConsole } from '../../systems/redox/console.ts';
import { machine } from '../../systems/redox/machine.ts';
import { openCache } from '../cache/cache.ts';
import type { Cache } from '../cache/cache.ts';
import { openCookbook } from '../cookbook/cookbook.ts';
import { Failure } from '../core/errors.ts';
import { buildComponent } from './build-component.ts';
import type { BuiltPart } from './build-component.ts';
import { lastBuild, listComponents, packageVersion } from './component-list.ts';
import type { LastBuild } from './component-list.ts';
import { checkRecipes, listRecipes } from './recipes/recipe-list.ts';
import type { ListedRecipe } from './recipes/recipe-list.ts';
import type { System } from '../system/system.ts';

const root = join(import.meta.dirname, '../..');
const dir = await mkdtemp(join(tmpdir(), 'bloomery-list-'));
test.after(() => rm(dir, { recursive: true, force: true }));
const hostEnv = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));
const context = { signal: new AbortController().signal, report: () => {} };
const sources = { kind: 'bundled', local: {} } as const;
const never: LastBuild = { components: {}, recipes: {} };

const system: System = {
  name: 'parts',
  title: 'Parts',
  components: {
    greeter: { title: 'a program', bundled: 'fixtures/crates', cargo: { packages: ['greeter'], bins: ['greeter'] } },
    far: { title: 'only upstream', upstream: { git: 'https://example.invalid/far.git', branch: 'main' }, cargo: {} },
  },
  profiles: { default: { title: 'the only one', cargoProfile: 'dev' } },
  machine,
  console: redoxConsole,
};

async function write(files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(dir, path)), { recursive: true });
    await writeFile(join(dir, path), text);
  }
}

async function withCache<T>(work: (cache: Cache) => Promise<T>): Promise<T> {
  const cache = await openCache(join(dir, 'cache'), process.pid, context.report);
  try {
    return await work(cache);
  } finally {
    await cache.close();
  }
}

async function build(name: string): Promise<BuiltPart> {
  return await withCache(async (cache) => {
    const compile = {
      cache,
      hostEnv,
      toolchain: undefined,
      rustSrc: undefined,
      jobs: 2,
      sandbox: true,
      shorten: (path: string) => path,
      colour: false,
    };
    const recipes = { cookbook: await openCookbook(join(dir, 'book')), wanted: [], local: {}, keepGoing: false };
    const request = { system, profile: 'default', sources, root, outDir: join(dir, 'out'), env: {}, compile, recipes };
    return await buildComponent(request, name, context);
  });
}

test.before(() =>
  write({
    'book/recipes/words/recipe.toml':
      '[build]\ntemplate = "custom"\nscript = "echo words > ${COOKBOOK_STAGE}/words"\n[package]\nversion = "3"\n',
    'book/recipes/uses/recipe.toml':
      '[source]\ntar = "https://example.invalid/x.tar"\nblake3 = "0123456789abcdef"\n[build]\ntemplate = "none"\n',
    'book/recipes/bad/recipe.toml': '[build]\ntemplate = "magic"\n',
  }),
);

test('a component has a version, a source and a pin, also where upstream alone has it', async () => {
  const rows = await withCache((cache) => listComponents({ system, profile: 'default', sources, root, env: {} }, never, cache));
  const [greeter, far] = rows;
  assert.match(greeter?.pin ?? '', /^sha256 [0-9a-f]{12}$/);
  assert.equal([greeter?.source, greeter?.bytes, greeter?.cached], ['bundled fixtures/crates', null, false]);
  assert.equal([far?.source, far?.version, far?.pin], ['https://example.invalid/far.git (branch main)', null, null]);
});

test('one component is built without an image', async () => {
  const { outputs, compiled } = await build('greeter');
  assert.ok(existsSync(outputs['greeter'] ?? ''));
  assert.ok(compiled.misses > 0);
  assert.not.ok(existsSync(join(dir, 'out/parts-default.img')));
  const error: unknown = await build('greter').catch((thrown: unknown) => thrown);
  if (!(error instanceof Failure)) throw error;
  assert.equal([error.message, error.exitCode], ['Cannot build the component "greter": parts has greeter, far', 2]);
});

test('recipes are listed with their state in the cache, and unreadable ones with the reason', async () => {
  const list = (): Promise<readonly ListedRecipe[]> =>
    withCache(async (cache) => {
      const cookbook = await openCookbook(join(dir, 'book'));
      return await listRecipes({ cookbook, wanted: ['words'], local: {}, cache, env: hostEnv, sandbox: true }, never, context);
    });
  const [bad, uses, words] = await list();
  assert.match(bad?.problem ?? '', 'build.template: "magic"');
  assert.equal([uses?.source, uses?.pin, uses?.wanted], ['https://example.invalid/x.tar', 'blake3 0123456789ab', false]);
  assert.equal([words?.version, words?.wanted, words?.cached, words?.bytes], ['3', true, false, null]);
  const { outputs } = await build('words');
  assert.equal(Object.keys(outputs), ['words']);
  const after = (await list()).at(-1);
  assert.equal([after?.cached, after?.bytes], [true, 6]);
  const { problems, unchecked } = await withCache(async (cache) => {
    const cookbook = await openCookbook(join(dir, 'book'));
    return await checkRecipes({ cookbook, wanted: [], local: {}, cache, env: hostEnv, sandbox: true }, context);
  });
  assert.equal([problems.map(({ recipe }) => recipe), unchecked], [['bad'], ['uses']]);
});

test('versions are those of manifests, or of their workspace; a damaged manifest of a build is ignored', async () => {
  await write({
    'ws/Cargo.toml': '[workspace.package]\nversion = "1.2.3"\n',
    'ws/a/Cargo.toml': '[package]\nname = "a"\nversion.workspace = true\n',
    'ws/b/Cargo.toml': '[package\n',
    'last.json': '{ "components": ',
    'other.json': '{ "components": { "a": { "outputs": { "a": { "bytes": "3", "sha256": "0" } } } } }',
  });
  assert.equal([await packageVersion(join(dir, 'ws'), 'a'), await packageVersion(join(dir, 'ws'), 'b')], ['1.2.3', null]);
  assert.equal(await lastBuild(join(dir, 'last.json')), never);
  assert.equal(await lastBuild(join(dir, 'other.json')), never);
  assert.equal(await lastBuild(join(dir, 'none.json')), never);
});

test.run();
