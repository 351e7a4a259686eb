// Builds an image of recipes: a Rust program by the crate compiler, a file by a script, and packages that conflict or do not fit.
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { console as redoxConsole } from '../../../systems/redox/console.ts';
import { machine } from '../../../systems/redox/machine.ts';
import { openCache } from '../../cache/cache.ts';
import { openCookbook } from '../../cookbook/cookbook.ts';
import { Failure } from '../../core/errors.ts';
import { pathOf } from '../../core/paths.ts';
import { run } from '../../core/sh.ts';
import { MiB } from '../../core/sizes.ts';
import { openImage } from '../../image/read/image-reader.ts';
import { buildSystem } from '../build-system.ts';
import type { BuiltSystem } from '../build-system.ts';
import { configuredSystem } from '../configured-system.ts';
import type { System } from '../../system/system.ts';

const dir = await mkdtemp(join(tmpdir(), 'bloomery-packages-'));
test.after(() => rm(dir, { recursive: true, force: true }));
const hostEnv = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));
const context = { signal: new AbortController().signal, report: () => {} };

/** One partition with only the files of a configuration. */
const empty: System = {
  name: 'empty',
  title: 'Empty',
  components: {},
  profiles: { default: { title: 'the only one', cargoProfile: 'dev', configuration: 'none.toml' } },
  configurations: { folder: 'systems', rootPartition: 'root', bootPartition: 'EFI', architecture: 'x86_64', packages: {} },
  image: {
    sizeBytes: 64 * MiB,
    timestampSec: 1_767_225_600,
    partitions: [{ name: 'root', typeGuid: '0FC63DAF-8483-4772-8E79-3D69D8477DE4', fileSystem: { kind: 'redoxfs' }, files: {} }],
  },
  machine,
  console: redoxConsole,
};

const custom = (script: string, more = ''): string => `[build]\ntemplate = "custom"\n${more}script = """\n${script}\n"""\n`;

async function write(files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(dir, path)), { recursive: true });
    await writeFile(join(dir, path), text);
  }
}

async function build(config: string, local: Readonly<Record<string, string>> = {}): Promise<BuiltSystem> {
  await write({ 'my.toml': config });
  const cookbook = await openCookbook(join(dir, 'book'));
  const recipes = new Set(cookbook.paths.keys());
  const sources = { kind: 'bundled', local: {} } as const;
  const request = { system: empty, profile: 'default', sources, root: dir, recipes, config: join(dir, 'my.toml') };
  const { system, profile, packages } = await configuredSystem(request);
  const cache = await openCache(join(dir, 'cache'), process.pid, context.report);
  try {
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
    const wanted = { cookbook, wanted: packages.recipes, local, keepGoing: false };
    return await buildSystem(
      { system, profile, packages, sources, root: dir, outDir: join(dir, 'out'), env: {}, compile, recipes: wanted },
      context,
    );
  } finally {
    await cache.close();
  }
}

