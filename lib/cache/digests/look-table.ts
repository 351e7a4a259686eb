// A table of paths with what stat said of each, kept so that a later run can compare tens of thousands of them quickly: the paths are grouped by
// their folder, and stat's numbers are compared as numbers. Text for each path would cost twice as much as the call of stat.
import type { lstatSync, Stats } from 'node:fs';
import type { Digest, Json } from '../../core/digest.ts';
import { statOrAbsent } from './lenient-reads.ts';

/** The stamp of a path at which there is nothing. */
export const absent = '-';

/** One look at a path. */
export interface LookRow {
  readonly path: string;
  /** That of `stampOf`, `absent`, or empty where a later run has to look. */
  readonly stamp: string;
  /** Half of the digest of what was found, or `absent`. */
  readonly found: string;
}

/** The table as JSON. */
export interface LookTable {
  readonly [key: string]: Json;
  /** A line for each folder: its path, then the names of what was looked at in it, with tabs between them. */
  readonly paths: string;
  /** In base64: the size, the time of change (ms) and the inode of each path in turn, as 64-bit floating-point numbers of this machine. */
  readonly stats: string;
  /** 32 characters for each path: what was found. */
  readonly found: string;
}

/** Numbers for each path. */
const width = 3;
const foundLength = 32;
/** The numbers of a path at which there is nothing. */
const statsOfNothing = [NaN, NaN, NaN] as const;
/** No file has a negative size, so that the path is always looked at. */
const statsOfNoFile = [-1, 0, 0] as const;

/** Half of a digest, which is enough to tell two apart, and is not taken for the name of a blob. */
export function foundText(digest: Digest | undefined): string {
  return digest?.slice(0, foundLength) ?? absent;
}

/** Whether the look can be a row of a table. A link has two stamps, and a tab or a line feed in a name would end it. */
export function fitsTable({ path, stamp }: LookRow): boolean {
  return numbersOf(stamp) !== undefined && path.startsWith('/') && !/[\t\n]/.test(path);
}

/** The table of rows that fit. */
export function makeTable(rows: readonly LookRow[]): LookTable {
  const folders = Map.groupBy(rows, ({ path }) => path.slice(0, path.lastIndexOf('/')));
  const ordered = [...folders.values()].flat();
  const paths = [...folders].map(([folder, inIt]) => [folder, ...inIt.map(({ path }) => path.slice(folder.length + 1))].join('\t'));
  const stats = Float64Array.from(ordered.flatMap(({ stamp }) => numbersOf(stamp) ?? statsOfNoFile));
  return { paths: paths.join('\n'), stats: inBase64(stats), found: ordered.map(({ found }) => found.padEnd(foundLength)).join('') };
}

/**
 * The table with the stamps of now, if `look` finds the same as before at every path that has another stat; else undefined. `ask` is the call of
 * stat that the stamps are of.
 */
export function tableNow(table: LookTable, ask: typeof lstatSync, look: (path: string) => LookRow): LookTable | undefined {
  const numbers = fromBase64(table.stats);
  let isNew = false;
  let index = 0;
  for (const line of table.paths === '' ? [] : table.paths.split('\n')) {
    const [folder = '', ...names] = line.split('\t');
    for (const name of names) {
      const path = `${folder}/${name}`;
      if (!isSame(statOrAbsent(ask, path), numbers, index * width)) {
        const { stamp, found } = look(path);
        if (found.padEnd(foundLength) !== table.found.slice(index * foundLength, (index + 1) * foundLength)) return undefined;
        numbers.set(numbersOf(stamp) ?? statsOfNoFile, index * width);
        isNew = true;
      }
      index++;
    }
  }
  return isNew ? { ...table, stats: inBase64(numbers) } : table;
}

/** Whether a stored value is a table. */
export function isLookTable(value: Json | undefined): value is LookTable {
  if (typeof value !== 'object' || value === null || !('paths' in value)) return false;
  return [value.paths, value['stats'], value['found']].every((part) => typeof part === 'string');
}

function isSame(stats: Stats | undefined, numbers: Float64Array, at: number): boolean {
  if (!stats) return Number.isNaN(numbers[at]);
  return stats.size === numbers[at] && stats.ctimeMs === numbers[at + 1] && stats.ino === numbers[at + 2];
}

/** The text of a number is the shortest that is read as the same number, so nothing is lost. */
function numbersOf(stamp: string): readonly number[] | undefined {
  if (stamp === absent) return statsOfNothing;
  if (stamp === '') return statsOfNoFile;
  const numbers = stamp.split(' ').map(Number);
  return numbers.length === width && numbers.every((one) => !Number.isNaN(one)) ? numbers : undefined;
}

function inBase64({ buffer }: Float64Array): string {
  return Buffer.from(buffer).toString('base64');
}

function fromBase64(text: string): Float64Array {
  const bytes = Buffer.from(text, 'base64');
  return new Float64Array(Uint8Array.from(bytes).buffer, 0, Math.floor(bytes.length / Float64Array.BYTES_PER_ELEMENT));
}
