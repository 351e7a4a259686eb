// Trees of an earlier run of which nothing has changed, although other observations of that run no longer
// hold. Their digests are used without walking them again, and their rows become part of the next record as
// they are. In a build after an edit, the packages of all dependencies are such trees.
import { dirname } from 'node:path';
import type { Digest } from '../../core/digest.ts';
import { partsOf, rowsOfPart } from './look-table.ts';
import type { LookTable, TablePart } from './look-table.ts';
import { folderOf } from './written-looks.ts';
import type { CheckedLooks, KeptRows, OtherLook, WrittenLooks } from './written-looks.ts';

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
