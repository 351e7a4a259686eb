// Two runs side by side: numbers in a line make no other finding.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { compareFindings } from './findings.ts';

test('what is new, gone, and more or less often is told apart, and numbers do not count', () => {
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

test.run();
