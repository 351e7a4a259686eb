// Records of script(1), as util-linux 2.38 writes them, and invalid files.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { terminalRecord } from './terminal-record.ts';

const started =
  'Script started on 2026-11-30 07:40:33+00:00 [COMMAND="zx a.ts \\"b\\"" TERM="xterm" TTY="/dev/pts/0" COLUMNS="100" LINES="40"]\n';

test('the command and the text between the first and the last line', () => {
  const record = `${started}one\r\ntwo\r\n\nScript done on 2026-11-30 07:40:39+00:00 [COMMAND_EXIT_CODE="0"]\n`;
  assert.equal(terminalRecord(record, 'a.record'), { command: 'zx a.ts \\"b\\"', text: 'one\r\ntwo\r\n\n' });
  assert.is(terminalRecord(`${started}cut`, 'a.record').text, 'cut');
});

test('a file without a command is refused', () => {
  for (const text of ['', 'one\n', 'Script started on 2026-11-30 [TERM="xterm"]\n']) {
    assert.throws(() => terminalRecord(text, 'a.record'), /^Cannot read "a\.record": its first line does not name a command/, text);
  }
});

test.run();
