// Rows that extend others have the fields of those, except for the fields that they override.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { extended } from './extended.ts';

interface Row {
  readonly title: string;
  readonly size: number;
  readonly words?: readonly string[];
}

test('a row has the fields of the row that it extends, and its own in their place', () => {
  const rows = extended<Row, 'a' | 'b' | 'c'>({
    a: { title: 'A', size: 1, words: ['x', 'y'] },
    b: { extends: 'a', title: 'B', words: ['z'] },
    c: { extends: 'b', size: 2 },
  });
  assert.equal(rows, {
    a: { title: 'A', size: 1, words: ['x', 'y'] },
    b: { title: 'B', size: 1, words: ['z'] },
    c: { title: 'B', size: 2, words: ['z'] },
  });
});

test('rows that extend a missing row, or each other, are refused', () => {
  const cycle = { a: { extends: 'b' }, b: { extends: 'a' } } as const;
  assert.throws(() => extended<Row, 'a' | 'b'>(cycle), 'Cannot extend "a": the rows extend each other: a -> b -> a');
  const none: Readonly<Record<string, { readonly extends: string }>> = { a: { extends: 'z' } };
  assert.throws(() => extended<Row, string>(none), 'Cannot extend "z": there is no such row; the rows are a');
});

test.run();
