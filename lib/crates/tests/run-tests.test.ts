// How the end of a test program is interpreted. lib/cli/tasks/cargo-test-task.test.ts runs real tests.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { outcomeOf } from './run-tests.ts';

const ran = { exitCode: 0, killedBy: null, stdout: '', stderr: '', heldOpen: false };
const passed = 'running 1 test\ntest a ... ok\n\ntest result: ok. 1 passed;\n';
const failed =
  'running 1 test\ntest a ... FAILED\n\nfailures:\n\n---- a stdout ----\nbecause\n\nfailures:\n    a\n\ntest result: FAILED.\n';

test('the output of a program that passes is not shown, except on request', () => {
  const program = { harness: true, name: 'it' };
  assert.equal(outcomeOf(program, { ...ran, stdout: passed }, []), {
    cases: [{ name: 'a', result: 'passed', output: '' }],
    output: '',
    failed: false,
    leaky: false,
  });
  assert.match(outcomeOf(program, { ...ran, stdout: passed }, ['--nocapture']).output, 'test a ... ok');
});

test('for a program with a failure, the output of the failed tests is shown', () => {
  const outcome = outcomeOf({ harness: true, name: 'it' }, { ...ran, exitCode: 101, stdout: failed }, []);
  assert.equal([outcome.failed, outcome.output], [true, '---- a ----\nbecause']);
});

test('a crash is a failure of the program, with its whole output', () => {
  const crash = {
    exitCode: null,
    killedBy: 'SIGABRT',
    stdout: 'running 2 tests\ntest a ... ok\n',
    stderr: 'abort',
    heldOpen: false,
  } as const;
  const { cases, output } = outcomeOf({ harness: true, name: 'it' }, crash, []);
  assert.equal(
    cases.map(({ name, result }) => `${name} ${result}`),
    ['a passed', 'it (the program) failed'],
  );
  assert.match(output, /abort\nit was ended by SIGABRT$/);
});

test('a program without the harness counts as one test', () => {
  assert.equal(outcomeOf({ harness: false, name: 'it' }, { ...ran, stdout: 'hello\n' }, []), {
    cases: [{ name: 'it', result: 'passed', output: '' }],
    output: '',
    failed: false,
    leaky: false,
  });
  assert.is(outcomeOf({ harness: false, name: 'it' }, { ...ran, exitCode: 3 }, []).output, 'it ended with status 3');
});

test.run();
