// Checks this repository itself. Each rule is first run on a file that violates it, because a rule that finds
// nothing could be broken.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { calls } from './call-rules.ts';
import { circles, crowded, layering } from './layering.ts';
import { otherText, typeScript } from './repository.ts';
import type { Rule, SourceFile } from './rule.ts';
import { codeOf, importsOf } from '../../core/modules/source-text.ts';
import { ending, header, length, naming, portable, systemNames, testRun, width } from './text-rules.ts';
import { untested, unusedPackages } from './whole.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const sources = await typeScript(root);
const others = await otherText(root);

/** Modules without a test, with the reason. */
const excused: Readonly<Record<string, string>> = {
  'lib/cli/dev/missing-image.ts': 'lib/cli/dev/guest-command-task.test.ts builds a missing image by running tasks/run.ts',
  'lib/cli/closure/closure-cache-verbs.ts':
    'lib/cli/closure/closure-task.test.ts copies from a binary cache and writes one by running the task',
  'lib/cli/closure/closure-replace-verb.ts': 'lib/cli/closure/closure-task.test.ts replaces a dependency by running the task',
  'lib/cli/tasks/cache-rebuild.ts': 'lib/cli/tasks/cache-task.test.ts compiles results again by running the task',
  'lib/cli/tasks/image-change-task.ts': 'lib/cli/tasks/image-task.test.ts changes images by running the task',
  'lib/cli/tasks/kernel-test-task.ts': 'lib/cli/tasks/kernel-test-task.test.ts runs test-boot.ts --ktest',
  'lib/rootfs/nix/nix-base.ts': 'lib/rootfs/nix/nix-base.test.ts builds systems with it, by lib/assemble/build-system.ts',
  'lib/rootfs/root-base-image.ts': 'every image of packages is made with it, by lib/assemble/assemble-system-image.ts',
};

const file = (path: string, ...lines: readonly string[]): SourceFile => ({ path, text: `${lines.join('\n')}\n` });

/** The lines about which a rule complains. */
const linesOf = (rule: Rule, sample: SourceFile): readonly number[] => rule(sample).map((text) => Number(text.split(':')[1]));

function clean(rule: Rule, files: readonly SourceFile[]): void {
  assert.ok(files.length > 0);
  assert.is(files.flatMap(rule).join('\n'), '');
}

test('code is distinguished from comments, strings, templates and regular expressions', () => {
  const text = "a(); // b()\n/* c()\n d() */ e(\"f()\", 'g\\'()', `h() ${i(`j()`)} k()`) / l; const m = /n()[\"'`]/.test(o);";
  const code = codeOf(text);
  assert.is(code.length, text.length);
  assert.equal([...code.matchAll(/\w+/g)].map(String), ['a', 'e', 'i', 'l', 'const', 'm', 'test', 'o']);
});

test('imports are found in every form, and not in strings', () => {
  const text = [
    "import a from 'x';",
    'import {',
    '  b,',
    '} from "./y.ts";',
    "export { c } from '../z.ts';",
    "import 'w';",
    "await import('v');",
    'const s = `',
    "import no from 'no';",
    '`;',
    '',
  ].join('\n');
  assert.equal(
    importsOf(text).map(({ name, line }) => `${line} ${name}`),
    ['1 x', '2 ./y.ts', '5 ../z.ts', '6 w', '7 v'],
  );
  assert.equal(importsOf('export function a(b: string) {\n  return b.split(".");\n}\n'), []);
});

