// Looks at paths as they are written down, and whether they would find the same again. Nearly all are rows of two tables. Does not know what a build
// is, and reads nothing by itself.
import { lstatSync, statSync } from 'node:fs';
import type { Stats } from 'node:fs';
import type { Json } from '../../core/digest.ts';
import { stampOf } from './file-stamp.ts';
import { statOrAbsent } from './lenient-reads.ts';
import { absent, fitsTable, isLookTable, makeTable, tableNow } from './look-table.ts';
import type { LookRow, LookTable } from './look-table.ts';

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
  return isLookTable(value['files']) && isLookTable(value['folders']) && [value.others, value['learned']].every((list) => Array.isArray(list));
}

/** The stamp of a link, with that of what it leads to. */
export function linkStamp(own: Stats, target: string): string {
  return `${stampOf(own)} to ${target}`;
}

async function otherNow(row: OtherLook, looking: Looking): Promise<OtherLook> {
  const [kind, what, stamp] = row;
  if (kind === 'tree') {
    const folders = Object.entries(JSON.parse(stamp) as TreeLook['folders']);
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
