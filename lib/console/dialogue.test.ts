// What a dialogue waits for and types, step by step.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Dialogue } from './dialogue.ts';
import type { Step } from './dialogue.ts';

const session: readonly Step[] = [
  { kind: 'expect', text: 'login:' },
  { kind: 'send', text: 'root' },
  { kind: 'expect', text: '# ' },
  { kind: 'send', text: 'ls' },
];

function talk(dialogue: Dialogue, text: string, prompted = false): readonly string[] {
  return dialogue.hear(Buffer.from(text), prompted);
}

test('steps are done in their order, each after what it waits for', () => {
  const dialogue = new Dialogue(session);
  assert.is(dialogue.waitingFor, 'login:');
  assert.equal(talk(dialogue, 'boot\nlog'), []);
  assert.equal(talk(dialogue, 'in:'), ['root\r']);
  assert.is(dialogue.waitingFor, '# ');
  assert.equal(talk(dialogue, ' root\r\n\x1b[1m# '), ['ls\r']);
  assert.is(dialogue.waitingFor, undefined);
});

test('a text is used up: the same text expected twice must come twice', () => {
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

test('texts that come at once meet several expectations', () => {
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

test.run();
