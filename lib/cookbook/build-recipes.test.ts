// Builds recipes of every template in the sandbox: stages, sysroots, patches, rebuilds, and the message of each failure.
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openCache } from '../cache/cache.ts';
import { Failure } from '../core/errors.ts';
import { findProgram } from '../core/sh.ts';
import { buildRecipes, preparedSources } from './build-recipes.ts';
import type { BuiltRecipes, RecipeRequest } from './build-recipes.ts';
import { openCookbook } from './cookbook.ts';
import { sandboxPath } from './host-programs.ts';
import { hostTriple } from './host-triple.ts';
import { recipeGraph } from './recipe-graph.ts';
import type { Stage } from './stages.ts';

const dir = await mkdtemp(join(tmpdir(), 'bloomery-recipes-'));
test.after(() => rm(dir, { recursive: true, force: true }));

const env = { PATH: sandboxPath };
const context = { signal: new AbortController().signal, report: () => {} };

/** Writes files below the cookbook of a test: path below recipes/ -> text. */
async function write(book: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    const file = join(dir, book, 'recipes', path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
  }
}

interface Built extends BuiltRecipes {
  /** The text of a file of a stage. */
  readonly text: (recipe: string, path: string) => Promise<string>;
}

async function build(book: string, wanted: readonly string[], changes: Partial<RecipeRequest> = {}): Promise<Built> {
  const cache = await openCache(join(dir, 'cache'), process.pid, context.report);
  try {
    const cookbook = await openCookbook(join(dir, book));
    const { order } = await recipeGraph(wanted, cookbook);
    const request: RecipeRequest = {
      ...{ cookbook, order, cache, env, local: {}, compiled: new Map(), sandbox: true, jobs: 2, keepGoing: false, explain: false },
      fetched: () => Promise.resolve(undefined),
      target: hostTriple(),
      toolchain: () => Promise.reject(new Error('no script here calls cargo')),
      logDir: join(dir, book, 'logs'),
      ...changes,
    };
    const built = changes.compiled === prepare ? await preparedSources(order, request, context) : await buildRecipes(request, context);
    const texts = new Map<string, string>();
    for (const [name, { artifacts }] of built.stages) {
      for (const one of artifacts) if (one.kind === 'file') texts.set(`${name} ${one.path}`, String(await cache.content.read(one.digest)));
    }
    return { ...built, text: (recipe, path) => Promise.resolve(texts.get(`${recipe} ${path}`) ?? `no ${path}`) };
  } finally {
    await cache.close();
  }
}

/** In place of stages: prepares sources. */
const prepare = new Map<string, Stage>();