test('rooms import downward only, from folders of rooms too', () => {
  assert.equal(linesOf(layering, file('lib/core/x.ts', '// x', 'import { a } from "../cache/a.ts";', 'import { b } from "./b.ts";')), [2]);
  assert.equal(
    linesOf(layering, file('lib/machine/x.ts', 'import { a } from "../console/a.ts";', 'import { b } from "../core/b.ts";')),
    [1],
  );
  const nested = file('lib/machine/qemu/x.ts', 'import { a } from "../../console/a.ts";', 'import { b } from "../machine.ts";');
  assert.equal(linesOf(layering, nested), [1]);
  assert.equal(
    linesOf(layering, file('lib/system/x.ts', 'import { a } from "../cli/a.ts";', 'import { b } from "../../systems/b.ts";')),
    [1, 2],
  );
  assert.equal(linesOf(layering, file('lib/cellar/x.ts', '// x')), [1]);
  assert.equal(linesOf(layering, file('lib/cli/x.ts', 'import { a } from "../system/a";')), [1]);
  assert.equal(linesOf(layering, file('lib/cli/x.ts', 'import { a } from "../dev/tidy/rule.ts";')), [1]);
  assert.equal(linesOf(layering, file('lib/cli/x.test.ts', 'import { a } from "../dev/tidy/rule.ts";')), []);
  clean(layering, sources);
});

test('a folder has at most twenty modules, and a module is in a room', () => {
  const modules = (count: number): readonly SourceFile[] =>
    Array.from({ length: count }, (_, index) => file(`lib/core/m${index}.ts`, '// x'));
  assert.equal(crowded(modules(20)), []);
  assert.is(crowded(modules(21)).length, 1);
  assert.is(crowded([file('lib/alone.ts', '// x')]).length, 1);
  assert.is(crowded([file('lib/image/fat/deep/x.ts', '// x')]).length, 1);
  assert.equal(crowded(sources), []);
});

test('imports between modules have no cycle', () => {
  const one = file('lib/core/a.ts', 'import { b } from "./b.ts";');
  const two = file('lib/core/b.ts', 'import type { c } from "../cache/c.ts";');
  const three = file('lib/cache/c.ts', 'import { a } from "../core/a.ts";');
  assert.equal(circles([one, two]), []);
  assert.equal(circles([one, two, three]), ['lib/core/a.ts:1: a circle of imports: lib/core/a.ts, lib/core/b.ts, lib/cache/c.ts']);
  assert.equal(circles(sources), []);
});

test('banned calls are found, with their replacement', () => {
  const bad = [
    'process.exit(1)',
    'console.log(1)',
    'Date.now()',
    'new Date()',
    'Math.random()',
    'process.env',
    'process.cwd()',
    'process.argv',
    'a.localeCompare(b)',
    'enum A {}',
    'const a: any = 1',
    'a as any',
    'new Map<any, 1>()',
    'a as unknown as string',
    '// @ts-ignore',
    '// TODO',
    'import { $ } from "zx";',
    'import "zx/globals";',
    'import { spawn } from "node:child_process";',
    'import { test } from "uvu";',
  ];
  for (const line of bad) {
    const found = calls(file('lib/image/x.ts', line));
    assert.is(found.length, 1, line);
    assert.match(found[0] ?? '', /^lib\/image\/x\.ts:1: .*instead: \w/);
  }
  const good = [
    '// process.exit(1)',
    '"Date.now()"',
    'a as unknown',
    'new Date(0)',
    'anyone(a)',
    'const company: Any = 1',
    'performance.now()',
    'import { a } from "zxcvbn";',
  ];
  for (const line of good) assert.equal(calls(file('lib/image/x.ts', line)), [], line);
  clean(calls, sources);
});

test('every file begins with a comment that describes it', () => {
  assert.equal(linesOf(header, file('a.ts', 'import a from "a";')), [1]);
  assert.equal(linesOf(header, file('a.ts', '#!/usr/bin/env zx', 'import a from "a";')), [1]);
  assert.equal(linesOf(header, file('a.ts', '#!/usr/bin/env zx', '// Builds.')), []);
  clean(header, sources);
});

