// Shapes of values from disk.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { isFlag, isListOf, isTable, isText, isTextTable, isTexts, orNull } from './stored-values.ts';

test('a list is no table, and null is neither', () => {
  assert.equal([{}, { a: 1 }, [], null, 'a', 1].map(isTable), [true, true, false, false, false, false]);
  assert.equal([['a'], [], ['a', 1], {}, 'a', null].map(isTexts), [true, true, false, false, false, false]);
  assert.equal([{ a: 'a' }, {}, { a: 1 }, ['a']].map(isTextTable), [true, true, false, false]);
});

test('one wrong item makes a list wrong, and null counts only where it may', () => {
  assert.equal([isListOf([true, false], isFlag), isListOf([true, 1], isFlag), isListOf('no', isFlag)], [true, false, false]);
  assert.equal([null, 'a', 1].map(orNull(isText)), [true, true, false]);
});

test.run();
