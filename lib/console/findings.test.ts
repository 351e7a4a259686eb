// Compares two runs: lines that differ only in numbers are the same finding.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { compareFindings, suspects } from './findings.ts';

test('new, missing and more or less frequent findings are distinguished, and numbers are ignored', () => {
  const before = [
    { kind: 'warning', line: 'irq 7 is hot', count: 2 },
    { kind: 'service-failed', line: 'a failed', count: 1 },
    { kind: 'service-failed', line: 'same at 12', count: 4 },
  ];
  const after = [
    { kind: 'warning', line: 'irq 11 is hot', count: 5 },
    { kind: 'service-failed', line: 'b failed', count: 1 },
    { kind: 'service-failed', line: 'same at 99', count: 4 },
  ];
  const { fresh, gone, counts } = compareFindings(before, after);
  assert.equal(
    fresh.map(({ line }) => line),
    ['b failed'],
  );
  assert.equal(
    gone.map(({ line }) => line),
    ['a failed'],
  );
  assert.equal(
    counts.map(({ finding, before: was }) => [finding.line, was, finding.count]),
    [['irq 11 is hot', 2, 5]],
  );
  assert.equal(compareFindings(before, before), { fresh: [], gone: [], counts: [] });
});

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
  assert.equal(suspects(lines), [
    'mount: /data: no such device',
    'mydaemon: assertion failed: x > 0',
    'mydaemon: fatal error: cannot continue',
  ]);
});

test('words of good boots are not suspicious', () => {
  assert.equal(suspects(['Command line: panic=-1 errors=remount-ro', 'fsck: no errors', 'Starting network: OK', '0 failed']), []);
});

test.run();
