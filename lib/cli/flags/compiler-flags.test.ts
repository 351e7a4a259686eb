// The words of --allow.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseAllowances } from './compiler-flags.ts';
import { Failure } from '../../core/errors.ts';

const absolute = (path: string): string => `/here/${path}`;

test('a package may have the network, paths, or both; a folder called net is written ./net', () => {
  assert.equal(parseAllowances(['a=net', 'b=x', 'b=y=z', 'a=./net'], absolute), {
    a: { network: true, paths: ['/here/./net'] },
    b: { network: false, paths: ['/here/x', '/here/y=z'] },
  });
  assert.equal(parseAllowances([], absolute), {});
});

test('an incomplete --allow is a usage error', () => {
  for (const word of ['', 'a', 'a=', '=net', '=']) {
    assert.throws(
      () => parseAllowances([word], absolute),
      (error: unknown) => error instanceof Failure && error.exitCode === 2 && error.hint !== undefined,
      word,
    );
  }
});

test.run();
