// Tests modules that are loaded again. Each test has its own modules, because this process caches loaded
// modules.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { reloadModules, withoutGeneration } from './page-reload.ts';

const dir = await mkdtemp(join(tmpdir(), 'page-reload-'));
test.after(() => rm(dir, { recursive: true }));
const [page, part, other] = ['page.ts', 'part.ts', 'other.ts'].map((name) => join(dir, name)) as [string, string, string];

async function loaded(): Promise<unknown> {
  return ((await import(pathToFileURL(page).href)) as { readonly value: unknown }).value;
}

test('a page and its parts are read again each time, other modules once', async () => {
  await writeFile(
    page,
    "import { part } from './part.ts';\nimport { other } from './other.ts';\nexport const value = `${part} ${other}`;\n",
  );
  await writeFile(part, 'export const part: number = 1;\n');
  await writeFile(other, 'export const other: number = 1;\n');
  assert.is(await loaded(), '1 1');
  await writeFile(part, 'export const part: number = 2;\n');
  await writeFile(other, 'export const other: number = 2;\n');
  assert.is(await loaded(), '1 1');
  reloadModules([page, part]);
  assert.is(await loaded(), '2 1');
  await writeFile(part, 'export const part: number = ;\n');
  reloadModules([page, part]);
  assert.match(String(await loaded().catch((error: unknown) => error)), 'SyntaxError');
  await writeFile(part, 'export const part: number = 3;\n');
  reloadModules([page, part]);
  assert.is(await loaded(), '3 1');
});

test('messages do not show how it is done', () => {
  assert.is(withoutGeneration('file:///x/page.ts?round=12:3 and ?round=1'), 'file:///x/page.ts:3 and ');
});

test.run();
