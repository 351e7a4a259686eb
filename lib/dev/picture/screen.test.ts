// The control sequences that tasks and npm write, and text that has none.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { screenLines } from './screen.ts';

const texts = (text: string): readonly string[] => screenLines(text).map((line) => line.map(({ text }) => text).join(''));

test('lines end with LF or CRLF, and empty ones at the end are dropped', () => {
  assert.equal(texts('one\r\n\r\ntwo  \nthree\n\n'), ['one', '', 'two', 'three']);
  assert.equal(texts(''), []);
});

test('of a rewritten status line only the last text is left', () => {
  assert.equal(texts('\r\x1b[Kplanning\r\x1b[K[1/2] a\r\x1b[Kbuilt a\r\n'), ['built a']);
  assert.equal(texts('⠙\x1b[1G\x1b[0K⠹\x1b[1G\x1b[0Kbuilding\r\n'), ['building']);
  assert.equal(texts('12345\rab\n'), ['ab345']);
  assert.equal(texts('abc\x1b[2Kd\n'), ['   d']);
  assert.equal(texts('abc\b\b\x1b[1KX\n'), [' Xc']);
  assert.equal(texts('a\x1b[5Gb\n'), ['a   b']);
});

test('runs have the style in which they were printed', () => {
  assert.equal(screenLines('\x1b[32mbuilt\x1b[39m a \x1b[2m2.3 s\x1b[22m\n'), [
    [
      { text: 'built', style: { colour: 2 } },
      { text: ' a ', style: {} },
      { text: '2.3 s', style: { dim: true } },
    ],
  ]);
  assert.equal(screenLines('\x1b[1;91mx\x1b[0my'), [
    [
      { text: 'x', style: { bold: true, colour: 9 } },
      { text: 'y', style: {} },
    ],
  ]);
  assert.equal(screenLines('\x1b[38;5;1mx\x1b[mz'), [[{ text: 'xz', style: {} }]]);
});

test('other sequences and control characters are dropped', () => {
  assert.equal(texts('\x1b[?25la\x1b]0;title\x07b\x1b]8;;u\x1b\\c\x07d\n'), ['abcd']);
});

test.run();
