// Schemas reject data with whole sentences, which contain the path of the field and the most similar valid
// word.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  complaintAbout,
  count,
  either,
  expression,
  kindOf,
  listOf,
  mapOf,
  maybe,
  oneOf,
  pathText,
  shapeOf,
  tableOf,
  text,
  yes,
} from './schema.ts';
import type { Schema } from './schema.ts';

const said = (schema: Schema, value: unknown): string => {
  const complaint = complaintAbout(schema, value);
  return complaint ? [complaint.path, complaint.why, complaint.hint].join(' | ') : 'right';
};

const point = tableOf<{ x: number; label?: string }>({ x: count, label: maybe(text) });

test('a table has its fields and no others', () => {
  assert.is(said(point, { x: 1 }), 'right');
  assert.is(said(point, { x: 1, label: 'a' }), 'right');
  assert.is(said(point, {}), 'x | it is missing | ');
  assert.is(said(point, { x: 1, lable: 'a' }), 'lable | there is no such field | did you mean label? the fields here are x, label');
  assert.is(said(point, { x: 1.5 }), 'x | it must be a whole number that is not negative | ');
  for (const value of [3, null, 'a']) assert.is(said(point, value), ' | it must be a table: { ... } | ');
});

test('lists and maps name the place of the wrong value', () => {
  assert.is(said(listOf(point), [{ x: 1 }, { x: 'a' }]), '[1].x | it must be a number | ');
  assert.is(said(listOf(text), { a: 'b' }), ' | it must be a list: [ ... ] | ');
  assert.is(said(mapOf(text), { a: 'b', 'c.d': 1 }), '"c.d" | it must be a string | ');
  for (const value of [['a'], /a/]) assert.is(said(mapOf(text), value), ' | it must be a table: { ... } | ');
});

test('a word out of a list is answered with the nearest', () => {
  assert.is(said(oneOf(['uefi', 'bios']), 'bois'), ' | it must be "uefi" or "bios" | did you mean bios?');
  assert.is(said(oneOf(['uefi', 'bios']), 3), ' | it must be "uefi" or "bios" | ');
  assert.is(
    said(either('it must be a string or a regular expression', text, expression), 3),
    ' | it must be a string or a regular expression | ',
  );
  assert.is(said(yes, false), ' | it must be true, or absent | ');
});

test('one of several shapes is recognized by its field', () => {
  const shape = shapeOf('the origins', { text: { text }, link: { link: text } }, { mode: maybe(count) });
  assert.is(said(shape, { link: 'a', mode: 7 }), 'right');
  assert.is(said(shape, { link: 'a', text: 'b' }), 'link | there is no such field | the fields here are text, mode');
  assert.is(said(shape, { lnik: 'a' }), ' | it must be a table with one of the origins | did you mean link?');
  assert.is(said(shape, { mode: 1 }), ' | it must be a table with one of the origins | they are text, link');
  const kinds = kindOf('kind', { fat: { label: text }, ext4: {} });
  assert.is(said(kinds, { kind: 'ext4' }), 'right');
  assert.is(said(kinds, { kind: 'fta', label: 'a' }), 'kind | it must be "fat" or "ext4" | did you mean fat?');
  assert.is(said(kinds, { kind: 'fat' }), 'label | it is missing | ');
  assert.is(said(kinds, {}), 'kind | it is missing | ');
  assert.is(said(kinds, 3), ' | it must be a table: { ... } | ');
});

test('a path is written as one would write it in TypeScript', () => {
  assert.is(pathText(['profiles', 'rust-init', 'components', 0, 'a b']), 'profiles.rust-init.components[0]."a b"');
});

test.run();
