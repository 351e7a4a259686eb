// A digest identifies content. Equal values have equal digests, even if their fields were added in another
// order. Different values have different digests.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  byCodeUnit,
  canonicalJson,
  copyWithDigest,
  digestBytes,
  digestFile,
  digestFileSync,
  digestRecord,
  finished,
  isDigest,
  sha256,
} from './digest.ts';
import type { Json } from './digest.ts';

/** A value from a seed: every kind of JSON, keys that sort differently by locale, nested a few deep. */
function jsonOf(random: () => number, depth = 3): Json {
  const pick = Math.floor(random() * (depth > 0 ? 7 : 5));
  const text = (): string => ['', 'a', 'B', 'é', 'z\n"', '10', '9', '\u{1f980}', '\ud800'][Math.floor(random() * 9)] ?? '';
  if (pick === 0) return null;
  if (pick === 1) return random() < 0.5;
  if (pick === 2) return Math.floor(random() * 2 ** 40) - 2 ** 39;
  if (pick < 5) return text();
  const size = Math.floor(random() * 4);
  if (pick === 5) return Array.from({ length: size }, () => jsonOf(random, depth - 1));
  return Object.fromEntries(Array.from({ length: size }, () => [text(), jsonOf(random, depth - 1)]));
}

/** The same value with the keys of every object inserted the other way round. */
function reversed(value: Json): Json {
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map(reversed);
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, item]) => [key, reversed(item)]),
  );
}

/** Park and Miller's generator: the same numbers on every run. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
}

test('SHA-256 is the one of the standard (FIPS 180-4, "abc"), by bytes, by text and in pieces', () => {
  const abc = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
  assert.is(digestBytes('abc'), abc);
  assert.is(digestBytes(new TextEncoder().encode('abc')), abc);
  assert.is(finished(sha256().update('a').update('bc')), abc);
});

test('a file has the digest of its bytes, however many chunks it takes to read', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'bloomery-digest-'));
  try {
    for (const size of [0, 1, 2 ** 20 - 1, 2 ** 20, 2 ** 20 + 1, 3 * 2 ** 20 + 17]) {
      const bytes = new Uint8Array(size).map((_, index) => index * 31);
      await writeFile(join(folder, 'x'), bytes);
      assert.is(await digestFile(join(folder, 'x')), digestBytes(bytes), `${size} bytes`);
      assert.is(digestFileSync(join(folder, 'x')), digestBytes(bytes), `${size} bytes at once`);
    }
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('canonical JSON does not depend on the order in which keys were inserted, and parses back to the same value', () => {
  const random = seeded(7);
  for (let round = 0; round < 500; round++) {
    const value = jsonOf(random);
    const text = canonicalJson(value);
    assert.is(canonicalJson(reversed(value)), text);
    assert.equal(JSON.parse(text), value);
  }
});

test('values that differ have different canonical text', () => {
  const values: readonly Json[] = [
    null,
    false,
    0,
    '',
    '0',
    [],
    {},
    [null],
    [[]],
    ['a', 'b'],
    ['b', 'a'],
    ['ab'],
    { a: null },
    { a: 'b' },
    { b: 'a' },
    { a: { b: 1 } },
    'null',
  ];
  assert.is(new Set(values.map(canonicalJson)).size, values.length);
  assert.is(new Set(values.map(digestRecord)).size, values.length);
});

test('the order is by code unit and not by locale', () => {
  assert.equal(['b', 'é', 'B', 'a', '10', '9'].sort(byCodeUnit), ['10', '9', 'B', 'a', 'b', 'é']);
  assert.is(canonicalJson({ b: 1, B: 2, é: 3, 9: 4, 10: 5 }), '{"10":5,"9":4,"B":2,"b":1,"é":3}');
});

test('only 64 lower-case hex digits are a digest', () => {
  const good = digestBytes('');
  assert.ok(isDigest(good));
  const bad = [good.toUpperCase(), good.slice(1), `${good}0`, `${good}\n`, `sha256:${good}`, 7, undefined];
  for (const text of bad) assert.not(isDigest(text), String(text));
});

test('a copy has the bytes of its digest, whatever its size', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'bloomery-digest-'));
  try {
    for (const size of [0, 1, 1 << 20, (1 << 20) + 1, 5 << 20]) {
      const bytes = Buffer.from(Uint8Array.from({ length: size }, (_, index) => (index * 7) ^ (index >> 8)));
      const [from, to] = [join(dir, `from-${size}`), join(dir, `to-${size}`)];
      await writeFile(from, bytes);
      assert.is(await copyWithDigest(from, to), digestBytes(bytes));
      assert.ok((await readFile(to)).equals(bytes));
    }
    const error: unknown = await copyWithDigest(join(dir, 'from-1'), join(dir, 'to-1')).catch((reason: unknown) => reason);
    assert.instance(error, Error);
  } finally {
    await rm(dir, { recursive: true });
  }
});

test.run();
