// Finds pages by name and by path. An error in the file of a page is a Failure with a whole sentence.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Failure } from '../core/errors.ts';
import { findPage, importPage, isPagePath, systemNames, commandLinePath, imageFileName, kernelPath } from './find-page.ts';
import type { ImageFacts, PartitionFacts } from './image-facts.ts';

const root = join(import.meta.dirname, '../..');
const dir = mkdtempSync(join(tmpdir(), 'pages-'));
test.after(() => rmSync(dir, { recursive: true, force: true }));

/** Writes a page and returns the Failure that loading it ends with. */
async function failureOf(name: string, text: string): Promise<Failure> {
  writeFileSync(join(dir, name), text);
  const error: unknown = await findPage(root, join(dir, name))
    .then(importPage)
    .catch((reason: unknown) => reason);
  if (error instanceof Failure) return error;
  throw error;
}

test('a word with a slash or with the ending of a page is a path', () => {
  assert.equal(['./a.ts', 'a.ts', '../a', 'a', 'my-kernel'].map(isPagePath), [true, true, true, false, false]);
});

test('a name is a page of systems/ or an example', async () => {
  assert.is((await findPage(root, 'redox')).file, join(root, 'systems/redox.ts'));
  assert.is((await findPage(root, 'hello')).file, join(root, 'fixtures/hello/hello.ts'));
  assert.ok((await systemNames(root)).includes('linux'));
});

test('images go to out/ of the repository, and those of a page elsewhere next to it', async () => {
  assert.is((await findPage(root, 'hello')).outDir, join(root, 'out'));
  writeFileSync(join(dir, 'mine.ts'), 'export const system = { name: "mine" };\n');
  assert.equal(await findPage(root, join(dir, 'mine.ts')), {
    file: join(dir, 'mine.ts'),
    folder: dir,
    outDir: join(dir, 'out'),
  });
});

test('an unknown name is a usage error that suggests the nearest system or example', async () => {
  const failures = await Promise.all(['redux', 'helo', 'zzzzzzz'].map((word) => findPage(root, word).catch((error: unknown) => error)));
  assert.equal(
    failures.map((error) => error instanceof Failure && [error.exitCode, error.hint]),
    [
      [2, 'did you mean redox?'],
      [2, 'did you mean hello?'],
      [2, 'a page of your own is named by its path: ./NAME.ts'],
    ],
  );
  mkdirSync(join(dir, 'empty'));
  const none = await findPage(join(dir, 'empty'), 'redox').catch((error: unknown) => error);
  assert.is(none instanceof Failure && none.message, `Cannot find system "redox": there are no pages in "${join(dir, 'empty/systems')}"`);
});

test('a path without a page is refused, with the nearest page if there is one', async () => {
  writeFileSync(join(dir, 'my-kernel.ts'), '');
  const near = await findPage(root, join(dir, 'my-kernal.ts')).catch((error: unknown) => error);
  assert.is(near instanceof Failure && near.hint, 'did you mean my-kernel.ts?');
  writeFileSync(join(dir, 'there.ts'), '');
  const failure = await findPage(root, join(dir, 'there')).catch((error: unknown) => error);
  assert.equal(failure instanceof Failure && [failure.exitCode, failure.message, failure.hint], [
    2,
    `Cannot read the page "${join(dir, 'there')}": it does not exist`,
    'did you mean there.ts?',
  ]);
});

test('a page without the export is refused', async () => {
  const { exitCode, message, hint } = await failureOf('export.ts', 'export const page = {};\n');
  assert.equal([exitCode, message], [1, `Cannot read the page "${join(dir, 'export.ts')}": it does not export "system"`]);
  assert.is(hint, 'export const system = defineSystem({ ... })');
});

test('a syntax error is reported with its line and the text of the line', async () => {
  const { exitCode, message, detail } = await failureOf('syntax.ts', 'export const system = {\n  name: "x" "y",\n};\n');
  assert.is(exitCode, 1);
  assert.ok(message.startsWith(`Cannot read the page "${join(dir, 'syntax.ts')}": line 2: Expected ','`), message);
  assert.match(detail ?? '', 'name: "x" "y"');
});

test('an exception of a page, and a missing part, are mistakes of the page', async () => {
  const thrown = await failureOf('throws.ts', 'const a = 1;\nexport const system = { name: b };\n');
  assert.equal([thrown.exitCode, thrown.message], [1, `Cannot read the page "${join(dir, 'throws.ts')}": line 2: b is not defined`]);
  const missing = await failureOf('imports.ts', 'import { a } from "./nothing.ts";\nexport const system = { name: a };\n');
  assert.is(
    missing.message,
    `Cannot read the page "${join(dir, 'imports.ts')}": it imports "${join(dir, 'nothing.ts')}", which does not exist`,
  );
  writeFileSync(join(dir, 'part.ts'), 'export const a = ;\n');
  const part = await failureOf('whole.ts', 'import { a } from "./part.ts";\nexport const system = { name: a };\n');
  assert.is(part.message, `Cannot read the page "${join(dir, 'whole.ts')}": part.ts, line 1: Expression expected`);
});

test('a thrown value that is no error is a mistake of the page', async () => {
  const thrown = await failureOf('value.ts', "throw 'no';\n");
  assert.equal([thrown.exitCode, thrown.message], [1, `Cannot read the page "${join(dir, 'value.ts')}": it throws "no"`]);
});

test('an image is named after its kind, and its kernel is next to it', () => {
  const image = (fileSystem: PartitionFacts['fileSystem']): ImageFacts => ({
    sizeBytes: 0,
    timestampSec: 0,
    partitions: [{ name: 'one', typeGuid: '', fileSystem, files: {} }],
  });
  assert.is(imageFileName('a-b', undefined), 'a-b.img');
  assert.is(imageFileName('a-b', image({ kind: 'redoxfs' })), 'a-b.img');
  assert.is(imageFileName('a-b', image({ kind: 'cpio' })), 'a-b.cpio');
  assert.is(imageFileName('a-b', image({ kind: 'cpio', gzip: true })), 'a-b.cpio.gz');
  assert.is(imageFileName('a-b', image({ kind: 'iso', label: 'L', efiImage: 'e' })), 'a-b.iso');
  assert.is(commandLinePath(kernelPath('/out', 'a', 'b')), '/out/a-b/vmlinuz.cmdline');
});

test.run();
