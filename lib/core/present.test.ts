// Values that are there are returned; an absent one is a bug that names itself, and never another value.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { itemOf, lastOf, matched, partBefore, present } from './present.ts';

test('values that are there are returned, also those that are false', () => {
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

test('the part before a mark is the whole text where the mark does not occur', () => {
  assert.is(partBefore('kernel/kernel/x', '/'), 'kernel');
  assert.is(partBefore('kernel', '/'), 'kernel');
  assert.is(partBefore('/kernel', '/'), '');
  assert.is(partBefore('', '/'), '');
});

test.run();
