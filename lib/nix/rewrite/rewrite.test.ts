// Hash parts in streams of bytes are found and replaced at every position, also across the boundaries of
// chunks. Nothing else is changed.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { hashPartSearch, referenceScan } from '../store/hash-parts.ts';
import { rewritten } from './rewrite.ts';
import type { StoreName } from '../store/store-path.ts';

const [a, b, c] = ['0'.repeat(31) + '1-aaa', 'b'.repeat(32) + '-b.b', 'zyxwvsrqpnmlkjihgfdcba9876543210-c'] as [
  StoreName,
  StoreName,
  StoreName,
];
const [x, y] = ['x'.repeat(32) + '-xxx', 'y'.repeat(32) + '-yyy'] as [StoreName, StoreName];

const cut = (text: string, size: number): readonly Buffer[] => {
  const bytes = Buffer.from(text, 'latin1');
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) => bytes.subarray(index * size, (index + 1) * size));
};

function replaced(text: string, size: number, pairs: readonly (readonly [StoreName, StoreName])[]): string {
  return Array.from(rewritten(cut(text, size), new Map(pairs)), (chunk) => chunk.toString('latin1')).join('');
}

test('references are found whatever the chunks', () => {
  const text = `...${a}/bin ${'q'.repeat(40)}${b.slice(0, 32)}${'e'.repeat(100)}`;
  for (const size of [1, 2, 31, 32, 33, 64, 1000]) {
    const scan = referenceScan([a, b, c]);
    for (const chunk of cut(text, size)) scan.update(chunk);
    assert.equal([...scan.found()].sort(), [a, b], `chunks of ${size}`);
  }
});

test('a path and its .lock have one hash part, and the path counts', () => {
  const lock = `${a}.lock` as StoreName;
  const scan = referenceScan([lock, a]);
  scan.update(Buffer.from(a));
  assert.equal([...scan.found()], [a]);
});

test('a hash part may begin at any byte of a run of letters', () => {
  const search = hashPartSearch(new Set([c.slice(0, 32)]));
  for (let before = 0; before < 80; before++) {
    assert.is(search(Buffer.from('z'.repeat(before) + c.slice(0, 32) + 'z'.repeat(5)), 0), before);
  }
  assert.is(search(Buffer.from(c.slice(0, 31)), 0), -1);
});

test('names are replaced whatever the chunks, and nothing else changes', () => {
  const noise = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte)).join('');
  const text = `${noise}${a}${a}/bin${noise.repeat(3)}${b}${'b'.repeat(31)} ${a.slice(0, 35)}`;
  const wanted = text
    .replaceAll(a, x)
    .replaceAll(b, y)
    .replace(a.slice(0, 35), `${x.slice(0, 32)}${a.slice(32, 35)}`);
  for (const size of [1, 2, 31, 32, 33, 36, 37, 64, 10_000]) assert.is(replaced(text, size, [[a, x], [b, y]]), wanted, `chunks of ${size}`); // prettier-ignore
});

test('a dot in a name is a dot', () => {
  const other = b.replace('b.b', 'bxb');
  assert.is(replaced(`${b} ${other}`, 100, [[b, y]]), `${y} ${y.slice(0, 32)}-bxb`); // the hash part is a reference to the old path all the same
  const near = `${'b'.repeat(30)}-b.b`;
  assert.is(replaced(near, 100, [[b, y]]), near);
});

test('inserted bytes are not replaced again', () => {
  assert.is(replaced(`${a} ${x}`, 7, [[a, x], [x, a]]), `${x} ${a}`); // prettier-ignore
});

test('more bytes than the buffer are processed', () => {
  const text = ('-'.repeat(99_990) + a + 'e'.repeat(10)).repeat(31);
  assert.is(replaced(text, 3_000_000, [[a, x]]), text.replaceAll(a, x)); // prettier-ignore
  assert.is(replaced(text, 77_777, [[a, x]]), text.replaceAll(a, x)); // prettier-ignore
});

test('names of different length are a mistake of the caller', () => {
  assert.throws(() => replaced(a, 10, [[a, c]]), /differ in length/);
});

test.run();
