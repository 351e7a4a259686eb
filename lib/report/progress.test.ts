// Events as text: plain lines for a file or a pipe, and a status line that is rewritten on a terminal.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { digestBytes } from '../core/digest.ts';
import type { Event } from '../core/events.ts';
import { plainText } from './progress.ts';
import { progress } from './progress.ts';

const key = digestBytes('');

/** What is written for a row of events. */
function written(events: readonly Event[], { columns, quiet = false }: { columns?: number; quiet?: boolean } = {}): string {
  let text = '';
  const face = progress(
    {
      write: (part) => {
        text += part;
      },
      columns,
      colours: plainText,
    },
    quiet,
  );
  for (const event of events) face.report(event);
  face.clear();
  return text;
}

/** Returns the final content of a terminal: the text without rewritten lines. */
function shown(text: string): string {
  return text
    .split('\n')
    .map((line) => line.slice(line.lastIndexOf('\r\x1b[K') + (line.includes('\r\x1b[K') ? 4 : 0)))
    .join('\n');
}

const build: readonly Event[] = [
  { kind: 'planned', units: 2 },
  { kind: 'unit-started', unit: 'core 0.0.0' },
  { kind: 'unit-finished', unit: 'core 0.0.0', outcome: 'hit', durationMs: 3, key },
  { kind: 'unit-started', unit: 'kernel 0.1.0' },
  { kind: 'unit-finished', unit: 'kernel 0.1.0', outcome: 'built', durationMs: 1234, key },
];

test('in a file: one line for each unit that was built, none for a hit, no control characters', () => {
  assert.is(written(build), 'built kernel 0.1.0 1.2 s\n');
});

test('on a terminal the status line counts, names running units, fits, and is removed at the end', () => {
  const text = written(build, { columns: 30 });
  assert.ok(text.includes('[1/2] 1 hit · kernel'));
  assert.is(shown(text), 'built kernel 0.1.0 1.2 s\n');
  for (const line of text.split(/\r\x1b\[K|\n/)) assert.ok(line.length < 30, line);
});

test('running units have their times, and a miss its reasons, which are printed even with --quiet', () => {
  let clock = 0;
  let text = '';
  const face = progress({ write: (part) => (text += part), columns: 80, colours: plainText }, false, () => clock);
  face.report({ kind: 'planned', units: 9 });
  face.report({ kind: 'unit-started', unit: 'core 0.0.0' });
  clock = 1500;
  face.report({ kind: 'unit-started', unit: 'kernel 0.1.0' });
  assert.match(text, /\[0\/9\] 0 hits · core 1\.5 s, kernel 0\.0 s$/);
  for (const unit of ['core 0.0.0', 'kernel 0.1.0']) face.report({ kind: 'unit-finished', unit, outcome: 'built', durationMs: 1, key });
  const missed: Event = { kind: 'unit-missed', unit: 'a 1.0', reasons: ['a', 'b', 'c', 'd', 'e', 'f'] };
  assert.is(written([missed], { quiet: true }), 'missed a 1.0: a; b; c; d; and 2 more\n');
});

test('with --quiet only messages of compilers are printed', () => {
  const events: readonly Event[] = [
    ...build,
    { kind: 'note', text: 'x' },
    { kind: 'unit-failed', unit: 'a' },
    { kind: 'diagnostic', unit: 'a', text: 'error[E0308]' },
  ];
  assert.is(written(events, { quiet: true, columns: 80 }), 'error[E0308]\n');
});

test('a diagnostic is written unchanged, whether or not it ends with a line end', () => {
  assert.is(
    written([
      { kind: 'diagnostic', unit: 'a', text: 'one\n' },
      { kind: 'diagnostic', unit: 'a', text: 'two' },
    ]),
    'one\ntwo\n',
  );
});

test('a short phase leaves no line, a long one or one with a note does', () => {
  const phases: readonly Event[] = [
    { kind: 'phase-started', phase: 'plan' },
    { kind: 'phase-finished', phase: 'plan', durationMs: 20 },
    { kind: 'phase-started', phase: 'assemble' },
    { kind: 'progress', phase: 'assemble', done: 1, total: 3 },
    { kind: 'phase-finished', phase: 'assemble', durationMs: 2000 },
    { kind: 'phase-finished', phase: 'verify', durationMs: 1, note: 'all good' },
  ];
  assert.is(written(phases), 'assemble 2.0 s\nverify 0.0 s all good\n');
  assert.ok(written(phases, { columns: 80 }).includes('assemble 33 %'));
});

test('a repaired blob is reported', () => {
  assert.match(written([{ kind: 'repaired', digest: key }]), /repaired.*e3b0c44298fc/);
});

test.run();
