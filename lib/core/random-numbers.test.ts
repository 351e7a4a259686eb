// Tests the random generator of stress tests: its numbers are repeatable and cover its whole range.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { randomNumbers } from './random-numbers.ts';

test('the same seed returns the same numbers, all over the range', () => {
  const [a, b, other] = [randomNumbers(3), randomNumbers(3), randomNumbers(4)];
  const numbers = Array.from({ length: 1000 }, a);
  assert.equal(Array.from({ length: 1000 }, b), numbers);
  assert.is.not(other(), numbers[0]);
  assert.ok(numbers.every((number) => number >= 0 && number < 1));
  for (let tenth = 0; tenth < 10; tenth++) assert.ok(numbers.some((number) => Math.floor(number * 10) === tenth));
});

test.run();
