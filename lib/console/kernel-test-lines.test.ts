// The lines of kernels that run their tests: those of the real runner, and of one whose panics end the machine.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { KernelTestLines } from './kernel-test-lines.ts';

function read(text: string): KernelTestLines {
  const lines = new KernelTestLines();
  for (const [at, line] of text.split('\n').entries()) lines.line(line, at * 10);
  lines.end(10_000);
  return lines;
}

test('results, and the text of a failure that is printed after all tests of its crate', () => {
  const { tests, announced, done } = read(`
[ktest runner] running 3 tests in 1 crates

running 3 tests in crate "ostd"

test ostd::mm::tests::maps ... ok
test ostd::mm::tests::unmaps ... FAILED
test ostd::sync::tests::locks ...a message
another ok
 ok

test result: FAILED. 2 passed; 1 failed; 0 filtered out.

failures:

---- ostd/src/mm/mod.rs:12:5 - unmaps ----

[caught panic] Panicked at ostd/src/mm/mod.rs:15:9
assertion failed
`);
  assert.equal([announced, done], [3, false]);
  assert.equal(
    tests.map(({ path, result, output }) => [path, result, output]),
    [
      ['ostd::mm::tests::maps', 'passed', []],
      ['ostd::mm::tests::unmaps', 'failed', ['[caught panic] Panicked at ostd/src/mm/mod.rs:15:9', 'assertion failed']],
      ['ostd::sync::tests::locks', 'passed', ['a message', 'another']],
    ],
  );
});

test('tests that run side by side have their results when they end, and the tests that are expected are those of chosen crates', () => {
  const { tests, expected, done, crateEnded } = read(`
[ktest runner] running 9 tests in 3 crates

[ktest runner] skipping crate "ostd".

running 2 tests in crate "aster-kernel"

a line of both
test aster_kernel::a::tests::one ... ok
test aster_kernel::b::tests::two ... FAILED

test result: FAILED. 1 passed; 1 failed; 3 filtered out.

failures:

---- kernel/src/b.rs:3:5 - two ----

test did not panic as expected
`);
  assert.equal([expected, done, crateEnded], [2, false, true]);
  assert.equal(
    tests.map(({ path, result, output }) => [path, result, output]),
    [
      ['aster_kernel::a::tests::one', 'passed', []],
      ['aster_kernel::b::tests::two', 'failed', ['test did not panic as expected']],
    ],
  );
  const begun = read('[ktest runner] running 9 tests in 3 crates\n\nrunning 4 tests in crate "ostd"\n\ntest a ... ok\n');
  assert.equal([begun.expected, begun.crateEnded], [9, false]);
});

test('a test that ends the kernel is unfinished, with all that it printed', () => {
  const { tests, running } = read('test a::b ... ok\ntest a::c ...\n[  0.1] ERROR: Uncaught panic:\n\tasked to panic');
  assert.is(running, undefined);
  assert.equal(tests[1], { path: 'a::c', result: 'unfinished', output: ['[  0.1] ERROR: Uncaught panic:', '\tasked to panic'], ms: 9990 });
});

test('a test begins when its line does, not when the line ends', () => {
  const lines = new KernelTestLines();
  lines.unfinished('test a::b ...', 100);
  lines.unfinished('test a::b ...', 200);
  lines.line('test a::b ... ok', 5100);
  assert.equal(lines.tests, [{ path: 'a::b', result: 'passed', output: [], ms: 5000 }]);
});

test('the end of all crates is the end', () => {
  assert.ok(read('\n[ktest runner] All crates tested.').done);
});

test.run();
