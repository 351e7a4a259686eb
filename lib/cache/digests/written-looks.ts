// Looks at paths as they are written down, and whether they would find the same again. Nearly all are rows of
// two tables, in which a later run can compare tens of thousands of paths quickly: they are grouped by their
// folder, and stat's numbers are compared as numbers. Text for each path would cost twice as much as the call
// of stat. Does not know what a build is, and reads nothing by itself.
import { lstatSync, statSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { statOrAbsent } from '../../core/paths.ts';
import type { Digest, Json } from '../../core/digest.ts';

/** The JSON of looks. */
export interface WrittenLooks {
  readonly [key: string]: Json;
  readonly files: LookTable;
  readonly folders: LookTable;
  /** Those that are no rows of a table: links, odd names, trees that git ignores parts of. */
  readonly others: readonly OtherLook[];
  /** What was learned, with its value in the memory: something to know, and nothing that has to hold. */
  readonly learned: readonly (readonly [path: string, value: string])[];
}

/** A tree that git ignores parts of. */
export interface TreeLook {
  /** The folder and its options, as JSON. */
  readonly question: string;
  readonly found: string;
  /** The folders in it with their stamps: while these are the same, so are the names. Empty where stamps do not decide that. */
  readonly folders: Readonly<Record<string, string>>;
}

/** How to look at a path now. */
export interface Looking {
  file(path: string): LookRow;
  folder(path: string): LookRow;
  tree(question: string): Promise<TreeLook>;
}

/** `stamp`: of a tree, the stamps of its folders as JSON. */
type OtherLook = readonly [kind: 'file' | 'folder' | 'tree', what: string, stamp: string, found: string];

/** The stamp of a folder that was looked at as if it were a file. */
export const aFolder = 'folder';

/** The looks as JSON. */
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

/** The looks with the stamps of now, if each finds what it found; else undefined. `looking` is asked only where a stamp is another. */
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

/** Whether a stored value is of looks. */
export function isWrittenLooks(value: Json | undefined): value is WrittenLooks {
  if (typeof value !== 'object' || value === null || !('others' in value)) return false;
  return (
    isLookTable(value['files']) && isLookTable(value['folders']) && [value.others, value['learned']].every((list) => Array.isArray(list))
  );
}

/** The stamp of a link, with that of what it leads to. */
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

/** The stamps of the folders of a tree; none where the text has another shape, so that the tree is looked at again. */
function stampsOf(text: string): Readonly<Record<string, unknown>> {
  const stamps: unknown = JSON.parse(text);
  return typeof stamps === 'object' && stamps !== null ? { ...stamps } : {};
}

function stampNow(path: string): string {
  const own = statOrAbsent(lstatSync, path);
  if (!own?.isSymbolicLink()) return stampOrAbsent(own);
  return linkStamp(own, stampOrAbsent(statOrAbsent(statSync, path)));
}

/** Returns the stamp of what is where a folder was listed, whatever it is. */
function stampOfFolder(path: string): string {
  const stats = statOrAbsent(statSync, path);
  return stats ? stampOf(stats) : absent;
}

function stampOrAbsent(stats: Stats | undefined): string {
  if (!stats) return absent;
  return stats.isDirectory() ? aFolder : stampOf(stats);
}

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

/** The time of the last change of anything about a file: nobody can set it, and setting the other times sets it. */
export function stampOf({ size, ctimeMs, ino }: Stats): string {
  return `${size} ${ctimeMs} ${ino}`;
}
