// The format of the code is prettier's (.prettierrc), and oxlint reports nothing (.oxlintrc.json). `npm run format` and
// `npm run lint` run the same programs.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { globby } from 'globby';
import { check, resolveConfig } from 'prettier';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { pathOf } from '../../core/paths.ts';
import { run } from '../../core/sh.ts';

const root = join(import.meta.dirname, '../../..');

test('every module has the form that prettier gives it; npm run format does so', async () => {
  const paths = await globby('**/*.ts', { cwd: root, ignore: ['node_modules', 'out', '**/target'], gitignore: true });
  assert.ok(paths.length > 700);
  const options = (await resolveConfig(join(root, 'test-boot.ts'))) ?? {};
  const wrong: string[] = [];
  for (const path of paths) {
    if (!(await check(await readFile(join(root, path), 'utf8'), { ...options, filepath: path }))) wrong.push(path);
  }
  assert.equal(wrong, []);
});

test('oxlint has no complaint; npm run lint shows where', async () => {
  const program = join(root, 'node_modules/.bin/oxlint');
  const { exitCode, stdout } = await run([program, '--format', 'unix'], { cwd: root, env: { PATH: pathOf(process.env) } });
  assert.is(exitCode, 0, stdout);
});

test.run();
