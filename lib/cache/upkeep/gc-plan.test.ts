// What garbage collection decides: tables of small caches, and properties over many random ones.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { digestBytes } from '../../core/digest.ts';
import type { Digest } from '../../core/digest.ts';
import { planGc } from './gc-plan.ts';
import type { GcRequest, ReadRecord } from './gc-plan.ts';
import type { StoredBlob } from './inventory.ts';

const day = 24 * 60 * 60 * 1000;
const now = 1000 * day;
const kinds = { origins: ['origins'], lists: ['history'] };
const all: GcRequest = { maxBytes: undefined, olderThanMs: undefined };
const named = new Map<Digest, string>();

function digest(name: string): Digest {
  const found = digestBytes(name);
  named.set(found, name);
  return found;
}

const blob = (name: string, sizeBytes = 100, more: Partial<StoredBlob> = {}): StoredBlob => {
  return { digest: digest(name), path: name, sizeBytes, changedMs: now - 500 * day, links: 1, ...more };
};

const record = (kind: string, key: string, daysAgo: number, names: readonly string[], sizeBytes = 1): ReadRecord => {
  return { kind, key: digest(key), path: `${kind}/${key}`, sizeBytes, usedMs: now - daysAgo * day, names: names.map(digest) };
};

/** The names of the removed entries. */
function gone(
  stored: { blobs: readonly StoredBlob[]; records: readonly ReadRecord[] },
  request: GcRequest,
  heldSinceMs?: number,
): readonly string[] {
  const plan = planGc(stored, kinds, request, now, heldSinceMs);
  return [...plan.records.map(({ path }) => path), ...plan.blobs.map(({ path }) => path)].sort();
}

test('without a limit only blobs go that no result refers to', () => {
  const stored = {
    blobs: [blob('kept'), blob('alone'), blob('input')],
    records: [record('actions', 'a', 900, ['kept']), record('origins', 'a', 900, ['input'])],
  };
  assert.equal(gone(stored, all), ['alone', 'input']);
});

test('an old result is removed with its origin and its blobs, except for blobs of other results', () => {
  const stored = {
    blobs: [blob('old'), blob('both'), blob('new')],
    records: [
      record('actions', 'a', 40, ['old', 'both']),
      record('origins', 'a', 40, []),
      record('actions', 'b', 2, ['new', 'both']),
      record('inputs', 'in', 40, []),
    ],
  };
  assert.equal(gone(stored, { ...all, olderThanMs: 30 * day }), ['actions/a', 'inputs/in', 'old', 'origins/a']);
  assert.equal(gone(stored, { ...all, olderThanMs: 50 * day }), []);
});

test('the inputs of a used result count as used, recursively, with their list records', () => {
  const stored = {
    blobs: [blob('program'), blob('library'), blob('core')],
    records: [
      record('deep', 'd', 1, ['p']),
      record('actions', 'p', 90, ['program']),
      record('origins', 'p', 90, ['library', 'base']),
      record('actions', 'l', 90, ['library']),
      record('origins', 'l', 90, ['core']),
      record('actions', 'c', 90, ['core']),
      record('inputs', 'base', 90, []),
    ],
  };
  assert.equal(gone(stored, { ...all, olderThanMs: 30 * day }), []);
  const unused = { ...stored, records: stored.records.slice(1) };
  assert.is(gone(unused, { ...all, olderThanMs: 30 * day }).length, 6 + 3);
});

test('a list of results does not keep them, and is removed with the last of them', () => {
  const stored = {
    blobs: [blob('x'), blob('y')],
    records: [record('actions', 'a', 40, ['x']), record('actions', 'b', 2, ['y']), record('history', 'h', 1, ['a', 'b'])],
  };
  assert.equal(gone(stored, { ...all, olderThanMs: 30 * day }), ['actions/a', 'x']);
  assert.equal(gone(stored, { ...all, olderThanMs: 2 * day - 1 }), ['actions/a', 'actions/b', 'history/h', 'x', 'y']);
});

test('down to a size the least recently used go first, and no more than needed', () => {
  const stored = {
    blobs: ['a', 'b', 'c', 'd'].map((name) => blob(`of ${name}`, 100)),
    records: ['a', 'b', 'c', 'd'].map((name, index) => record('actions', name, 10 - index, [`of ${name}`], 0)),
  };
  assert.equal(gone(stored, { ...all, maxBytes: 250 }), ['actions/a', 'actions/b', 'of a', 'of b']);
  assert.equal(gone(stored, { ...all, maxBytes: 400 }), []);
  assert.is(gone(stored, { ...all, maxBytes: 0 }).length, 8);
});

test('entries that a running process looked up, created or staged are kept', () => {
  const began = now - day / 24;
  const stored = {
    blobs: [
      blob('looked up'),
      blob('long unused'),
      blob('new, no record yet', 1, { changedMs: now }),
      blob('staged', 1, { links: 2 }),
      blob('before', 1, { changedMs: began - 1 }),
    ],
    records: [record('actions', 'recent', 1, ['looked up']), record('actions', 'old', 3, ['long unused'])],
  };
  assert.equal(gone(stored, { ...all, maxBytes: 0 }, began), ['actions/old', 'before', 'long unused']);
});

test('in random caches: kept entries refer to no removed ones, the size limit holds, and older entries are removed first', () => {
  let state = 7;
  const random = (below: number): number => (state = (state * 1103515245 + 12345) % 2 ** 31) % below;
  for (let round = 0; round < 200; round++) {
    const blobs = Array.from({ length: 1 + random(12) }, (_, index) => blob(`blob ${round} ${index}`, 1 + random(50)));
    const some = (): string[] => blobs.filter(() => random(3) === 0).map(({ path }) => path);
    const records = Array.from({ length: random(10) }, (_, index) => [
      record('actions', `key ${round} ${index}`, random(60), some(), random(9)),
      record('origins', `key ${round} ${index}`, random(60), some(), random(9)),
    ]).flat();
    const maxBytes = random(300);
    const plan = planGc({ blobs, records }, kinds, { maxBytes, olderThanMs: undefined }, now, undefined);
    const lost = new Set(plan.blobs.map((one) => one.digest));
    const goneKeys = new Set(plan.records.map(({ key }) => key));
    const left = records.filter(({ key }) => !goneKeys.has(key));
    assert.not(left.some(({ kind, names }) => kind === 'actions' && names.some((name) => lost.has(name))));
    const bytes = [...blobs.filter((one) => !lost.has(one.digest)), ...left].reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    assert.is(bytes, plan.keptBytes);
    assert.ok(bytes <= maxBytes || left.length === 0, `${bytes} > ${maxBytes}`);
    assert.equal(plan.records.length % 2, 0, 'a result goes with its origin');
  }
});

test.run();