async function failure(work: Promise<unknown>): Promise<Failure> {
  try {
    await work;
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

function paths({ stages }: BuiltRecipes, name: string): readonly string[] {
  return (stages.get(name)?.artifacts ?? []).map(({ path }) => path);
}

const library = `[source]
path = "source"
[build]
template = "custom"
script = """
mkdir -p "\${COOKBOOK_STAGE}/usr/lib" "\${COOKBOOK_STAGE}/usr/include"
cc -c "\${COOKBOOK_SOURCE}/answer.c" -o answer.o
ar rcsD "\${COOKBOOK_STAGE}/usr/lib/libanswer.a" answer.o
cp "\${COOKBOOK_SOURCE}/answer.h" "\${COOKBOOK_STAGE}/usr/include/"
"""
`;
const program = `[source]
path = "source"
[build]
template = "custom"
dependencies = ["libanswer"]
script = """
mkdir -p "\${COOKBOOK_STAGE}/usr/bin"
cc -I"\${COOKBOOK_SYSROOT}/include" "\${COOKBOOK_SOURCE}/main.c" -L"\${COOKBOOK_SYSROOT}/lib" -lanswer -o "\${COOKBOOK_STAGE}/usr/bin/ask"
"\${COOKBOOK_STAGE}/usr/bin/ask" > "\${COOKBOOK_STAGE}/answer"
"""
`;

test('a program is linked with the library of another recipe, and nothing runs again', async () => {
  await write('c', {
    'libs/libanswer/recipe.toml': library,
    'libs/libanswer/source/answer.h': 'int answer(void);\n',
    'libs/libanswer/source/answer.c': 'int answer(void) { return 42; }\n',
    'ask/recipe.toml': program,
    'ask/source/main.c': '#include <stdio.h>\n#include <answer.h>\nint main(void) { printf("%d\\n", answer()); }\n',
  });
  const first = await build('c', ['ask']);
  assert.equal([first.hits, first.misses], [0, 2]);
  assert.equal(paths(first, 'ask'), ['answer', 'usr/bin/ask']);
  assert.is(await first.text('ask', 'answer'), '42\n');
  const second = await build('c', ['ask']);
  assert.equal([second.hits, second.misses], [2, 0]);
});

test('a dependency that is rebuilt to the same bytes rebuilds nothing, and one that changed does', async () => {
  await write('c', { 'libs/libanswer/source/answer.c': '/* the answer */ int answer(void) { return 42; }\n' });
  const same = await build('c', ['ask']);
  assert.equal([same.hits, same.misses], [1, 1]);
  await write('c', { 'libs/libanswer/source/answer.c': 'int answer(void) { return 43; }\n' });
  const other = await build('c', ['ask']);
  assert.equal([other.hits, other.misses], [0, 2]);
  assert.is(await other.text('ask', 'answer'), '43\n');
  await write('c', { 'libs/libanswer/recipe.toml': `# a comment\n${library}[package]\nversion = "2"\n` });
  assert.is((await build('c', ['ask'])).misses, 0);
});

test("a source of the user replaces a recipe's source", async () => {
  await write('own', { 'x/answer.h': 'int answer(void);\n', 'x/answer.c': 'int answer(void) { return 7; }\n' });
  const built = await build('c', ['ask'], { local: { libanswer: join(dir, 'own/recipes/x') } });
  assert.is(await built.text('ask', 'answer'), '7\n');
});

const configure = `#!/bin/sh
for word in "$@"; do case "$word" in --prefix=*) prefix=\${word#*=};; --with-greeting=*) greeting=\${word#*=};; esac; done
printf 'all:\\ninstall:\\n\\tmkdir -p $(DESTDIR)%s/share\\n\\techo %s > $(DESTDIR)%s/share/greeting\\n' "$prefix" "$greeting" "$prefix" > Makefile
`;

test('configure and make, cmake, and unchanged files', async () => {
  await write('templates', {
    'conf/recipe.toml':
      '[source]\npath = "source"\n[build]\ntemplate = "configure"\nconfigureflags = ["--with-greeting=${COOKBOOK_NAME}"]\n',
    'conf/source/configure': configure,
    'cm/recipe.toml': '[source]\npath = "source"\n[build]\ntemplate = "cmake"\ncmakeflags = ["-DNAME=cm"]\n',
    'cm/source/CMakeLists.txt':
      'cmake_minimum_required(VERSION 3.10)\nproject(cm C)\nadd_executable(cm cm.c)\n' +
      'target_compile_definitions(cm PRIVATE NAME="${NAME}")\ninstall(TARGETS cm)\n',
    'cm/source/cm.c': '#include <stdio.h>\nint main(void) { puts(NAME); }\n',
    'blob/recipe.toml': '[source]\npath = "source"\n[build]\ntemplate = "remote"\n',
    'blob/source/usr/lib/data': 'data\n',
    'meta/recipe.toml': '[build]\ntemplate = "none"\n[package]\ndependencies = ["conf", "blob"]\n',
    'tool/recipe.toml':
      '[build]\ntemplate = "custom"\nscript = """\nmkdir -p ${COOKBOOK_STAGE}/usr/bin\ncd ${COOKBOOK_STAGE}/usr/bin\n' +
      'printf \'#!/bin/sh\\\\necho made by a tool\\\\n\' > maker\nchmod +x maker\n"""\n',
    'uses/recipe.toml':
      '[build]\ntemplate = "custom"\ndev-dependencies = ["host:tool"]\nscript = """\ncd ${COOKBOOK_STAGE}\nmaker > made\n' +
      'cat ${COOKBOOK_RECIPE}/extra >> made\nln -s made link\nmkdir empty\n"""\n',
    'uses/extra': 'and more\n',
  });
  await chmod(join(dir, 'templates/recipes/conf/source/configure'), 0o755);
  const wanted = ['conf', 'blob', 'meta', 'uses', ...((await findProgram('cmake', sandboxPath)) ? ['cm'] : [])];
  const built = await build('templates', wanted);
  assert.is(await built.text('conf', 'usr/share/greeting'), 'conf\n');
  assert.is(await built.text('blob', 'usr/lib/data'), 'data\n');
  assert.equal(paths(built, 'meta'), []);
  assert.is(await built.text('uses', 'made'), 'made by a tool\nand more\n');
  assert.equal(paths(built, 'uses'), ['empty', 'link', 'made']);
  if (wanted.includes('cm')) assert.equal(paths(built, 'cm'), ['usr/bin/cm']);
  assert.is((await build('templates', wanted)).misses, 0);
});

test('meson, where the host has it', async () => {
  await write('meson', {
    'me/recipe.toml': '[source]\npath = "source"\n[build]\ntemplate = "meson"\n',
    'me/source/meson.build': "project('me', 'c')\nexecutable('me', 'me.c', install: true)\n",
    'me/source/me.c': 'int main(void) { return 0; }\n',
  });
  if (await findProgram('meson', sandboxPath)) assert.equal(paths(await build('meson', ['me']), 'me'), ['usr/bin/me']);
  else {
    const { message, exitCode } = await failure(build('meson', ['me']));
    assert.equal([message, exitCode], ['Cannot build the recipe me: the host lacks meson', 69]);
  }
});

const patch = (line: string): string => `--- a/words\n+++ b/words\n@@ -1 +1 @@\n-${line}\n+patched\n`;
const patched =
  '[source]\ngit = "https://example.invalid/x.git"\npatches = ["fix.patch"]\nscript = "echo scripted >> words"\n' +
  '[build]\ntemplate = "custom"\nscript = "cp ${COOKBOOK_SOURCE}/words ${COOKBOOK_STAGE}/"\n';

test('a fetched source is patched, then its script runs; the source itself is not changed', async () => {
  await write('patched', { 'x/recipe.toml': patched, 'x/fix.patch': patch('old'), '../fetched/words': 'old\n' });
  const fetched = { fetched: () => Promise.resolve(join(dir, 'patched/fetched')) };
  const built = await build('patched', ['x'], fetched);
  assert.is(await built.text('x', 'words'), 'patched\nscripted\n');
  assert.is(await readFile(join(dir, 'patched/fetched/words'), 'utf8'), 'old\n');
  const source = await build('patched', ['x'], { ...fetched, compiled: prepare });
  assert.is(await source.text('x', 'words'), 'patched\nscripted\n');
  await write('patched', { 'x/fix.patch': patch('other') });
  const { message, detail } = await failure(build('patched', ['x'], fetched));
  assert.is(message, 'Cannot build the recipe x: it lacks a patch that applies: fix.patch (hunk 1, at line 1, does not)');
  assert.match(detail ?? '', 'Hunk #1 FAILED at 1');
});

test('a script that fails is reported with its last lines and its log, and a missing program is named', async () => {
  const script = (text: string): string => `[build]\ntemplate = "custom"\nscript = """\n${text}\n"""\n`;
  await write('bad', {
    'fails/recipe.toml': script('echo working\necho "wrong turn" >&2\nfalse'),
    'lacks/recipe.toml': script('no-such-compiler x.c'),
    'net/recipe.toml': script('(echo > /dev/tcp/127.0.0.1/9) 2>/dev/null && echo reached || exit 3'),
    'good/recipe.toml': script('echo ok > ${COOKBOOK_STAGE}/ok'),
    'after/recipe.toml': `${script('true')}dependencies = ["fails"]\n`,
  });
  const fails = await failure(build('bad', ['fails']));
  assert.equal(
    [fails.message, fails.detail, fails.exitCode],
    ['Cannot build the recipe fails: its script exited with 1', 'working\nwrong turn', 1],
  );
  assert.match(await readFile(join(dir, 'bad/logs/fails.log'), 'utf8'), 'wrong turn');
  const lacks = await failure(build('bad', ['lacks']));
  assert.equal([lacks.message, lacks.exitCode], ['Cannot build the recipe lacks: the host lacks no-such-compiler', 69]);
  assert.match((await failure(build('bad', ['net']))).message, 'its script exited with 3');
  const several = await failure(build('bad', ['fails', 'after', 'good'], { keepGoing: true }));
  assert.is(several.message, 'Cannot build all recipes: 2 of 3 failed: fails, after');
  assert.match(several.detail ?? '', 'Cannot build the recipe after: its dependency fails failed');
  assert.is((await build('bad', ['good'])).misses, 0, 'what could be built was');
});

test.run();
