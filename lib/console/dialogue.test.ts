// What a dialogue waits for and types, step by step.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Dialogue, MenuAnswers } from './dialogue.ts';
import type { Step } from './dialogue.ts';
import type { MenuRule } from './rules.ts';

const session: readonly Step[] = [
  { kind: 'expect', text: 'login:' },
  { kind: 'send', text: 'root' },
  { kind: 'expect', text: '# ' },
  { kind: 'send', text: 'ls' },
];

function talk(dialogue: Dialogue, text: string, prompted = false): readonly string[] {
  return dialogue.hear(Buffer.from(text), prompted);
}

test('steps run in order, each after the text that it waits for', () => {
  const dialogue = new Dialogue(session);
  assert.is(dialogue.waitingFor, 'login:');
  assert.equal(talk(dialogue, 'boot\nlog'), []);
  assert.equal(talk(dialogue, 'in:'), ['root\r']);
  assert.is(dialogue.waitingFor, '# ');
  assert.equal(talk(dialogue, ' root\r\n\x1b[1m# '), ['ls\r']);
  assert.is(dialogue.waitingFor, undefined);
});

test('a text is used once: the same text expected twice must be printed twice', () => {
  const dialogue = new Dialogue([
    { kind: 'expect', text: 'ok' },
    { kind: 'expect', text: 'ok' },
    { kind: 'expect', text: 'ok' },
  ]);
  talk(dialogue, 'ok o');
  assert.is(dialogue.waitingFor, 'ok');
  talk(dialogue, 'k\n');
  assert.is(dialogue.waitingFor, 'ok');
  talk(dialogue, 'ok');
  assert.is(dialogue.waitingFor, undefined);
});

test('texts that arrive together meet several expectations', () => {
  const dialogue = new Dialogue([
    { kind: 'expect', text: 'one' },
    { kind: 'expect', text: 'two' },
    { kind: 'send', text: 'go' },
  ]);
  assert.equal(talk(dialogue, 'one\ntwo\n'), ['go\r']);
});

test('input without an expectation waits for the prompt', () => {
  const dialogue = new Dialogue([{ kind: 'send', text: 'root' }]);
  assert.is(dialogue.waitingFor, 'the prompt');
  assert.equal(talk(dialogue, 'login: '), []);
  assert.equal(talk(dialogue, '', true), ['root\r']);
});

test('any chunking is the same dialogue', () => {
  const text = 'boot\r\nlogin: root\r\nWelcome\r\n# ls\r\nbin etc\r\n# ';
  const dialogue = new Dialogue([...session, { kind: 'expect', text: 'etc' }]);
  const typed = [...Buffer.from(text)].flatMap((byte) => dialogue.hear(Uint8Array.of(byte), false));
  assert.equal(typed, ['root\r', 'ls\r']);
  assert.is(dialogue.waitingFor, undefined);
});

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
