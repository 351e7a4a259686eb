// Lines with words of something wrong are named. A boot without such words has no such lines.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { suspects } from './suspects.ts';

test('the three most telling lines are named in their order, each once', () => {
  const lines = [
    'Starting network: OK',
    'warning: no time server',
    'mount: /data: no such device',
    'mount: /data: no such device',
    'mydaemon: assertion failed: x > 0',
    'Waiting for something',
    'mydaemon: fatal error: cannot continue',
  ];
  assert.equal(suspects(lines), ['mount: /data: no such device', 'mydaemon: assertion failed: x > 0', 'mydaemon: fatal error: cannot continue']);
});

test('words that good boots say are not suspicious', () => {
  assert.equal(suspects(['Command line: panic=-1 errors=remount-ro', 'fsck: no errors', 'Starting network: OK', '0 failed']), []);
});

test.run();
