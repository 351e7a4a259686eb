// Reads a parsed document (TOML, JSON) field by field into a checked type. Throws a Failure with the file and the path of the field for an unknown field
// and for a value of another type.
import { readFile } from 'node:fs/promises';
import { parse, TomlError } from 'smol-toml';
import { cannot, cannotBecause, nearest } from './errors.ts';
import type { Failure } from './errors.ts';

/** One table of a document. The fields that a reader asked for are known; `done` refuses all others. */
export class Fields {
  readonly #table: Readonly<Record<string, unknown>>;
  readonly #file: string;
  readonly #path: string;
  readonly #known = new Set<string>();

  /** `file` names the document in messages; `path` is the table's own path in it, '' for the document. */
  constructor(table: Readonly<Record<string, unknown>>, file: string, path = '') {
    this.#table = table;
    this.#file = file;
    this.#path = path;
  }

  get file(): string {
    return this.#file;
  }

  /** Returns the names of all fields, in the document's order. */
  names(): readonly string[] {
    return Object.keys(this.#table);
  }

  /** Returns the value of a field that may have several types. */
  value(name: string): unknown {
    this.#known.add(name);
    return Object.hasOwn(this.#table, name) ? this.#table[name] : undefined;
  }

  text(name: string): string | undefined {
    const value = this.value(name);
    if (value === undefined || typeof value === 'string') return value;
    throw this.bad(name, 'it must be a string');
  }

  /** As `text`, for a field that must be there. */
  requiredText(name: string): string {
    return this.#required(name, this.text(name));
  }

  flag(name: string): boolean | undefined {
    const value = this.value(name);
    if (value === undefined || typeof value === 'boolean') return value;
    throw this.bad(name, 'it must be true or false');
  }

  /** Returns a whole number from `least` to `most`. */
  count(name: string, most: number, least = 0): number | undefined {
    const value = this.value(name);
    if (value === undefined) return undefined;
    const number = typeof value === 'bigint' ? Number(value) : value;
    if (typeof number === 'number' && Number.isInteger(number) && number >= least && number <= most) return number;
    throw this.bad(name, `it must be a whole number from ${least} to ${most}`);
  }

  /** As `count`, for a field that must be there. */
  requiredCount(name: string, most: number): number {
    return this.#required(name, this.count(name, most));
  }

  texts(name: string): readonly string[] | undefined {
    const value = this.value(name);
    if (value === undefined) return undefined;
    if (Array.isArray(value) && value.every((item): item is string => typeof item === 'string')) return value;
    throw this.bad(name, 'it must be an array of strings');
  }

  table(name: string): Fields | undefined {
    const value = this.value(name);
    if (value === undefined) return undefined;
    if (!isTable(value)) throw this.bad(name, 'it must be a table');
    return new Fields(value, this.#file, this.pathOf(name));
  }

  /** Returns the tables of an array, or an empty list for an absent field. */
  tables(name: string): readonly Fields[] {
    const value = this.value(name) ?? [];
    if (!Array.isArray(value) || !value.every(isTable)) throw this.bad(name, 'it must be an array of tables');
    return value.map((item, index) => new Fields(item, this.#file, this.pathOf(`${name}[${index}]`)));
  }

  /** Returns the tables in a table with their names, or an empty list for an absent field. */
  named(name: string): readonly (readonly [string, Fields])[] {
    const outer = this.table(name);
    return outer ? outer.names().map((inner) => [inner, outer.table(inner) ?? new Fields({}, this.#file)]) : [];
  }

  #required<T>(name: string, value: T | undefined): T {
    if (value === undefined) throw this.bad(name, 'it is missing');
    return value;
  }

  /** Returns a Failure about a field of this table. */
  bad(name: string, why: string, hint?: string): Failure {
    return cannot(`read "${this.#file}"`, `${this.pathOf(name)}: ${why}`, { hint });
  }

  /** Throws a Failure that names the first field that was never asked for. */
  done(): void {
    const unknown = this.names().find((name) => !this.#known.has(name));
    if (unknown === undefined) return;
    const near = nearest(unknown, [...this.#known]);
    const known = `the fields here are ${[...this.#known].join(', ')}`;
    throw this.bad(unknown, 'there is no such field', near === undefined ? known : `did you mean ${near}? ${known}`);
  }

  /** Returns the path of a field in the document: "users.admin.gid". */
  pathOf(name: string): string {
    const plain = /^[\w-]+(?:\[\d+\])?$/.test(name) ? name : JSON.stringify(name);
    return this.#path === '' ? plain : `${this.#path}.${plain}`;
  }
}

/** Reads a TOML file. Throws a Failure if the file is missing or is not TOML. */
export async function readTomlFields(path: string): Promise<Fields> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw cannotBecause(`read "${path}"`, error);
  }
  return parseTomlFields(text, path);
}

/** Parses TOML. `file` names the text in messages. */
export function parseTomlFields(text: string, file: string): Fields {
  try {
    return new Fields(parse(text), file);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const [first = ''] = error.message.split('\n');
    const why = first.replace(/^Invalid TOML document: /, '');
    // The lines of the file that the message shows may hold a password.
    const shown = error.codeblock.trimEnd().replace(/^(.*\bpassword\w*\s*=).*$/gim, '$1 ...');
    throw cannot(`read "${file}"`, `line ${error.line}: ${why}`, { detail: shown });
  }
}

/** Parses JSON. `file` names the text in messages. */
export function parseJsonFields(text: string, file: string): Fields {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw cannot(`read "${file}"`, `it is not JSON: ${error.message}`);
  }
  if (!isTable(value)) throw cannot(`read "${file}"`, 'it is not an object');
  return new Fields(value, file);
}

/**
 * Returns the value at a path of a parsed document, such as "components", "kernel", "source", or undefined if
 * it does not exist.
 */
export function valueAt(document: unknown, ...path: readonly string[]): unknown {
  return path.reduce((value, name) => (isTable(value) && Object.hasOwn(value, name) ? value[name] : undefined), document);
}

function isTable(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}
