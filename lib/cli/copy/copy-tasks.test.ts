// Copies of tasks in other repositories: the copied files, the record of a copy, and that files of the user
// are never overwritten.
import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { digestBytes } from '../../core/digest.ts';
import { Failure } from '../../core/errors.ts';
import { checkCopy, copyTasks, updateCopy } from './copy-tasks.ts';
import { importClosure } from '../../core/modules/import-closure.ts';
import { optionalParts } from '../optional-parts.ts';
import { readOrigin, stateOf } from './origin.ts';

const dir = await mkdtemp(join(tmpdir(), 'copy-tasks-'));
test.after(() => rm(dir, { recursive: true, force: true }));

let count = 0;

/** A small repository with two tasks, and a folder to copy them to. */
async function repository(): Promise<{ readonly root: string; readonly folder: string }> {
  const root = join(dir, `root-${count++}`);
  const write = async (path: string, text: string): Promise<void> => {
    await mkdir(join(root, path, '..'), { recursive: true });
    await writeFile(join(root, path), text);
  };
  const dependencies = { zx: '8.0.0', node: '24.0.0', chalk: '5.0.0', unused: '1.0.0' };
  await write('package.json', JSON.stringify({ version: '1.2.3', dependencies }));
  await write('LICENSE', 'as you like\n');
  await write('test-boot.ts', '// A task.\n');
  await write('tasks/build.ts', "// A task.\nimport '../lib/core/a.ts';\nconst { b } = await import('../lib/core/b.ts');\nb();\n");
  await write('tasks/net.ts', "// A task.\nimport '../lib/core/a.ts';\n");
  await write('lib/core/a.ts', "// A module.\nimport type { C } from './deep/c.ts';\nexport const a: C = 'a';\n");
  const started = "[Chalk, new URL('./thread.ts', import.meta.url), 'tracer.c']";
  await write('lib/core/b.ts', `// A module.\nimport { Chalk } from 'chalk';\nexport const b = () => ${started};\n`);
  await write('lib/core/thread.ts', "// A thread.\nimport 'node:fs';\n");
  await write('lib/core/tracer.c', 'int traced;\n');
  await write('lib/core/deep/c.ts', "// Types.\nexport type C = 'a';\n");
  await write('lib/core/alone.ts', '// Nothing imports it.\n');
  await write('fixtures/hello/hello.ts', "// A page.\nimport type { C } from '../../lib/core/deep/c.ts';\nexport const hello: C = 'a';\n");
  await write('fixtures/hello/kernel/src/main.rs', 'fn main() {}\n');
  await write('fixtures/hello/kernel/target/left', 'over\n');
  return { root, folder: join(dir, `folder-${count}`) };
}

const why = (error: Error & { readonly detail?: string }): string => [error.message, error.detail].filter(Boolean).join('\n');

test('a task is copied with its imports, including types, threads and sources next to its modules, and with its packages', async () => {
  const { root } = await repository();
  const { files, packages } = await importClosure(root, ['tasks/build.ts']);
  assert.equal(files, [
    'lib/core/a.ts',
    'lib/core/b.ts',
    'lib/core/deep/c.ts',
    'lib/core/thread.ts',
    'lib/core/tracer.c',
    'tasks/build.ts',
  ]);
  assert.equal(packages, ['chalk']);
});

test('a copy has the files at the same relative places, the licence, a record, and a package.json', async () => {
  const { root, folder } = await repository();
  const copied = await copyTasks({ root, folder, tasks: ['build', 'tasks/net.ts'], examples: ['hello'], parts: [] });
  assert.equal(copied.entries, { 'tasks/build.ts': 'bloomery/tasks/build.ts', 'tasks/net.ts': 'bloomery/tasks/net.ts' });
  assert.equal(copied.packages, ['chalk', 'node', 'zx']);
  assert.is(copied.files, 10);
  assert.is(await readFile(join(folder, 'bloomery/lib/core/tracer.c'), 'utf8'), 'int traced;\n');
  assert.is(await readFile(join(folder, 'bloomery/LICENSE'), 'utf8'), 'as you like\n');
  const origin = await readOrigin(join(folder, 'bloomery'));
  assert.is(origin?.version, '1.2.3');
  assert.ok(origin?.files['fixtures/hello/kernel/src/main.rs']);
  assert.not.ok(origin?.files['fixtures/hello/kernel/target/left'], 'what a build left is not copied');
  const manifest = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
  assert.equal(manifest.dependencies, { chalk: '5.0.0', node: '24.0.0', zx: '8.0.0' });
  assert.equal(manifest.allowScripts, { node: true });
  assert.equal(await checkCopy(root, folder), []);
});

