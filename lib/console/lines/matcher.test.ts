// Tests the characters with which a match of a pattern can begin. The set is exact for simple patterns, and
// contains every character for the others. No rule may be skipped because of the first character of a line
// that it matches.
import { globby } from 'globby';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { firstCharacters } from './matcher.ts';
import type { ConsoleRules } from '../rules.ts';

test('literals, escapes, classes, groups and optional elements', () => {
  for (const [source, expected] of [
    ['Kernel panic', 'K'],
    ['\\[rootfs', '['],
    ['[Dd]rop', 'Dd'],
    ['(?:ab|c(?:d|e)|\\(f)', 'ac('],
    ['(?:x)?y', 'xy'],
    ['(?:x|z){0,3}y', 'xzy'],
    ['a?b', 'ab'],
    ['(?<who>a|b)c', 'ab'],
  ] as const) {
    assert.is(firstCharacters(source), expected, source);
  }
});

test('a pattern that is not simple may begin with any character', () => {
  for (const source of ['\\w+', '.*x', '[^a]', '[a-z]', '(?!a)b', '(?=a)', '(?<=a)b', 'a?', '(?:a|)b', '\\bword', '']) {
    assert.is(firstCharacters(source), undefined, source);
  }
});

test('the example of every rule of every page begins with one of the computed characters', async () => {
  const root = join(import.meta.dirname, '../../..');
  for (const file of await globby('systems/*/console.ts', { cwd: root })) {
    const { console: rules }: { console: ConsoleRules } = await import(join(root, file));
    for (const { pattern, example } of [...rules.panics, ...rules.milestones, ...rules.findings]) {
      const match = pattern.exec(example) ?? pattern.exec(example.replace(/^\[ *[\d.]+\](?:\[ *[TC]\d+\])? /, ''));
      const first = pattern.source.startsWith('^') ? firstCharacters(pattern.source.slice(1)) : undefined;
      assert.ok(match && (first === undefined || first.includes(match[0].slice(0, 1))), String(pattern));
    }
  }
});

test.run();
