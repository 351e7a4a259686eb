// The command line: accepted arguments, and the errors for wrong ones.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Failure } from '../core/errors.ts';
import { helpText, parseCommandLine } from './command-line.ts';
import type { CommandLine, Usage } from './command-line.ts';

const usage: Usage = {
  command: 'npx zx tasks/build.ts',
  words: '<system>',
  about: 'Builds a system.',
  count: [1, 1],
  flags: {
    jobs: { type: 'string', value: 'N', help: 'how many at once' },
    json: { type: 'boolean', help: 'print JSON' },
    timeout: { type: 'string', value: 'S', help: 'give up after S seconds' },
    source: { type: 'string', value: 'NAME=DIR', multiple: true, help: 'a local checkout' },
  },
  examples: ['npx zx tasks/build.ts redox'],
};

const parse = (...argv: string[]): CommandLine => parseCommandLine(usage, argv);

function complaint(work: () => unknown): Failure {
  try {
    work();
  } catch (error) {
    assert.instance(error, Failure);
    return error as Failure;
  }
  return assert.unreachable('it was accepted') as never;
}

test('an optional value is only taken from a word that can be one', () => {
  const flags = {
    gdb: { type: 'string', value: 'PORT', implied: { value: '1234', follows: (word: string) => /^\d+$/.test(word) }, help: 'x' },
  } as const;
  const given = (...argv: string[]): readonly unknown[] => {
    const args = parseCommandLine({ ...usage, count: [0, 2], flags }, argv);
    return [args.text('gdb'), ...args.words];
  };
  assert.equal(given('--gdb'), ['1234']);
  assert.equal(given('--gdb', 'redox'), ['1234', 'redox']);
  assert.equal(given('--gdb', '9', 'redox'), ['9', 'redox']);
  assert.equal(given('--gdb=9', 'redox'), ['9', 'redox']);
  assert.equal(given('--', '--gdb'), [undefined, '--gdb']);
  assert.match(helpText({ ...usage, flags }), '--gdb [PORT]');
});

test('words, switches, values and repeated values are distinguished', () => {
  const args = parse('redox', '--json', '--jobs=3', '--source', 'a=b', '--source', 'c=d');
  assert.equal([args.words, args.has('json'), args.text('jobs'), args.list('source')], [['redox'], true, '3', ['a=b', 'c=d']]);
  const none = parse('redox');
  assert.equal([none.has('json'), none.text('jobs'), none.count('jobs'), none.list('source')], [false, undefined, undefined, []]);
});

test('an unknown flag is a usage error that suggests the nearest one', () => {
  const failure = complaint(() => parse('redox', '--jbos', '3'));
  assert.is(failure.exitCode, 2);
  assert.is(failure.message, 'Cannot read the command line: there is no flag "--jbos"');
  assert.match(failure.hint ?? '', /did you mean --jobs\?.*--help/);
});

test('an unknown flag with a value, and one that is like nothing, are refused as well', () => {
  assert.match(complaint(() => parse('redox', '--jons=3')).hint ?? '', /--json\?|--jobs\?/);
  assert.not.match(complaint(() => parse('redox', '--zzzzzzzz')).hint ?? '', /did you mean/);
});

test('too few words, too many, and a value where none belongs are usage errors', () => {
  assert.match(complaint(() => parse()).message, /it needs <system>/);
  assert.match(complaint(() => parse('redox', 'asterinas')).message, /"asterinas" is one word too many/);
  for (const argv of [
    ['redox', '--json=yes'],
    ['redox', '--jobs'],
    ['redox', '-x'],
  ]) {
    assert.is(complaint(() => parse(...argv)).exitCode, 2, argv.join(' '));
  }
});

test('a count is a whole number with a minimum', () => {
  assert.is(parse('redox', '--jobs', '12').count('jobs', 1), 12);
  for (const bad of ['0', '-1', '1.5', 'three', '', ' ', 'NaN', 'Infinity', '1e400']) {
    assert.match(
      complaint(() => parse('redox', `--jobs=${bad}`).count('jobs', 1)).message,
      /must be a whole number of at least 1/,
      `"${bad}"`,
    );
  }
});

test('seconds may have a fraction and are returned in milliseconds', () => {
  assert.is(parse('redox', '--timeout', '1.5').seconds('timeout'), 1500);
  assert.is(parse('redox', '--timeout', '0').seconds('timeout'), 0);
  for (const bad of ['-1', '10s', 'Infinity', '']) {
    assert.match(complaint(() => parse('redox', `--timeout=${bad}`).seconds('timeout')).message, /must be a number of seconds/);
  }
});

test('--help needs no words, and its text has every flag, its value and the examples', () => {
  assert.ok(parse('--help').help);
  const text = helpText(usage);
  for (const part of ['Builds a system.', '--jobs N', '--source NAME=DIR ...', '--help', 'npx zx tasks/build.ts redox']) {
    assert.ok(text.includes(part), part);
  }
});

test('a word after -- is an argument, even if it looks like a flag', () => {
  assert.equal(parse('--', '--jbos').words, ['--jbos']);
});

test('words after "--" are apart where the usage has them, and words like others where not', () => {
  const apart = parseCommandLine({ ...usage, after: 'COMMAND...' }, ['x', '--', 'ls', '-l', '--nonsense', '--']);
  assert.equal([apart.words, apart.after], [['x'], ['ls', '-l', '--nonsense', '--']]);
  assert.is(parseCommandLine({ ...usage, after: 'COMMAND...' }, ['x']).after, undefined);
  assert.equal(parseCommandLine({ ...usage, count: [0, 9] }, ['x', '--', 'ls', '-l']).words, ['x', 'ls', '-l']);
  assert.match(helpText({ ...usage, after: 'COMMAND...' }), '[flags] [-- COMMAND...]');
});

test.run();
