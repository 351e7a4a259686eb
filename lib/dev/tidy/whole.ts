// Rules about the repository as a whole: which modules have tests, and which packages are used.
import { posix } from 'node:path';
import { roomOf } from './layering.ts';
import { complaint, isTest } from './rule.ts';
import type { Complaint, SourceFile } from './rule.ts';
import { parseJsonFields } from '../../core/fields.ts';
import { codeOf, importsOf } from '../../core/modules/source-text.ts';

/** Packages that are run as programs and not imported. */
const programs: Readonly<Record<string, string>> = {
  node: 'runs the task scripts, whatever Node the host has',
  'rust-just': 'brings just for hosts without it',
  typescript: 'checks types in npm test',
  oxlint: 'lib/dev/tidy/format.test.ts runs it',
  '@types/node': 'types that tsconfig.json names',
};

/** Returns dependencies that no module imports. `manifest` is the text of package.json. */
export function unusedPackages(manifest: string, files: readonly SourceFile[]): readonly Complaint[] {
  const fields = parseJsonFields(manifest, 'package.json');
  const imported = new Set(files.flatMap(({ text }) => importsOf(text).map(({ name }) => packageOf(name))));
  return ['dependencies', 'devDependencies']
    .flatMap((table) => fields.table(table)?.names() ?? [])
    .filter((name) => !imported.has(name) && !(name in programs))
    .map((name) => complaint({ path: 'package.json' }, 1, `"${name}" is imported nowhere`));
}

/**
 * Returns modules of lib/ with behaviour that no test imports, directly or through modules of their room.
 * `excused` maps a path to the reason why there is no test. An unnecessary excuse is a complaint too.
 */
export function untested(files: readonly SourceFile[], excused: Readonly<Record<string, string>>): readonly Complaint[] {
  const reached = reachedByTests(files);
  const bare = files.filter(({ path, text }) => path.startsWith('lib/') && !isTest(path) && doesSomething(text) && !reached.has(path));
  const idle = Object.keys(excused).filter((path) => !bare.some((file) => file.path === path));
  return [
    ...bare.filter(({ path }) => !(path in excused)).map((file) => complaint(file, 1, 'no test reaches it')),
    ...idle.map((path) => complaint({ path }, 1, 'it is excused from having a test, and needs no excuse')),
  ];
}

function reachedByTests(files: readonly SourceFile[]): ReadonlySet<string> {
  const imports = new Map(files.map(({ path, text }) => [path, isTest(path) ? targetsOf(path, text) : sameRoom(path, text)]));
  const reached = new Set(files.filter(({ path }) => isTest(path)).map(({ path }) => path));
  for (const path of reached) {
    // iteration over a set includes entries that are added during it
    for (const next of imports.get(path) ?? []) reached.add(next);
  }
  return reached;
}

function sameRoom(path: string, text: string): readonly string[] {
  const room = roomOf(path);
  return targetsOf(path, text).filter((target) => roomOf(target) === room);
}

function targetsOf(path: string, text: string): readonly string[] {
  return importsOf(text)
    .filter(({ name }) => name.startsWith('.'))
    .map(({ name }) => posix.join(posix.dirname(path), name));
}

/** Whether a module exports a function or a class. Types and tables alone need no test. */
function doesSomething(text: string): boolean {
  return /^export (?:async )?(?:function|class)\b|^export const \w+(?::[^=]*)? = (?:async )?\(/m.test(codeOf(text));
}

function packageOf(name: string): string {
  return name
    .split('/')
    .slice(0, name.startsWith('@') ? 2 : 1)
    .join('/');
}
