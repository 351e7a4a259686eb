// Menus are answered once, whatever the chunks of the console.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { MenuAnswers } from './menu.ts';
import type { MenuRule } from './rules.ts';

const menu: MenuRule = { pattern: /press a key/, answer: '\r', source: 'this test', example: 'press a key' };
const other: MenuRule = { pattern: /^choose: /, answer: '1', source: 'this test', example: 'choose: ' };

/** The answers to a console that arrives in pieces of `size` bytes. */
function answers(text: string, size: number): readonly string[] {
  const menus = new MenuAnswers([menu, other]);
  const bytes = Buffer.from(text);
  const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) => bytes.subarray(index * size, (index + 1) * size));
  return pieces.flatMap((piece) => menus.hear(piece));
}

test('a menu is answered once, also when its line is not finished, is drawn with escape sequences or is printed again', () => {
  for (const text of ['start\npress a key', 'start\npress a key\r\n', '\x1b[1mpress\x1b[0m a key\r\nnoise\npress a key\n']) {
    for (const size of [1, 3, 7, 1000]) assert.equal(answers(text, size), ['\r'], JSON.stringify([text, size]));
  }
});

test('several menus have their own answers; other text has none', () => {
  assert.equal(answers('choose: \npress a key', 5), ['1', '\r']);
  assert.equal(answers('do not press any key\nto choose: \n', 5), []);
});

test.run();
