// The compiler refuses names on a page that do not exist, in words that name the right ones.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { system as hello } from '../../fixtures/hello/hello.ts';
import { pathOf } from '../core/paths.ts';
import { run } from '../core/sh.ts';
import { defineMachine, defineSystem } from './define-system.ts';
import type { OutputsOf } from './define-system.ts';

const root = join(import.meta.dirname, '../..');
const dir = mkdtempSync(join(tmpdir(), 'define-system-'));
test.after(() => rmSync(dir, { recursive: true, force: true }));

/** Changes of the page of fixtures/hello, and the expected compiler errors. */
const mistakes: readonly (readonly [from: string, to: string, refused: string])[] = [
  ["title: 'started", "components: ['kernle'], title: 'started", `Type '"kernle"' is not assignable to type '"kernel"'`],
  ["made: 'kernel/hello'", "made: 'kernal/hello'", `Did you mean '"kernel/hello"'?`],
  [' files }', " files: { a: { made: 'kernel/helo' } } }", `Type '"kernel/helo"' is not assignable to type '"kernel/hello"`],
  ['machine: {', "defaultProfile: 'defualt', machine: {", `Type '"defualt"' is not assignable to type '"default"'`],
  ['bundled:', 'bundeld:', "Did you mean to write 'bundled'?"],
  ['bins:', 'binz:', "'binz' does not exist in type 'CargoBuild"],
  ['name: ', 'nam: ', "'nam' does not exist in type"],
  ["'bios'", "'bois'", `Type '"bois"' is not assignable to type 'Firmware'`],
];

test('a page that the compiler accepts is returned unchanged', () => {
  const { machine, console, components, profiles, image } = hello;
  assert.equal(Object.keys(components), ['kernel']);
  const page = defineSystem({ name: 'a', title: 'A', components: {}, profiles: {}, machine, console });
  assert.equal([page.name, page.machine], ['a', machine]);
  assert.equal(defineMachine({ name: 'a', title: 'A', console }).machine, undefined);
  assert.ok(profiles && image);
});

test('names that do not exist, and fields that do not, are errors of types', async () => {
  const text = readFileSync(join(root, 'fixtures/hello/hello.ts'), 'utf8').replaceAll('../../lib', join(root, 'lib'));
  const page = text.replace('const files', 'export const files');
  writeFileSync(join(dir, 'package.json'), '{ "type": "module" }');
  symlinkSync(join(root, 'node_modules'), join(dir, 'node_modules'));
  mkdirSync(join(dir, 'pages'));
  writeFileSync(join(dir, 'pages/right.ts'), page);
  for (const [index, [from, to]] of mistakes.entries()) {
    assert.ok(page.includes(from), from);
    const changed = page.replace(from, to);
    writeFileSync(join(dir, `pages/wrong-${index}.ts`), changed);
  }
  const options = { extends: join(root, 'tsconfig.json'), include: [join(dir, 'pages')] };
  writeFileSync(join(dir, 'tsconfig.json'), JSON.stringify(options));
  const argv = [process.execPath, join(root, 'node_modules/typescript/bin/tsc'), '--noEmit', '-p', dir];
  const { stdout } = await run(argv, { cwd: dir, env: { PATH: pathOf(process.env) } });
  assert.not.match(stdout, 'right.ts');
  for (const [index, [, to, refused]] of mistakes.entries()) {
    const told = stdout.split('\n').find((line) => line.includes(`wrong-${index}.ts`));
    assert.ok(told?.includes(refused), `${to}: ${told}`);
  }
});

test('components that are declared apart give the type of their outputs', () => {
  type Made = OutputsOf<{
    readonly a: { readonly title: string; readonly cargo: { readonly bins: readonly ['b', 'c'] } };
  }>;
  const all: readonly Made[] = ['a/b', 'a/c', 'a/b.efi'];
  assert.is(all.length, 3);
});

test.run();
