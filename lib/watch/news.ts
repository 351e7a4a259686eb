// Which reports of changes are news. A watcher reports one save of a file several times, some of it after a round has read the
// file. Editors write to temporary files first.
import { lstatSync } from 'node:fs';

/** A report of a watcher. */
export interface Change {
  /** Absolute. */
  readonly path: string;
  /** Whether the file is a new one. */
  readonly created: boolean;
}

const absent = 'absent';

export class News {
  readonly #stamps = new Map<string, string>();

  /** Returns the paths that differ from the last time that they were returned. A new file that is gone by now is no news. */
  of(changes: readonly Change[]): readonly string[] {
    const paths: string[] = [];
    for (const { path, created } of changes) {
      const stamp = stampOf(path);
      if (this.#stamps.get(path) === stamp || (created && stamp === absent)) continue;
      this.#stamps.set(path, stamp);
      paths.push(path);
    }
    return paths;
  }
}

/** Inode, size and time of the last change of the file itself or of what is known about it, which no program can set. */
function stampOf(path: string): string {
  try {
    const { ino, size, ctimeNs } = lstatSync(path, { bigint: true });
    return `${ino} ${size} ${ctimeNs}`;
  } catch {
    return absent;
  }
}
