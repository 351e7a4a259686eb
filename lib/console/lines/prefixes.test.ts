// Prefixes of recorders are removed from a line, also if there are several. A line without a prefix is
// unchanged.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { withoutPrefixes } from './prefixes.ts';

const text = 'Kernel panic - not syncing: Attempted to kill init!';

test('prefixes of recorders are removed', () => {
  for (const prefix of [
    '2024-03-01T12:00:00.1234567Z ',
    '2024-03-01 12:00:00,123 ',
    '[2024-03-01 12:00:00] ',
    'Wed Apr 17 17:03:39 2019 kern.info kernel: ',
    'Mar  1 12:00:00 host kernel: ',
    '[12:00:00.123] ',
    '<6>',
    '[pid:1,cpu4,init]',
    'INFO: ',
    '[ERROR] ',
    'vm-1  | ',
    'machine # ',
    'serial: ',
    '| ',
    '    ',
    '2024-03-01T12:00:00Z INFO vm-1 | > ',
    ']3008;start=44681544-a0ea-4ea1-85c8-1d9190d5a789;user=root;type=shell;cwd=/root\\',
  ]) {
    assert.is(withoutPrefixes(prefix + text).at(-1), text, prefix);
  }
});

test('a line without one is left alone, and a prefix alone is a text', () => {
  for (const line of [text, '', 'login:', '[  OK  ] Started getty.', '/ # ', 'user@host:~$ ', '# ', 'INFO: ']) {
    assert.equal(withoutPrefixes(line), [], line);
  }
});

test('a text may begin like a prefix, so the prefixes are removed one at a time', () => {
  assert.equal(withoutPrefixes('12:00:00 ERROR: root device not found'), ['ERROR: root device not found', 'root device not found']);
});

test.run();
