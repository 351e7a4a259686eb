// Bytes to lines: a table of what terminals send, and a check that any chunking gives the same lines.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Cleaner, longestLine } from './clean.ts';

/**
 * Returns all lines of a text, the unfinished one last. The text is pushed in chunks whose sizes `next`
 * returns.
 */
function cleaned(bytes: Uint8Array, next: () => number = () => bytes.length): string[] {
  const cleaner = new Cleaner();
  const lines: string[] = [];
  for (let at = 0; at < bytes.length;) {
    const size = Math.max(1, next());
    lines.push(...cleaner.push(bytes.subarray(at, at + size)));
    at += size;
  }
  return [...lines, ...cleaner.end()];
}

const table: readonly (readonly [name: string, text: string, lines: readonly string[]])[] = [
  ['LF, CR LF and CR CR LF are each one line end', 'a\nb\r\nc\r\r\nd', ['a', 'b', 'c', 'd']],
  ['an empty line is a line', 'a\n\r\n\nb', ['a', '', '', 'b']],
  ['CR without LF ends a progress line', 'kernel: 0/8 MiB\rkernel: 8/8 MiB\r\n', ['kernel: 0/8 MiB', 'kernel: 8/8 MiB']],
  ['colours are taken out', '\x1b[1m\x1b[33mShell> \x1b[0m\x1b[37m\x1b[40m', ['Shell> ']],
  ['a cursor that moves ends the line', 'Press ESC\x1b[09;01HPress ESC', ['Press ESC', 'Press ESC']],
  ['a cleared screen ends the line', 'Booting..\x1bc\x1b[?7l\x1b[2J\x1b[0mSeaBIOS', ['Booting..', 'SeaBIOS']],
  ['a cursor query is nothing', '/ # \x1b[6n', ['/ # ']],
  ['OSC ended by BEL or ST', '\x1b]0;title\x07a\x1b]2;t\x1b\\b', ['ab']],
  ['DCS, APC and PM', '\x1bPq#0\x1b\\a\x1b_x\x1b\\b\x1b^y\x1b\\c', ['abc']],
  ['a string that is never ended does not eat the next line', '\x1b]0;title\nnext', ['next']],
  ['a choice of character set', '\x1b(Ba\x1b)0b', ['ab']],
  ['back-space takes a character back', 'lpgin\b\b\b\bogin:', ['login:']],
  ['back-space at the beginning of a line is nothing', '\b\ba', ['a']],
  ['TAB stays, NUL and BEL go', 'a\tb\0c\x07d', ['a\tbcd']],
  ["control characters above ASCII are removed, because the user's terminal would obey them", 'a\u009b2Jb\u0085c', ['a2Jbc']],
  ['UTF-8', 'naïve — ✓\n', ['naïve — ✓']],
];

for (const [name, text, lines] of table) {
  test(name, () => {
    assert.equal(cleaned(Buffer.from(text)), lines);
  });
}

test('bytes that are not UTF-8 are replaced and lose nothing around them', () => {
  assert.equal(cleaned(Buffer.from([0x61, 0xff, 0xc3, 0x62, 0x0a, 0x63])), ['a\ufffd\ufffdb', 'c']);
});

test('the unfinished line is visible while it grows', () => {
  const cleaner = new Cleaner();
  assert.equal(cleaner.push(Buffer.from('up\nlogin')), ['up']);
  assert.is(cleaner.unfinished, 'login');
  cleaner.push(Buffer.from(': '));
  assert.is(cleaner.unfinished, 'login: ');
});

test('a line without end is cut, so that it cannot fill the memory', () => {
  const lines = cleaned(Buffer.from('x'.repeat(2 * longestLine + 5)), () => 1000);
  assert.equal(
    lines.map((line) => line.length),
    [longestLine, longestLine, 5],
  );
});

test('any chunking gives the same lines', () => {
  const next = randomNumbers(20261120);
  const text = ['a', 'login: ', 'ä', '✓', '\u009b', '\xff', 'x'.repeat(300), '\t', '\b', '\r', '\n', '\r\n'];
  const alphabet = [...text, '\x1b', '[', '2J', '1;1H', 'm', ']0;', '\x07', '\\', 'P', 'c', '('];
  for (let round = 0; round < 200; round++) {
    const parts = Array.from({ length: 60 }, () => {
      const part = alphabet[next() % alphabet.length] ?? '';
      return part === '\xff' ? Buffer.from([0xff]) : Buffer.from(part);
    });
    const bytes = Buffer.concat(parts);
    const whole = cleaned(bytes);
    assert.equal(
      cleaned(bytes, () => 1),
      whole,
      `round ${round}, a byte at a time`,
    );
    assert.equal(
      cleaned(bytes, () => next() % 97),
      whole,
      `round ${round}, in random chunks`,
    );
  }
});

/** Repeatable pseudo-random numbers (a linear congruential generator, the constants of POSIX rand48's cousin in "Numerical Recipes"). */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 8;
  };
}

test.run();
