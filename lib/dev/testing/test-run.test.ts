// The test runner: which results count as passed. A file that reports nothing never counts as passed.
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { pathOf } from '../../core/paths.ts';
import { slowTests } from './slow-tests.ts';
import { runTests, uvuCounts } from './test-run.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const uvu = `import { test } from 'uvu'; import * as assert from 'uvu/assert';\n`;

/** Runs a small repository of test files. Returns the counts and the printed text. */
async function tried(files: Readonly<Record<string, string>>, words: readonly string[] = []): Promise<{ counts: string; printed: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'bloomery-tests-'));
  try {
    await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
    await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
    for (const [name, text] of Object.entries(files)) {
      await mkdir(dirname(join(folder, 'lib', name)), { recursive: true });
      await writeFile(join(folder, 'lib', name), text);
    }
    let printed = '';
    const env = { PATH: `${join(root, 'node_modules/.bin')}:${pathOf(process.env)}` };
    const context = { signal: new AbortController().signal, report: () => undefined };
    const { passed, failed } = await runTests(
      {
        root: folder,
        words,
        jobs: 2,
        env,
        print: (line) => {
          printed += `${line}\n`;
        },
      },
      context,
    );
    return { counts: `${passed} passed, ${failed} failed`, printed };
  } finally {
    await rm(folder, { recursive: true });
  }
}

test("uvu's closing lines are read, and without them nothing has run", () => {
  assert.equal(uvuCounts('  Total:     5\n  Passed:    4\n  Skipped:   2\n'), { passed: 4, failed: 1, skipped: 2 });
  assert.equal(uvuCounts(''), { passed: 0, failed: 0, skipped: 0 });
});

test('a file that skips all of its tests prints the reason, and is neither passed nor failed', async () => {
  const { counts, printed } = await tried({
    'a.test.ts': `${uvu}test('x', () => {}); test.run();`,
    'b.test.ts': `${uvu}console.error('left out: no sources'); test.skip('y', () => {}); test.run();`,
  });
  assert.is(counts, '1 passed, 0 failed');
  assert.match(printed, /skip lib\/b\.test\.ts: 0 of 0 \(.*\)\nleft out: no sources\n/);
});

test('every file that a fast run leaves out exists', () => {
  for (const path of slowTests) assert.ok(existsSync(join(root, path)), path);
});

test('the counts of all files are added up, and only failed files show their output', async () => {
  const { counts, printed } = await tried({
    'a.test.ts': `${uvu}test('x', () => {}); test('y', () => {}); test.run();`,
    'room/b.test.ts': `${uvu}test('x', () => {}); test('wrong sum', () => assert.is(1, 2)); test.run();`,
    'c.ts': 'throw new Error("not a test");',
  });
  assert.is(counts, '3 passed, 1 failed');
  assert.match(printed, /ok +lib\/a\.test\.ts: 2 of 2/);
  assert.match(printed, /FAIL lib\/room\/b\.test\.ts: 1 of 2/);
  assert.match(printed, /wrong sum/);
});

test('a file without test.run(), one that crashes and one that dies in the middle are failures', async () => {
  assert.is((await tried({ 'a.test.ts': `${uvu}test('x', () => {});` })).counts, '0 passed, 1 failed');
  assert.is((await tried({ 'a.test.ts': 'throw new Error("early");' })).counts, '0 passed, 1 failed');
  const killed = `${uvu}test('x', () => {}); test('y', () => process.kill(process.pid, 'SIGKILL')); test.run();`;
  assert.is((await tried({ 'a.test.ts': killed })).counts, '0 passed, 1 failed');
  const sour = `${uvu}test('x', () => {}); test.run(); process.on('exit', () => { process.exitCode = 9; });`;
  assert.is((await tried({ 'a.test.ts': sour })).counts, '1 passed, 1 failed');
});

test('a skipped test does not count as passed', async () => {
  assert.is(
    (await tried({ 'a.test.ts': `${uvu}test('x', () => {}); test.skip('y', () => {}); test.run();` })).counts,
    '1 passed, 0 failed',
  );
});

test('words choose files by their path', async () => {
  const files = {
    'core/a.test.ts': `${uvu}test('x', () => {}); test.run();`,
    'face/a.test.ts': `${uvu}test('x', () => assert.ok(false)); test.run();`,
  };
  assert.is((await tried(files, ['core'])).counts, '1 passed, 0 failed');
});

test.run();