async function failure(work: Promise<unknown>): Promise<Failure> {
  try {
    await work;
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

/** Paths of the image -> kind, or the target of a link. */
async function contents(image: string): Promise<Readonly<Record<string, string>>> {
  const open = await openImage(image, tmpdir(), { path: pathOf(hostEnv) }, context);
  try {
    const rows: Record<string, string> = {};
    for (const { volume } of open.volumes) {
      for await (const entry of volume?.entries() ?? [])
        rows[entry.path] = entry.kind === 'symlink' ? (entry.target ?? '') : `${entry.kind} ${entry.mode.toString(8)}`;
    }
    return rows;
  } finally {
    await open.close();
  }
}

test('programs, files and links of recipes are in the image, below the files of the configuration', async () => {
  await write({
    'book/recipes/hello/recipe.toml': '[source]\npath = "source"\n[build]\ntemplate = "cargo"\n',
    'book/recipes/hello/source/Cargo.toml': '[package]\nname = "hello"\nversion = "0.1.0"\nedition = "2021"\n',
    'book/recipes/hello/source/src/main.rs': 'fn main() { println!("hello"); }\n',
    'book/recipes/words/recipe.toml': custom(
      'mkdir -p ${COOKBOOK_STAGE}/bin ${COOKBOOK_STAGE}/etc\ntouch ${COOKBOOK_STAGE}/bin/words\nchmod +x ${COOKBOOK_STAGE}/bin/words\n' +
        'ln -s words ${COOKBOOK_STAGE}/bin/w\necho recipe > ${COOKBOOK_STAGE}/etc/words',
    ),
    'book/recipes/both/recipe.toml': '[build]\ntemplate = "none"\n[package]\ndependencies = ["hello", "words"]\n',
  });
  const config =
    '[packages]\nboth = {}\n[[files]]\npath = "/bin"\ndata = "usr/bin"\nsymlink = true\n[[files]]\npath = "/etc/words"\ndata = "mine"\n';
  const built = await build(config);
  const rows = await contents(built.imagePath);
  assert.equal(
    [rows['bin'], rows['usr/bin/hello'], rows['usr/bin/words'], rows['usr/bin/w']],
    ['usr/bin', 'file 755', 'file 755', 'words'],
  );
  const manifest = JSON.parse(await readFile(built.manifestPath, 'utf8')) as { recipes: Record<string, { files: number }> };
  assert.equal(Object.fromEntries(Object.entries(manifest.recipes).map(([name, { files }]) => [name, files])), {
    both: 0,
    hello: 1,
    words: 2,
  });
  const again = await build(config);
  assert.is(again.compiled.misses, 0);
  assert.is(again.image.sha256, built.image.sha256);
});

test('a Rust source is patched for the crate compiler, and a script may call cargo itself', async () => {
  const main = (word: string): string => `fn main() { println!("${word}"); }\n`;
  const manifest = (name: string): string => `[package]\nname = "${name}"\nversion = "0.1.0"\nedition = "2021"\n`;
  await write({
    'book/recipes/patched/recipe.toml': '[source]\npath = "source"\npatches = ["word.patch"]\n[build]\ntemplate = "cargo"\n',
    'book/recipes/patched/word.patch': `--- a/src/main.rs\n+++ b/src/main.rs\n@@ -1 +1 @@\n-${main('old')}+${main('new')}`,
    'book/recipes/patched/source/Cargo.toml': manifest('patched'),
    'book/recipes/patched/source/src/main.rs': main('old'),
    'book/recipes/own/recipe.toml':
      '[source]\npath = "source"\n' +
      custom('DYNAMIC_INIT\ncookbook_cargo\nmkdir -p ${COOKBOOK_STAGE}/etc\n${COOKBOOK_STAGE}/usr/bin/own > ${COOKBOOK_STAGE}/etc/own'),
    'book/recipes/own/source/Cargo.toml': manifest('own'),
    'book/recipes/own/source/src/main.rs': main('by cargo'),
  });
  const { imagePath } = await build('[packages]\npatched = {}\nown = {}\n');
  assert.is((await contents(imagePath))['usr/bin/patched'], 'file 755');
  const packages = join(dir, 'out/empty-my/packages');
  assert.is(await readFile(join(packages, 'own/etc/own'), 'utf8'), 'by cargo\n');
  const ran = await run([join(packages, 'patched/usr/bin/patched')], { cwd: dir, env: {} });
  assert.is(ran.stdout, 'new\n');
});

test('two packages that install the same path are named', async () => {
  await write({ 'book/recipes/other/recipe.toml': custom('mkdir -p ${COOKBOOK_STAGE}/etc\necho other > ${COOKBOOK_STAGE}/etc/words') });
  const { message, exitCode } = await failure(build('[packages]\nother = {}\nwords = {}\n'));
  assert.is(message, 'Cannot install the packages: the packages other and words both install "/etc/words"');
  assert.is(exitCode, 1);
});

test('an image that is too small is reported with the sizes of its packages', async () => {
  await write({ 'book/recipes/big/recipe.toml': custom('head -c 20000000 /dev/urandom > ${COOKBOOK_STAGE}/big') });
  const { message, detail } = await failure(build('[general]\nfilesystem_size = 8\n[packages]\nbig = {}\nwords = {}\n'));
  assert.match(message, /^Cannot write the RedoxFS "root": its 7\.\d+ MiB are too small: \d+ bytes \(.*\) are missing$/);
  assert.match(detail ?? '', /what is in the image:\n *19\.\d MiB {2}big\n/);
});

test.run();
