// A table of stored observations of paths, with which a later run can compare tens of thousands of paths
// quickly. Rows are grouped by folder, and the numbers of stat are compared as numbers. Texts for each path
// would take twice as long as the call of stat.
import type { lstatSync, Stats } from 'node:fs';
import type { Digest, Json } from '../../core/digest.ts';
import { statOrAbsent } from '../../core/paths.ts';

/** The stamp of a path at which nothing exists. */
export const absent = '-';

/** One observation of a path. */
export interface LookRow {
  readonly path: string;
  /** The result of `stampOf`, or `absent`. Empty if a later run has to read the file. */
  readonly stamp: string;
  /** Half of the digest that was found, or `absent`. */
  readonly found: string;
}

/** A table of observations as JSON. */
export interface LookTable {
  readonly [key: string]: Json;
  /** A line for each folder: its path and the names of the observed entries, separated by tabs. */
  readonly paths: string;
  /**
   * Size, time of change (ms) and inode of each path in order, as 64-bit floating-point numbers in the byte
   * order of this machine, in base64.
   */
  readonly stats: string;
  /** The digest that was found, as 32 characters for each path. */
  readonly found: string;
}

/** Size, time of change (ms) and inode. */
type Numbers = readonly [number, number, number];

/** Numbers for each path in `stats`. */
const width = 3;
const foundLength = 32;
/** The numbers of a path at which nothing exists. */
const statsOfNothing: Numbers = [NaN, NaN, NaN];
/** No file has a negative size, so such a path is always observed again. */
const statsOfNoFile: Numbers = [-1, 0, 0];

/**
 * Returns half of a digest. It is sufficient to distinguish two digests, and cannot be mistaken for the name
 * of a blob.
 */
export function foundText(digest: Digest | undefined): string {
  return digest?.slice(0, foundLength) ?? absent;
}

/** An observation that fits into a table: the path of its folder, the name in it, and its numbers. */
export interface FittingRow {
  readonly folder: string;
  readonly name: string;
  readonly numbers: Numbers;
  /** 32 characters. */
  readonly found: string;
}

/**
 * Returns the observation as a row of a table, or undefined if it does not fit. A link has two stamps, and a
 * tab or a line feed in a name would end the field.
 */
export function fittingRow({ path, stamp, found }: LookRow): FittingRow | undefined {
  const numbers = numbersOf(stamp);
  if (numbers === undefined || !path.startsWith('/') || path.includes('\t') || path.includes('\n')) return undefined;
  const end = path.lastIndexOf('/');
  return { folder: path.slice(0, end), name: path.slice(end + 1), numbers, found: found.padEnd(foundLength) };
}

/** The rows of one folder in a table. */
export interface TablePart {
  readonly folder: string;
  /** The line of the folder in `paths`. */
  readonly line: string;
  readonly numbers: Float64Array;
  readonly found: string;
}

/** Returns the rows of a table by folder. A folder may occur more than once. */
export function partsOf(table: LookTable): readonly TablePart[] {
  const numbers = fromBase64(table.stats);
  let start = 0;
  return linesOf(table).map((line) => {
    const first = line.indexOf('\t');
    let end = start;
    for (let at = first; at >= 0; at = line.indexOf('\t', at + 1)) end++;
    const part = {
      folder: first < 0 ? line : line.slice(0, first),
      line,
      numbers: numbers.subarray(start * width, end * width),
      found: table.found.slice(start * foundLength, end * foundLength),
    };
    start = end;
    return part;
  });
}

/** Returns the rows with these names, or undefined if no row has one. */
export function rowsOfPart({ folder, line, numbers, found }: TablePart, isWanted: (name: string) => boolean): TablePart | undefined {
  const rows = line
    .split('\t')
    .slice(1)
    .flatMap((name, index) => (isWanted(name) ? [{ name, index }] : []));
  if (rows.length === 0) return undefined;
  return {
    folder,
    line: [folder, ...rows.map(({ name }) => name)].join('\t'),
    numbers: Float64Array.from(rows.flatMap(({ index }) => [...numbers.subarray(index * width, (index + 1) * width)])),
    found: rows.map(({ index }) => found.slice(index * foundLength, (index + 1) * foundLength)).join(''),
  };
}

