// Real output of rustc's test harness.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { harnessFlags, parseHarness, parseList } from './libtest.ts';

const printed = `
running 4 tests
test a::passes ... ok
test ignored_one ... ignored, it is slow
test panics - should panic ... ok
test fails ... FAILED

failures:

---- fails stdout ----

thread 'fails' panicked at src/lib.rs:9:5:
expected: 1
note: run with \`RUST_BACKTRACE=1\` environment variable to display a backtrace


failures:
    fails

test result: FAILED. 2 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s
`;

test('each test has its result, and a failed test has its output', () => {
  const { cases, finished } = parseHarness(printed);
  assert.ok(finished);
  assert.equal(
    cases.map(({ name, result }) => `${name} ${result}`),
    ['a::passes passed', 'ignored_one ignored', 'panics passed', 'fails failed'],
  );
  assert.match(cases[3]?.output ?? '', /^thread 'fails' panicked[^]*to display a backtrace$/);
});

test('text between a name and its result, as with --nocapture, does not hide a failure', () => {
  const text =
    'test one ... printed by it\nok\ntest two ... thread panicked\nFAILED\n\nfailures:\n\nfailures:\n    two\n\ntest result: FAILED. 1 passed;\n';
  assert.equal(
    parseHarness(text).cases.map(({ name, result }) => `${name} ${result}`),
    ['one passed', 'two failed'],
  );
});

test('a harness that does not print its summary is not finished', () => {
  const report = parseHarness('running 2 tests\ntest one ... ok\n');
  assert.equal([report.finished, report.cases.length], [false, 1]);
});

test('a run of one test gets the flags with their values, and no other names', () => {
  assert.equal(harnessFlags(['one', '--exact', '--test-threads', '2', '--skip', 'x', '--ignored', '--format=terse']), [
    '--test-threads',
    '2',
    '--skip',
    'x',
    '--ignored',
    '--format=terse',
  ]);
});

test('tests and benchmarks are listed', () => {
  assert.equal(parseList('a::b: test\nsrc/lib.rs - two (line 3): test\nfast: benchmark\n'), ['a::b', 'src/lib.rs - two (line 3)', 'fast']);
});

test.run();