test('files and lines are short, tasks are 15 to 60 lines', () => {
  assert.is(length(file('lib/a.ts', ...Array(401).fill('x'))).length, 1);
  assert.is(length(file('lib/a.ts', ...Array(400).fill('x'))).length, 0);
  assert.is(length(file('tasks/a.ts', ...Array(61).fill('x'))).length, 1);
  assert.is(length(file('tasks/a.ts', 'x')).length, 1);
  assert.equal(linesOf(width, file('a.ts', 'x'.repeat(160), 'x'.repeat(161))), [2]);
  clean(length, sources);
  clean(width, sources);
});

test('every file ends with one end of line', () => {
  assert.equal(linesOf(ending, { path: 'a', text: 'x\ny' }), [2]);
  assert.equal(linesOf(ending, { path: 'a', text: 'x\n\n' }), [2]);
  clean(ending, [...sources, ...others]);
});

test('files are named after the thing that they have', () => {
  for (const path of ['lib/core/utils.ts', 'lib/index.ts', 'tasks/types.ts', 'helpers.ts'])
    assert.is(naming(file(path, '')).length, 1, path);
  clean(naming, sources);
});

test('every test file runs its tests', () => {
  assert.is(testRun(file('lib/a.test.ts', 'test("x", () => {});', '// test.run();')).length, 1);
  assert.is(testRun(file('lib/a.test.ts', 'test("x", () => {});', 'test.run();')).length, 0);
  clean(testRun, sources);
});

test('nothing names a path of one machine or the host of a registry', () => {
  const slash = '/';
  assert.is(portable(file('a.md', `see ${slash}work${slash}x`)).length, 1);
  assert.is(portable(file('a.ts', `"http://${['deb', 'debian', 'org'].join('.')}/debian"`)).length, 1);
  assert.is(portable(file('a.ts', `".${slash}work${slash}x", "/usr/bin"`)).length, 0);
  clean(portable, [...sources, ...others]);
});

test('lib/ does not know any system by name', async () => {
  const names = ['redox', 'asterinas', 'rust-nixos'];
  assert.is(systemNames(names)(file('lib/system/x.ts', "if (name === 'redox') {}")).length, 1);
  assert.is(systemNames(names)(file('lib/image/x.ts', 'import { a } from "./redoxfs-header.ts";')).length, 0);
  clean(systemNames(names), sources);
});

test('every module with behaviour is reached by a test', () => {
  const module = file('lib/core/a.ts', 'export function a() {}');
  assert.is(untested([module], {}).length, 1);
  assert.is(untested([module, file('lib/core/a.test.ts', 'import { a } from "./a.ts";')], {}).length, 0);
  const between = file('lib/core/b.ts', 'import { a } from "./a.ts";');
  assert.is(untested([module, between, file('lib/core/b.test.ts', 'import "./b.ts";')], {}).length, 0);
  assert.is(untested([module, file('lib/cli/x.test.ts', 'import "../core/a.ts";')], {}).length, 0, 'a test of another room counts');
  const far = [module, file('lib/cli/x.ts', 'import "../core/a.ts";'), file('lib/cli/x.test.ts', 'import "./x.ts";')];
  assert.is(untested(far, {}).length, 1, 'a module of another room that imports it does not count');
  assert.is(untested([file('lib/core/a.ts', 'export interface A {}', 'export const b = 1;')], {}).length, 0);
  assert.is(untested([module], { 'lib/core/a.ts': 'a reason' }).length, 0);
  assert.is(untested([], { 'lib/core/a.ts': 'a reason' }).length, 1);
  assert.is(untested(sources, excused).join('\n'), '');
});

test('every package that is asked for is used', async () => {
  assert.is(
    unusedPackages('{ "dependencies": { "left-pad": "1", "zx": "1", "@a/b": "1" } }', [
      file('a.ts', 'import { $ } from "zx";', 'import b from "@a/b/c";'),
    ]).length,
    1,
  );
  assert.is(unusedPackages(await readFile(join(root, 'package.json'), 'utf8'), sources).join('\n'), '');
});

test.run();