test('a package.json of the user keeps everything, and packages that it has in another version are not changed', async () => {
  const { root, folder } = await repository();
  await mkdir(folder, { recursive: true });
  const own = '{\n    "name": "mine",\n    "devDependencies": {\n        "zx": "7.0.0"\n    },\n    "strange": [1, null]\n}\n';
  await writeFile(join(folder, 'package.json'), own);
  const { packages, otherVersions } = await copyTasks({ root, folder, tasks: ['net'], examples: [], parts: [] });
  assert.equal([packages, otherVersions], [['node'], ['zx']]);
  const text = await readFile(join(folder, 'package.json'), 'utf8');
  assert.match(text, /^\{\n {4}"name": "mine",\n/, 'as it was indented');
  assert.equal(JSON.parse(text), { ...JSON.parse(own), dependencies: { node: '24.0.0' }, allowScripts: { node: true } });
});

test('a change on either side is found, and an update copies only files that the user did not change', async () => {
  const { root, folder } = await repository();
  await copyTasks({ root, folder, tasks: ['build', 'net'], examples: [], parts: [] });
  await appendFile(join(folder, 'bloomery/lib/core/a.ts'), '// mine\n');
  await appendFile(join(folder, 'bloomery/lib/core/b.ts'), '// mine\n');
  await writeFile(join(folder, 'bloomery/package.json'), '{ "type": "module", "name": "mine" }');
  await appendFile(join(root, 'lib/core/b.ts'), '// theirs\n');
  await appendFile(join(root, 'lib/core/deep/c.ts'), '// theirs\n');
  await writeFile(join(root, 'tasks/net.ts'), "// A task.\nimport '../lib/core/alone.ts';\n");
  await unlink(join(root, 'lib/core/tracer.c'));
  const expected = [
    { path: 'lib/core/a.ts', state: 'changed here' },
    { path: 'lib/core/alone.ts', state: 'new upstream' },
    { path: 'lib/core/b.ts', state: 'changed on both sides' },
    { path: 'lib/core/deep/c.ts', state: 'changed upstream' },
    { path: 'lib/core/tracer.c', state: 'gone upstream' },
    { path: 'tasks/net.ts', state: 'changed upstream' },
  ];
  assert.equal(await checkCopy(root, folder), expected);
  const updated = await updateCopy(root, folder);
  assert.equal(
    updated.filter(({ taken }) => !taken).map(({ path }) => path),
    ['lib/core/a.ts', 'lib/core/b.ts'],
  );
  assert.match(await readFile(join(folder, 'bloomery/lib/core/a.ts'), 'utf8'), '// mine');
  assert.match(await readFile(join(folder, 'bloomery/lib/core/deep/c.ts'), 'utf8'), '// theirs');
  assert.match(await readFile(join(folder, 'bloomery/package.json'), 'utf8'), '"mine"');
  assert.equal(
    (await checkCopy(root, folder)).map(({ path }) => path),
    ['lib/core/a.ts', 'lib/core/b.ts'],
    'what was taken is no change any more',
  );
});

test('a copy over files of the user is refused before anything is written', async () => {
  const { root, folder } = await repository();
  await copyTasks({ root, folder, tasks: ['net'], examples: [], parts: [] });
  await appendFile(join(folder, 'bloomery/lib/core/a.ts'), '// mine\n');
  await writeFile(join(folder, 'bloomery/lib/core/b.ts'), '// mine, and never copied\n');
  const message = await copyTasks({ root, folder, tasks: ['build'], examples: [], parts: [] }).then(() => 'copied', why);
  assert.is(message, `Cannot copy into "${folder}": files there would be overwritten (1)\nbloomery/lib/core/b.ts: in the way`);
  assert.equal((await readOrigin(join(folder, 'bloomery')))?.tasks, ['tasks/net.ts']);
  await rm(join(folder, 'bloomery/lib/core/b.ts'));
  const added = await copyTasks({ root, folder, tasks: ['build'], examples: [], parts: [] });
  assert.equal(added.leftAlone, [{ path: 'lib/core/a.ts', state: 'changed here' }], 'a copy that was edited still gets tasks');
  assert.match(await readFile(join(folder, 'bloomery/lib/core/a.ts'), 'utf8'), /\/\/ mine\n$/);
  await rm(join(folder, 'bloomery/lib/core/a.ts'));
  assert.equal(await checkCopy(root, folder), [{ path: 'lib/core/a.ts', state: 'changed here' }], 'a file that was removed is a change');
});

test('a folder of the copy that is a link is refused before anything is written', async () => {
  for (const at of ['bloomery', 'bloomery/lib/core']) {
    const { root, folder } = await repository();
    const elsewhere = join(dir, `elsewhere-${count++}`);
    await mkdir(elsewhere);
    await mkdir(dirname(join(folder, at)), { recursive: true });
    await symlink(elsewhere, join(folder, at));
    const error = await copyTasks({ root, folder, tasks: ['build'], examples: [], parts: [] }).catch((reason: Error) => reason);
    assert.ok(error instanceof Failure && error.message === `Cannot copy into "${folder}": "${at}" there is a link`, String(error));
    assert.equal(await readdir(elsewhere), []);
  }
});

test('unknown tasks, examples and copies are named', async () => {
  const { root, folder } = await repository();
  const said = async (work: Promise<unknown>): Promise<string> => await work.then(() => 'done', why);
  assert.is(
    await said(copyTasks({ root, folder, tasks: ['biuld'], examples: [], parts: [] })),
    'Cannot copy the task "biuld": there is no such task',
  );
  assert.is(
    await said(copyTasks({ root, folder, tasks: ['net'], examples: ['../x'], parts: [] })),
    'Cannot copy the example "../x": there is no such example',
  );
  assert.is(await said(checkCopy(root, folder)), `Cannot look at the copy in "${folder}": it has no bloomery/origin.json`);
  const part = copyTasks({ root, folder, tasks: ['net'], examples: [], parts: ['kernel-test'] });
  assert.is(await said(part), `Cannot copy the part "kernel-test": the parts are ${Object.keys(optionalParts).join(', ')}`);
  await mkdir(join(folder, 'bloomery'), { recursive: true });
  await writeFile(join(folder, 'bloomery/origin.json'), '{ "format": 1, "files": { "a": "b" } }');
  assert.match(await said(checkCopy(root, folder)), /^Cannot read ".*origin\.json": files\.a: it must be a SHA-256$/);
  const outside = join(dir, 'outside');
  await writeFile(outside, 'mine');
  await writeFile(join(folder, 'bloomery/origin.json'), JSON.stringify({ format: 1, files: { '../../outside': digestBytes('mine') } }));
  assert.match(await said(updateCopy(root, folder)), /it leaves the copy$/);
  assert.is(await readFile(outside, 'utf8'), 'mine');
});

test('the state of a file follows from three digests', () => {
  const [a, b, c] = [digestBytes('a'), digestBytes('b'), digestBytes('c')];
  assert.is(stateOf(a, a, a), 'same');
  assert.is(stateOf(a, b, b), 'same');
  assert.is(stateOf(a, b, a), 'changed here');
  assert.is(stateOf(a, a, b), 'changed upstream');
  assert.is(stateOf(a, b, c), 'changed on both sides');
  assert.is(stateOf(a, undefined, a), 'changed here');
  assert.is(stateOf(a, a, undefined), 'gone upstream');
  assert.is(stateOf(undefined, undefined, a), 'new upstream');
  assert.is(stateOf(undefined, b, a), 'in the way');
});

test.run();
