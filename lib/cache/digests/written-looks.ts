// Stored observations of paths, and the check whether they still hold. Most of them are rows of two tables,
// with which a later run can compare tens of thousands of paths quickly. Rows are grouped by folder, and the
// numbers of stat are compared as numbers. Texts for each path would take twice as long as the call of stat.
// This module does not know what a build is, and reads no file by itself.
import { lstatSync, statSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { statOrAbsent } from '../../core/paths.ts';
import type { Digest, Json } from '../../core/digest.ts';

/** Observations as JSON. */
export interface WrittenLooks {
  readonly [key: string]: Json;
  readonly files: LookTable;
  readonly folders: LookTable;
  /** Observations that do not fit into a table: links, unusual names, and trees of which git ignores parts. */
  readonly others: readonly OtherLook[];
  /** Digests of written files, with their values in the memory. They are not conditions of the record. */
  readonly learned: readonly (readonly [path: string, value: string])[];
}

/** A tree of which git ignores parts. */
export interface TreeLook {
  /** The folder and its options, as JSON. */
  readonly question: string;
  readonly found: string;
  /**
   * The folders in the tree with their stamps. While these are the same, so are the names. Empty if stamps
   * are not sufficient.
   */
  readonly folders: Readonly<Record<string, string>>;
}

/** How to observe a path now. */
export interface Looking {
  file(path: string): LookRow;
  folder(path: string): LookRow;
  tree(question: string): Promise<TreeLook>;
}

/** The `stamp` of a tree is the stamps of its folders as JSON. */
type OtherLook = readonly [kind: 'file' | 'folder' | 'tree', what: string, stamp: string, found: string];

/** The stamp of a folder that was observed as a file. */
export const aFolder = 'folder';

/** Returns the observations as JSON. */
export function writtenLooks(looks: {
  readonly files: readonly LookRow[];
  readonly folders: readonly LookRow[];
  readonly trees: readonly TreeLook[];
  readonly learned: WrittenLooks['learned'];
}): WrittenLooks {
  const { files, folders, trees, learned } = looks;
  return {
    files: makeTable(files.filter(fitsTable)),
    folders: makeTable(folders.filter(fitsTable)),
    others: [
      ...files.filter((row) => !fitsTable(row)).map((row) => otherLook('file', row)),
      ...folders.filter((row) => !fitsTable(row)).map((row) => otherLook('folder', row)),
      ...trees.map(ofTree),
    ],
    learned,
  };
}

/**
 * Returns the observations with current stamps if each still holds, else undefined. `looking` is called only
 * for paths whose stamp has changed.
 */
export async function looksNow(written: WrittenLooks, looking: Looking): Promise<WrittenLooks | undefined> {
  const folders = tableNow(written.folders, statSync, looking.folder);
  const files = folders && tableNow(written.files, lstatSync, looking.file);
  if (!folders || !files) return undefined;
  const others: OtherLook[] = [];
  for (const row of written.others) {
    const now = await otherNow(row, looking);
    if (now[3] !== row[3]) return undefined;
    others.push(now);
  }
  const isSame = folders === written.folders && files === written.files && others.every((row, index) => row === written.others[index]);
  return isSame ? written : { ...written, folders, files, others };
}

/** Whether a stored value has the shape of observations. */
export function isWrittenLooks(value: Json | undefined): value is WrittenLooks {
  if (typeof value !== 'object' || value === null || !('others' in value)) return false;
  return (
    isLookTable(value['files']) && isLookTable(value['folders']) && [value.others, value['learned']].every((list) => Array.isArray(list))
  );
}

/** Returns the stamp of a link, which includes that of its target. */
export function linkStamp(own: Stats, target: string): string {
  return `${stampOf(own)} to ${target}`;
}

async function otherNow(row: OtherLook, looking: Looking): Promise<OtherLook> {
  const [kind, what, stamp] = row;
  if (kind === 'tree') {
    const folders = Object.entries(stampsOf(stamp));
    const isSame = folders.length > 0 && folders.every(([folder, before]) => stampOfFolder(folder) === before);
    return isSame ? row : ofTree(await looking.tree(what));
  }
  const isSame = stamp !== '' && (kind === 'file' ? stampNow(what) : stampOfFolder(what)) === stamp;
  return isSame ? row : otherLook(kind, looking[kind](what));
}

function otherLook(kind: 'file' | 'folder', { path, stamp, found }: LookRow): OtherLook {
  return [kind, path, stamp, found];
}

function ofTree({ question, found, folders }: TreeLook): OtherLook {
  return ['tree', question, JSON.stringify(folders), found];
}

/**
 * Returns the stamps of the folders of a tree. Empty if the text has another shape, so that the tree is read
 * again.
 */
function stampsOf(text: string): Readonly<Record<string, unknown>> {
  const stamps: unknown = JSON.parse(text);
  return typeof stamps === 'object' && stamps !== null ? { ...stamps } : {};
}

function stampNow(path: string): string {
  const own = statOrAbsent(lstatSync, path);
  if (!own?.isSymbolicLink()) return stampOrAbsent(own);
  return linkStamp(own, stampOrAbsent(statOrAbsent(statSync, path)));
}

/** Returns the current stamp of a path that was listed as a folder, whatever it is now. */
function stampOfFolder(path: string): string {
  const stats = statOrAbsent(statSync, path);
  return stats ? stampOf(stats) : absent;
}

function stampOrAbsent(stats: Stats | undefined): string {
  if (!stats) return absent;
  return stats.isDirectory() ? aFolder : stampOf(stats);
}

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

/** Numbers for each path in `stats`. */
const width = 3;
const foundLength = 32;
/** The numbers of a path at which nothing exists. */
const statsOfNothing = [NaN, NaN, NaN] as const;
/** No file has a negative size, so such a path is always observed again. */
const statsOfNoFile = [-1, 0, 0] as const;

/**
 * Returns half of a digest. It is sufficient to distinguish two digests, and cannot be mistaken for the name
 * of a blob.
 */
export function foundText(digest: Digest | undefined): string {
  return digest?.slice(0, foundLength) ?? absent;
}

/**
 * Whether the observation fits into a row of a table. A link has two stamps, and a tab or a line feed in a
 * name would end the field.
 */
export function fitsTable({ path, stamp }: LookRow): boolean {
  return numbersOf(stamp) !== undefined && path.startsWith('/') && !/[\t\n]/.test(path);
}

/** Returns the table of these rows, all of which must fit. */
export function makeTable(rows: readonly LookRow[]): LookTable {
  const folders = Map.groupBy(rows, ({ path }) => path.slice(0, path.lastIndexOf('/')));
  const ordered = [...folders.values()].flat();
  const paths = [...folders].map(([folder, inIt]) => [folder, ...inIt.map(({ path }) => path.slice(folder.length + 1))].join('\t'));
  const stats = Float64Array.from(ordered.flatMap(({ stamp }) => numbersOf(stamp) ?? statsOfNoFile));
  return { paths: paths.join('\n'), stats: inBase64(stats), found: ordered.map(({ found }) => found.padEnd(foundLength)).join('') };
}

/**
 * Returns the table with current stamps if `look` finds the same as before at every path whose stat has
 * changed, else undefined. `ask` is the function of stat that the stamps come from.
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

/**
 * Returns the stamp of a file: its size, time of change and inode. The time of change cannot be set by a
 * program, and setting another time of the file updates it.
 */
export function stampOf({ size, ctimeMs, ino }: Stats): string {
  return `${size} ${ctimeMs} ${ino}`;
}