/** Whether these rows of a folder have the row. */
export function hasRow({ folder, line, numbers, found }: TablePart, row: FittingRow): boolean {
  if (folder !== row.folder) return false;
  const index = line.split('\t').indexOf(row.name, 1) - 1;
  if (index < 0 || !row.numbers.every((number, place) => Object.is(number, numbers[index * width + place]))) return false;
  return found.startsWith(row.found, index * foundLength);
}

/** Returns the table of these rows. */
export function makeTable(rows: readonly FittingRow[], parts: readonly TablePart[] = []): LookTable {
  const folders = Map.groupBy(rows, ({ folder }) => folder);
  const ordered = [...folders.values()].flat();
  const lines = [...folders].map(([folder, inIt]) => [folder, ...inIt.map(({ name }) => name)].join('\t'));
  const sizes = parts.reduce((sum, { numbers }) => sum + numbers.length, 0);
  const numbers = new Float64Array(ordered.length * width + sizes);
  let at = 0;
  for (const one of [...ordered, ...parts]) {
    numbers.set(one.numbers, at);
    at += one.numbers.length;
  }
  return {
    paths: [...lines, ...parts.map(({ line }) => line)].join('\n'),
    stats: inBase64(numbers),
    found: [...ordered, ...parts].map(({ found }) => found).join(''),
  };
}

/**
 * Returns the table with current stamps, and adds paths to `changed` at which there is something else than
 * before. `look` is called for paths whose stat has changed, until one is found to differ. After that, each of
 * them counts as changed. `ask` is the function of stat that the stamps come from.
 */
export function tableNow(table: LookTable, ask: typeof lstatSync, look: (path: string) => LookRow, changed: string[]): LookTable {
  const numbers = fromBase64(table.stats);
  let isNew = false;
  let index = 0;
  for (const line of linesOf(table)) {
    const [folder = '', ...names] = line.split('\t');
    for (const name of names) {
      const path = `${folder}/${name}`;
      if (!isSame(statOrAbsent(ask, path), numbers, index * width)) {
        const row = changed.length === 0 ? look(path) : undefined;
        if (row?.found.padEnd(foundLength) === table.found.slice(index * foundLength, (index + 1) * foundLength)) {
          numbers.set(numbersOf(row.stamp) ?? statsOfNoFile, index * width);
          isNew = true;
        } else changed.push(path);
      }
      index++;
    }
  }
  return isNew ? { ...table, stats: inBase64(numbers) } : table;
}

function linesOf({ paths }: LookTable): readonly string[] {
  return paths === '' ? [] : paths.split('\n');
}

/** Whether a stored value has the shape of a table. */
export function isLookTable(value: Json | undefined): value is LookTable {
  if (typeof value !== 'object' || value === null || !('paths' in value)) return false;
  return [value.paths, value['stats'], value['found']].every((part) => typeof part === 'string');
}

function isSame(stats: Stats | undefined, numbers: Float64Array, at: number): boolean {
  if (!stats) return Number.isNaN(numbers[at]);
  return stats.size === numbers[at] && stats.ctimeMs === numbers[at + 1] && stats.ino === numbers[at + 2];
}

/**
 * Returns the numbers of a stamp. The text of a number is the shortest one that is read as the same number,
 * so no precision is lost.
 */
function numbersOf(stamp: string): Numbers | undefined {
  if (stamp === absent) return statsOfNothing;
  if (stamp === '') return statsOfNoFile;
  const [first, last] = [stamp.indexOf(' '), stamp.lastIndexOf(' ')];
  if (first < 0 || first === last) return undefined;
  const numbers = [Number(stamp.slice(0, first)), Number(stamp.slice(first + 1, last)), Number(stamp.slice(last + 1))] as const;
  return numbers.some(Number.isNaN) ? undefined : numbers;
}

function inBase64({ buffer }: Float64Array): string {
  return Buffer.from(buffer).toString('base64');
}

function fromBase64(text: string): Float64Array {
  const bytes = Buffer.from(text, 'base64');
  return new Float64Array(Uint8Array.from(bytes).buffer, 0, Math.floor(bytes.length / Float64Array.BYTES_PER_ELEMENT));
}

/**
 * Returns the stamp of a file: its size, time of change and inode. The time of change cannot be set by a
 * program, and setting another time of the file updates it.
 */
export function stampOf({ size, ctimeMs, ino }: Stats): string {
  return `${size} ${ctimeMs} ${ino}`;
}
