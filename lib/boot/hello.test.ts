// The smallest system (fixtures/hello), built, booted and judged by its name, and by its path as a copy in
// another folder.
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { run } from '../core/sh.ts';

const repository = join(import.meta.dirname, '../..');
const example = join(repository, 'fixtures/hello');
const env = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));
const dir = mkdtempSync(join(tmpdir(), 'hello-'));
test.after(() => rmSync(dir, { recursive: true, force: true }));

interface Answer {
  readonly json: { readonly [key: string]: unknown };
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a task in the folder outside of the repository, and returns what --json printed. */
async function ran(script: string, ...words: readonly string[]): Promise<Answer> {
  const { exitCode, stdout, stderr } = await run([process.execPath, join(repository, script), ...words, '--json'], { cwd: dir, env });
  assert.is(exitCode, 0, stderr + stdout);
  return { json: JSON.parse(stdout.trim().split('\n').at(-1) ?? ''), stdout, stderr };
}

const boot = ['--timeout', '60', '--accel', 'tcg'];

test('the page has at most 40 lines, and its kernel 120', () => {
  const lines = (path: string): number => readFileSync(join(example, path), 'utf8').split('\n').length - 1;
  assert.ok(lines('hello.ts') <= 40);
  const kernel = readdirSync(join(example, 'kernel'), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const sum = kernel.map(({ parentPath, name }) => lines(join(parentPath.slice(example.length), name))).reduce((a, b) => a + b, 0);
  assert.ok(sum <= 120, `${sum}`);
});

test('the guide contains the page unchanged', () => {
  const page = readFileSync(join(example, 'hello.ts'), 'utf8').replaceAll("'../../lib/", "'./bloomery/lib/");
  const guide = readFileSync(join(repository, 'docs/writing-a-system.md'), 'utf8');
  assert.ok(guide.includes(`\`\`\`ts\n${page}\`\`\``));
});

test('it is built, booted and judged by its name', async () => {
  const { json: built } = await ran('tasks/build.ts', 'hello', '--out', 'named');
  assert.equal([built['system'], built['image']], ['hello', join(dir, 'named/hello-default.cpio')]);
  const talk = ['--send', 'reader', '--expect', 'Hello, reader!'];
  const { json } = await ran('test-boot.ts', 'hello', '--image', 'named/hello-default.cpio', '--log', 'hello.log', ...talk, ...boot);
  assert.is((json['verdict'] as { kind: string }).kind, 'booted');
  assert.match(readFileSync(join(dir, 'hello.log'), 'latin1'), `The initramfs has ${built['bytes'] as number} bytes.`);
});

test('a copy elsewhere, at a path with a space and a comma, is built and booted by its path, and its outputs are named after its page', async () => {
  cpSync(example, join(dir, 'mine, too'), { recursive: true });
  const page = readFileSync(join(dir, 'mine, too/hello.ts'), 'utf8').replaceAll('../../lib', join(repository, 'lib'));
  writeFileSync(join(dir, 'mine, too/my-kernel.ts'), page.replace("name: 'hello'", "name: 'mine'"));
  const { json: built, stderr: result } = await ran('tasks/build.ts', './mine, too/my-kernel.ts');
  assert.match(result, "npx zx test-boot.ts './mine, too/my-kernel.ts'");
  assert.equal([built['system'], built['image']], ['mine', join(dir, 'mine, too/out/mine-default.cpio')]);
  const { json, stdout } = await ran('test-boot.ts', './mine, too/my-kernel.ts', ...boot);
  assert.equal([json['system'], (json['verdict'] as { kind: string }).kind], ['mine', 'booted']);
  assert.match(stdout, 'PASS mine-default.cpio booted');
  assert.ok(existsSync(join(dir, 'mine, too/out/logs/mine-default.log')));
  const { json: listed } = await ran('tasks/list.ts', './mine, too/my-kernel.ts');
  assert.is(listed['system'], 'mine');
});

test('a panic is judged by the rules of its page', async () => {
  const words = ['hello', '--image', 'named/hello-default.cpio', '--send', 'panic', '--expect', 'never', ...boot, '--json'];
  const { exitCode, stdout } = await run([process.execPath, join(repository, 'test-boot.ts'), ...words], {
    cwd: dir,
    env,
  });
  assert.is(exitCode, 1);
  assert.match(stdout, '"kind":"failed","failure":"kernel-panic","line":"panic: as you wish"');
});

test.run();
