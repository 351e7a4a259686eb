// Stored observations of paths, and the check whether they still hold. Most of them are rows of two tables
// (look-table.ts). This module does not know what a build is, and reads no file by itself.
//
// Trees of an earlier run may be unchanged although other observations of that run no longer hold (KeptTrees).
// Their digests are used without walking them again, and their rows become part of the next record as they are.
// In a build after an edit, the packages of all dependencies are such trees.
import { lstatSync, statSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { statOrAbsent } from '../../core/paths.ts';
import { isDigest } from '../../core/digest.ts';
import type { Digest, Json } from '../../core/digest.ts';
import { absent, fittingRow, hasRow, isLookTable, makeTable, stampOf, tableNow, partsOf, rowsOfPart } from './look-table.ts';
import type { LookRow, LookTable, TablePart } from './look-table.ts';
import { dirname } from 'node:path';

/** Observations as JSON. */
export interface WrittenLooks {
  readonly [key: string]: Json;
  readonly files: LookTable;
  readonly folders: LookTable;
  /** Observations that do not fit into a table: links, unusual names, and trees of which git ignores parts. */
  readonly others: readonly OtherLook[];
  /**
   * The digests of trees by their questions. Everything that such a digest depends on is observed by rows
   * below the folder of the tree.
   */
  readonly trees: readonly (readonly [question: string, digest: Digest])[];
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
export type OtherLook = readonly [kind: 'file' | 'folder' | 'tree', what: string, stamp: string, found: string];

/** The stamp of a folder that was observed as a file. */
export const aFolder = 'folder';

/** Rows of an earlier record that are part of the next one as they are. */
export interface KeptRows {
  readonly files: readonly TablePart[];
  readonly folders: readonly TablePart[];
  readonly others: readonly OtherLook[];
}

/** Returns the observations as JSON. A row that is among the kept ones is not repeated. */
export function writtenLooks(
  looks: {
    readonly files: readonly LookRow[];
    readonly folders: readonly LookRow[];
    /** Trees of which git ignores parts. */
    readonly ignoring: readonly TreeLook[];
  } & Pick<WrittenLooks, 'trees' | 'learned'>,
  kept: KeptRows,
): WrittenLooks {
  const { files, folders, ignoring, trees, learned } = looks;
  const others = [...kept.others];
  const known = new Set(others.map((row) => JSON.stringify(row)));
  const add = (row: OtherLook): void => {
    if (!known.has(JSON.stringify(row))) others.push(row);
  };
  const table = (kind: 'file' | 'folder', rows: readonly LookRow[], parts: readonly TablePart[]): LookTable => {
    const byFolder = Map.groupBy(parts, ({ folder }) => folder);
    const fitting = rows.flatMap((row) => {
      const fits = fittingRow(row);
      if (!fits) add(otherLook(kind, row));
      return fits && !byFolder.get(fits.folder)?.some((part) => hasRow(part, fits)) ? [fits] : [];
    });
    return makeTable(fitting, parts);
  };
  const tables = { files: table('file', files, kept.files), folders: table('folder', folders, kept.folders) };
  for (const tree of ignoring) add(ofTree(tree));
  return { ...tables, others, trees, learned };
}

/** The result of a check. */
export interface CheckedLooks {
  /** The observations with current stamps. The same object if no stamp has changed. */
  readonly looks: WrittenLooks;
  /**
   * The paths at which there is something else, or may be: after the first difference, another stamp counts as
   * one. Empty if every observation holds.
   */
  readonly changed: readonly string[];
}

/** Checks every observation. `looking` is called only for paths whose stamp has changed. */
export async function looksNow(written: WrittenLooks, looking: Looking): Promise<CheckedLooks> {
  const changed: string[] = [];
  const folders = tableNow(written.folders, statSync, looking.folder, changed);
  const files = tableNow(written.files, lstatSync, looking.file, changed);
  const others: OtherLook[] = [];
  for (const row of written.others) {
    const now = isSameNow(row) ? row : changed.length === 0 ? await otherNow(row, looking) : undefined;
    if (now?.[3] !== row[3]) changed.push(row[0] === 'tree' ? folderOf(row[1]) : row[1]);
    others.push(now ?? row);
  }
  const isSame = folders === written.folders && files === written.files && others.every((row, index) => row === written.others[index]);
  return { looks: isSame ? written : { ...written, folders, files, others }, changed };
}

/** Returns the folder of the question of a tree. */
export function folderOf(question: string): string {
  const [dir]: readonly unknown[] = JSON.parse(question);
  return String(dir);
}

/** Whether a stored value has the shape of observations. */
export function isWrittenLooks(value: Json | undefined): value is WrittenLooks {
  if (typeof value !== 'object' || value === null || !('others' in value)) return false;
  const { files, folders, others, trees, learned } = value;
  const areTrees = Array.isArray(trees) && trees.every((row: Json) => Array.isArray(row) && isDigest(row[1]));
  return isLookTable(files) && isLookTable(folders) && areTrees && [others, learned].every((list) => Array.isArray(list));
}

/** Returns the stamp of a link, which includes that of its target. */
export function linkStamp(own: Stats, target: string): string {
  return `${stampOf(own)} to ${target}`;
}

function isSameNow([kind, what, stamp]: OtherLook): boolean {
  if (kind !== 'tree') return stamp !== '' && (kind === 'file' ? stampNow(what) : stampOfFolder(what)) === stamp;
  const folders = Object.entries(stampsOf(stamp));
  return folders.length > 0 && folders.every(([folder, before]) => stampOfFolder(folder) === before);
}

async function otherNow([kind, what]: OtherLook, looking: Looking): Promise<OtherLook> {
  return kind === 'tree' ? ofTree(await looking.tree(what)) : otherLook(kind, looking[kind](what));
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

interface KeptTree {
  readonly dir: string;
  readonly digest: Digest;
  readonly looks: WrittenLooks;
}

export class KeptTrees {
  readonly #trees = new Map<string, KeptTree>();
  /** Trees whose digest was used. Their rows are conditions of the next record. */
  readonly #used = new Set<KeptTree>();
  /** The rows of the used trees, unless another one was used since. */
  #rows: { readonly trees: number; readonly rows: KeptRows } | undefined;

  /** Adds the trees of a checked record. */
  add({ looks, changed }: CheckedLooks): void {
    const around = new Set<string>();
    for (const path of changed) for (let folder = path; !around.has(folder); folder = dirname(folder)) around.add(folder);
    for (const [question, digest] of looks.trees) {
      const dir = folderOf(question);
      if (!around.has(dir)) this.#trees.set(question, { dir, digest, looks });
    }
  }

  has(dir: string): boolean {
    return [...this.#trees.values()].some((tree) => tree.dir === dir);
  }

  /** Returns the digest of a kept tree, whose rows are then part of `rows`. */
  use(question: string): Digest | undefined {
    const tree = this.#trees.get(question);
    if (tree) this.#used.add(tree);
    return tree?.digest;
  }

  /** Forgets the trees that contain the path. */
  forget(path: string): void {
    for (const [question, { dir }] of this.#trees) if (path === dir || path.startsWith(`${dir}/`)) this.#trees.delete(question);
  }

  /** Returns the rows of all used trees. Collecting them takes some milliseconds, so it may be called before. */
  rows(): KeptRows {
    if (this.#rows?.trees !== this.#used.size) this.#rows = { trees: this.#used.size, rows: this.#collected() };
    return this.#rows.rows;
  }

  #collected(): KeptRows {
    const files: TablePart[] = [];
    const folders: TablePart[] = [];
    const others: OtherLook[] = [];
    for (const [looks, trees] of Map.groupBy(this.#used, (tree) => tree.looks)) {
      const isInTree = insideOf(new Set(trees.map(({ dir }) => dir)));
      files.push(...partsInTrees(looks.files, isInTree));
      folders.push(...partsInTrees(looks.folders, isInTree));
      others.push(...looks.others.filter(([kind, path]) => kind !== 'tree' && isInTree(path)));
    }
    return { files, folders, others };
  }
}

/** Returns the rows of paths in the trees. The row of a tree's own folder is in the line of its parent. */
function partsInTrees(table: LookTable, isInTree: (path: string) => boolean): readonly TablePart[] {
  return partsOf(table).flatMap((part) => {
    if (isInTree(part.folder)) return [part];
    return rowsOfPart(part, (name) => isInTree(`${part.folder}/${name}`)) ?? [];
  });
}

/** Returns whether a path is one of these folders or below one. */
function insideOf(folders: ReadonlySet<string>): (path: string) => boolean {
  const known = new Map<string, boolean>();
  const isInside = (path: string): boolean => {
    const before = known.get(path);
    if (before !== undefined) return before;
    const found = folders.has(path) || (path !== dirname(path) && isInside(dirname(path)));
    known.set(path, found);
    return found;
  };
  return isInside;
}
