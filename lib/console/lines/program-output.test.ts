// Extracts the output of programs from the bytes of a console, and compares it.
import { Buffer } from 'node:buffer';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { firstDifference, programOutput } from './program-output.ts';

const facts = { from: /^Arguments/, to: /^Done\.$/, kernel: /^\[ *\d+\.\d+\] / };
const output = (text: string): readonly string[] => programOutput(Buffer.from(text), facts);

test('the output is between its first and its last line, without lines of the kernel and escape sequences', () => {
  assert.equal(output('banner\r\nArguments\r\n\x1b[1m  a\x1b[0m\r\n[  1.5] late message\r\n  b\r\nDone.\r\n# more\r\n'), [
    'Arguments',
    '  a',
    '  b',
    'Done.',
  ]);
  assert.equal(output('Arguments\r\n  cut'), ['Arguments', '  cut']);
  assert.equal(output('nothing of it\r\n'), []);
});

test('the first difference is a line, also where one output ends', () => {
  assert.is(firstDifference(['a', 'b'], ['a', 'b']), undefined);
  assert.equal(firstDifference(['a', 'b'], ['a', 'c', 'd']), { line: 2, left: 'b', right: 'c' });
  assert.equal(firstDifference(['a'], ['a', 'b']), { line: 2, left: undefined, right: 'b' });
  assert.equal(firstDifference([], ['']), { line: 1, left: undefined, right: '' });
});

test.run();
