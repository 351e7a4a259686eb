// Schemas of data that users write, with errors in whole sentences: for an unknown field, the error names the
// nearest known one.
import * as v from 'valibot';
import { nearest } from './errors.ts';

export type Schema = v.GenericSchema;
/** The schema of a field that may be absent. */
export type Maybe = v.OptionalSchema<Schema, undefined>;

export type FieldsOf<T> = {
  readonly [Name in keyof Required<T>]: object extends Pick<T, Name> ? Maybe : Schema;
};

/** An error in a value, and its position. */
export interface Complaint {
  /** "profiles.default.components[0]". '' for the value itself. */
  readonly path: string;
  readonly why: string;
  readonly hint: string | undefined;
}

export const text = v.pipe(
  v.string('it must be a string'),
  v.check((value) => !value.includes('\0'), 'it must not contain a NUL'),
);
export const absolutePath = v.pipe(
  text,
  v.check((value) => value.startsWith('/'), 'it must be an absolute path'),
);
export const flag = v.boolean('it must be true or false');
export const number = v.number('it must be a number');
export const count = v.pipe(
  number,
  v.check((value) => Number.isSafeInteger(value) && value >= 0, 'it must be a whole number that is not negative'),
);
export const atLeastOne = v.pipe(
  number,
  v.check((value) => Number.isSafeInteger(value) && value >= 1, 'it must be a whole number of at least 1'),
);
export const expression = v.instance(RegExp, 'it must be a regular expression');
export const yes = v.literal(true, 'it must be true, or absent');

export function listOf<Item extends Schema>(item: Item): v.GenericSchema {
  return v.array(item, 'it must be a list: [ ... ]');
}

export function mapOf<Item extends Schema>(item: Item): v.GenericSchema {
  const isPlain = (value: unknown): boolean => isTable(value);
  return v.pipe(v.custom(isPlain, tableWanted), v.record(v.string(), item, tableWanted));
}

export function oneOf(words: readonly string[]): v.GenericSchema {
  return v.picklist(words, ({ input }) => {
    const near = typeof input === 'string' ? nearest(input, words) : undefined;
    return withHint(
      `it must be ${words.map((word) => `"${word}"`).join(' or ')}`,
      near === undefined ? undefined : `did you mean ${near}?`,
    );
  });
}

export function either(why: string, ...schemas: readonly Schema[]): v.GenericSchema {
  return v.union([...schemas], why);
}

/** Returns the schema of a field that may be absent. */
export function maybe(schema: Schema): Maybe {
  return v.optional(schema);
}

/**
 * Returns the schema of a table with exactly the fields of T. The compiler refuses a schema that lacks a
 * field or that requires an optional one.
 */
export function tableOf<T>(fields: FieldsOf<T>): v.GenericSchema {
  return table(fields);
}

/**
 * As `tableOf`, for one of several shapes. Each shape has a field that no other has. `common`: fields of all
 * shapes.
 */
export function shapeOf(what: string, shapes: Readonly<Record<string, Fields>>, common: Fields = {}): v.GenericSchema {
  const schemas = Object.fromEntries(Object.entries(shapes).map(([name, fields]) => [name, table({ ...fields, ...common })] as const));
  const names = Object.keys(shapes);
  const unknown = v.custom(
    () => false,
    ({ input }) => {
      const near = isTable(input) ? Object.keys(input).flatMap((name) => nearest(name, names) ?? [])[0] : undefined;
      return withHint(
        `it must be a table with one of ${what}`,
        near === undefined ? `they are ${names.join(', ')}` : `did you mean ${near}?`,
      );
    },
  );
  return v.lazy((input) => {
    const shape = isTable(input) ? names.find((name) => Object.hasOwn(input, name)) : undefined;
    return (shape === undefined ? undefined : schemas[shape]) ?? unknown;
  });
}

/** As `shapeOf`, if the field `key` names the shape. */
export function kindOf(key: string, shapes: Readonly<Record<string, Fields>>): v.GenericSchema {
  const names = Object.keys(shapes);
  const kind = oneOf(names);
  const schemas = Object.fromEntries(Object.entries(shapes).map(([name, fields]) => [name, table({ ...fields, [key]: kind })] as const));
  const unknown = v.looseObject({ [key]: kind }, ({ expected }) => (expected === 'Object' ? tableWanted : missing));
  return v.lazy((input) => (isTable(input) ? schemas[String(input[key])] : undefined) ?? unknown);
}

/**
 * Returns the first error in a value. An unknown field is reported before the missing field that was probably
 * meant.
 */
export function complaintAbout(schema: Schema, value: unknown): Complaint | undefined {
  const { issues } = v.safeParse(schema, value);
  if (!issues) return undefined;
  const all = issues.map(({ message, path = [] }) => ({ keys: path.map(({ key }) => key), message }));
  const [first] = all;
  if (!first) return undefined;
  const misnamed =
    first.message !== missing
      ? undefined
      : all.find(({ keys, message }) => message.startsWith(unknownField) && keys.length === first.keys.length);
  const { keys, message } = misnamed ?? first;
  const [why = '', hint] = message.split(hintMark);
  return { path: pathText(keys), why, hint };
}

/**
 * Returns the first value below `value` that cannot be read to its end: a table that contains itself, or a field whose getter throws. `path`: where `value`
 * is. `above`: the tables and lists that contain it.
 */
export function unreadable(value: unknown, path: readonly string[] = [], above: readonly object[] = []): Complaint | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if (above.includes(value)) return { path: pathText(path), why: 'it contains itself', hint: undefined };
  for (const key of Object.keys(value)) {
    const at = [...path, key];
    let field: unknown;
    try {
      field = Reflect.get(value, key);
    } catch (error) {
      return { path: pathText(at), why: `it throws "${error instanceof Error ? error.message : String(error)}"`, hint: undefined };
    }
    const complaint = unreadable(field, at, [...above, value]);
    if (complaint) return complaint;
  }
  return undefined;
}

/** Returns "profiles.default.components[0]". */
export function pathText(keys: readonly unknown[]): string {
  return keys.reduce<string>((path, key) => {
    if (typeof key === 'number') return `${path}[${key}]`;
    const name = String(key);
    const plain = /^[\w-]+$/.test(name) ? name : JSON.stringify(name);
    return path === '' ? plain : `${path}.${plain}`;
  }, '');
}

type Fields = Readonly<Record<string, Schema>>;

const tableWanted = 'it must be a table: { ... }';
const missing = 'it is missing';
const unknownField = 'there is no such field';
/** Separates the two sentences of a message. */
const hintMark = '\n';

function withHint(why: string, hint: string | undefined): string {
  return hint === undefined ? why : `${why}${hintMark}${hint}`;
}

function table(fields: Fields): v.GenericSchema {
  const names = Object.keys(fields);
  return v.strictObject(fields, ({ expected, input }) => {
    if (expected === 'Object') return tableWanted;
    if (expected !== 'never') return missing;
    const near = nearest(String(input), names); // for an unknown field, the input is its name
    const known = `the fields here are ${names.join(', ')}`;
    return withHint(unknownField, near === undefined ? known : `did you mean ${near}? ${known}`);
  });
}

function isTable(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof RegExp);
}
