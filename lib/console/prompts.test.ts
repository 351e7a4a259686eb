// Tests a prompt that is only a sign, in a live run that asks the shell. Only the output of the asked command
// confirms the prompt.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { exited, judged, limits, rules } from '../dev/testing/small-rules.ts';
import { Judge } from './judge.ts';
import type { Mark } from './transcript.ts';
import { question } from './prompts.ts';

const asks: Mark = { kind: 'asks' };
const { typed, answer } = question(1);
const asked: Mark = { kind: 'asked', text: answer };
/** What a terminal shows when the question is typed. */
const echo = typed.replace('\r', '\r\n');

test('a shell that answers has booted, from the time of its prompt on', () => {
  const { verdict, findings, milestones } = judged([
    [0, asks],
    [100, '> '],
    [2100, asked],
    [2110, echo],
    [2120, `${answer}\r\n> `],
    [5000, ''],
  ]);
  assert.equal(verdict, { kind: 'booted', line: '>', afterMs: 100 });
  assert.equal(milestones, [{ name: 'prompt', atMs: 100 }]);
  assert.equal(findings, [{ kind: 'confirmed-prompt', line: '>', count: 1 }]);
});

test('silence alone confirms nothing, nor does the echo of the question', () => {
  for (const more of ['', echo, `${echo}sh: not found\r\n`]) {
    const { verdict, findings } = judged([
      [0, asks],
      [100, '> '],
      [2100, asked],
      [2110, more],
      [20_000, ''],
    ]);
    assert.is(verdict.kind, 'stalled', more);
    assert.equal(findings, [{ kind: 'unanswered-prompt', line: '>', count: 1 }]);
  }
});

test('the clock decides without a question where none is asked, as in records of other programs', () => {
  assert.is(
    judged([
      [100, '> '],
      [5000, ''],
    ]).verdict.kind,
    'booted',
  );
  assert.is(
    judged([
      [0, asks],
      [100, '> '],
      [5000, ''],
    ]).verdict.kind,
    'stalled',
  );
  assert.is(
    judged([
      [0, asks],
      [100, '~ # '],
      [5000, ''],
    ]).verdict.kind,
    'booted',
    'a prompt that is sure needs no question',
  );
});

test('a question is due when nothing has followed the sign for the grace window, at most three times', () => {
  const judge = new Judge(rules, limits);
  judge.mark(0, asks);
  judge.read(10, Buffer.from('> '));
  assert.equal(judge.question, { dueMs: 10 + limits.graceMs, number: 1 });
  judge.read(20, Buffer.from('text\n'));
  assert.is(judge.question, undefined, 'the sign began another line');
  for (const number of [1, 2, 3]) {
    judge.read(100 * number, Buffer.from('> '));
    assert.is(judge.question?.number, number);
    judge.mark(100 * number + 1, { kind: 'asked', text: question(number).answer });
    assert.is(judge.question, undefined, 'it is asked once');
    judge.read(100 * number + 2, Buffer.from('\n'));
  }
  judge.read(1000, Buffer.from('> '));
  assert.is(judge.question, undefined);
});

test('a later question may be the one that is answered, also after a line of the kernel', () => {
  const second = question(2);
  const told = [
    [0, asks],
    [100, '> '],
    [2100, asked],
    [2200, 'no shell\n> '],
    [4200, { kind: 'asked', text: second.answer }],
  ] as const;
  const { verdict, findings } = judged([...told, [4300, `\n[    9.000000] news\n${second.answer}\n> `], [9000, '']]);
  assert.equal(verdict, { kind: 'booted', line: '>', afterMs: 2200 });
  assert.equal(findings, [{ kind: 'confirmed-prompt', line: '>', count: 1 }]);
});

test('a recovery shell that answers is still a failure, and a machine that ends before it answers has ended early', () => {
  const shell = judged([
    [0, asks],
    [50, 'last try\n'],
    [100, '> '],
    [2100, asked],
    [2200, `${answer}\n> `],
    [5000, ''],
  ]);
  assert.equal([shell.verdict.kind, shell.verdict.kind === 'failed' && shell.verdict.failure], ['failed', 'emergency-mode']);
  assert.is(
    judged([
      [0, asks],
      [100, '> '],
      [2100, asked],
      [2200, exited],
    ]).verdict.kind,
    'exited-early',
  );
});

test.run();
