// Any bytes survive the way to a string and back, and what is Unicode stays as it is.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeName, encodePath, mayHaveLostBytes } from './byte-path.ts';

const rows: readonly (readonly [bytes: readonly number[], name: string])[] = [
  [[0x61, 0x62], 'ab'],
  [[0xc3, 0xa9], '\u00e9'],
  [[0xf0, 0x9f, 0xa6, 0x80], '\u{1f980}'],
  [[0xef, 0xbf, 0xbd], '\ufffd'],
  [[0xef, 0xbb, 0xbf, 0x61], '\ufeffa'],
  [[0x61, 0xff, 0x62], 'a\udcffb'],
  [[0xc3, 0x28], '\udcc3('],
  [[0xe2, 0x82], '\udce2\udc82'],
  [[0xed, 0xa0, 0x80], '\udced\udca0\udc80'],
  [[0xf0, 0x9f, 0xa6, 0x80, 0x80], '\u{1f980}\udc80'],
];

test('a byte that is no part of UTF-8 is a lone surrogate, and everything else is itself', () => {
  for (const [bytes, name] of rows) {
    assert.is(decodeName(Uint8Array.from(bytes)), name);
    assert.equal([...Buffer.from(encodePath(name))], bytes);
  }
});

test('random bytes survive the way there and back, also through JSON', () => {
  let state = 7;
  const random = (below: number): number => (state = (state * 48_271) % 2_147_483_647) % below;
  const likely = [0x61, 0xc3, 0xa9, 0xe2, 0x82, 0xac, 0xed, 0xa0, 0xf0, 0x9f, 0xff, 0xbf];
  for (let round = 0; round < 5000; round++) {
    const bytes = Buffer.from(Array.from({ length: random(8) }, () => (random(3) === 0 ? random(256) : (likely[random(12)] ?? 0))));
    const name = decodeName(bytes);
    assert.equal(Buffer.from(encodePath(JSON.parse(JSON.stringify(name)) as string)), bytes);
    assert.is(mayHaveLostBytes(bytes.toString()) || name === bytes.toString(), true);
  }
});

test('only what is not Unicode is handed to node:fs as bytes', () => {
  assert.is(encodePath('/a/\u{1f980}'), '/a/\u{1f980}');
  assert.instance(encodePath('/a/\udcff'), Buffer);
});

test.run();
