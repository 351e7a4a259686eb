// The text of a failure, its blame, and the suggestion for a mistyped word.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  cannot,
  cannotBecause,
  errnoOf,
  exitCodes,
  Failure,
  hostExhausted,
  itemOf,
  lastOf,
  matched,
  nearest,
  partBefore,
  present,
} from './errors.ts';

test('a failure is the sentence "Cannot <do what>: <why>", and its blame is its exit code', () => {
  assert.is(cannot('read "x"', 'it is a folder').message, 'Cannot read "x": it is a folder');
  assert.is(cannot('a', 'b').exitCode, exitCodes.failed);
  assert.is(cannot('a', 'b', { blame: 'usage' }).exitCode, 2);
  assert.is(cannot('a', 'b', { blame: 'host' }).exitCode, 69);
  assert.is(cannot('a', 'b', { blame: 'interrupted' }).exitCode, 130);
});

test("an error of the operating system gets words, and a full disk is the host's fault", () => {
  const full = cannotBecause('write "x"', Object.assign(new Error('ENOSPC: ...'), { code: 'ENOSPC' }));
  assert.instance(full, Failure);
  assert.is((full as Failure).message, 'Cannot write "x": no space left on the device');
  assert.is((full as Failure).blame, 'host');
  assert.match((full as Failure).hint ?? '', /--cache DIR/);
});

test('a file that is too large for its file system is told', () => {
  const error = cannotBecause('write "x"', Object.assign(new Error('EFBIG: ...'), { code: 'EFBIG' }));
  assert.is(error instanceof Failure && error.message, 'Cannot write "x": the file system has no files of that size');
});

test('an exhausted resource is a failure of the host; any other error is unchanged', () => {
  const full = hostExhausted(Object.assign(new Error('ENOSPC: ...'), { code: 'ENOSPC' }));
  assert.equal([(full as Failure).message, (full as Failure).exitCode], ['Cannot finish: no space left on the device', 69]);
  const bug = Object.assign(new Error('ENOENT: ...'), { code: 'ENOENT' });
  assert.is(hostExhausted(bug), bug);
  const told = hostExhausted(cannot('unpack x', 'tar ended with status 2', { detail: 'tar: x: Cannot write: No space left on device' }));
  assert.equal([(told as Failure).message, (told as Failure).exitCode], ['Cannot unpack x: no space left on the device', 69]);
});

test('an unknown error is unchanged, and a failure is not wrapped again', () => {
  const bug = new TypeError('x is not a function');
  assert.is(cannotBecause('write "x"', bug), bug);
  const failure = cannot('a', 'b');
  assert.is(cannotBecause('write "x"', failure), failure);
  assert.is(errnoOf(bug), undefined);
});

test('the nearest word is found by a missing, wrong, added or swapped letter', () => {
  const known = ['redox', 'asterinas', 'rust-nixos'];
  for (const given of ['redx', 'redux', 'redoxx', 'reodx', 'rdeox']) assert.is(nearest(given, known), 'redox', given);
  assert.is(nearest('asternias', known), 'asterinas');
});

test('a word that is nothing like any of them has no nearest', () => {
  assert.is(nearest('linux', ['redox', 'asterinas']), undefined);
  assert.is(nearest('x', ['a', 'b']), undefined, 'one letter for another says nothing');
  assert.is(nearest('', ['a']), undefined);
  assert.is(nearest('redox', []), undefined);
});

test('of two near words the nearer is taken, of equals the first', () => {
  assert.is(nearest('quite', ['quit', 'quiet']), 'quit');
  assert.is(nearest('jbos', ['jobs', 'json']), 'jobs');
});

test('existing values are returned, including false ones', () => {
  assert.is(present(0, 'the number'), 0);
  assert.is(present('', 'the text'), '');
  assert.is(itemOf(['a', ''], 1), '');
  assert.is(lastOf([1, 0]), 0);
});

test('an absent value throws', () => {
  assert.throws(() => present(new Map<string, number>().get('a'), 'the size of "a"'), /^the size of "a" is missing$/);
  assert.throws(() => itemOf(['a'], 1), /^a list of 1 has no item 1$/);
  assert.throws(() => lastOf([]), /^a list of 0 has no item -1$/);
});

test('a group of a match is its text; one that took no part in the match throws', () => {
  const [match] = [...'ab'.matchAll(/(a)|(c)/g)];
  assert.ok(match);
  assert.is(matched(match, 1), 'a');
  assert.throws(() => matched(match, 2), /^group 2 of "a" is missing$/);
});

test('the part before a mark is the whole text if the mark does not occur', () => {
  assert.is(partBefore('kernel/kernel/x', '/'), 'kernel');
  assert.is(partBefore('kernel', '/'), 'kernel');
  assert.is(partBefore('/kernel', '/'), '');
  assert.is(partBefore('', '/'), '');
});

test.run();
