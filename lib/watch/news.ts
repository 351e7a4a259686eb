// Determines which reported changes are new. A watcher reports one save of a file several times, and some
// reports arrive after a round has read the file. Editors write to temporary files first.
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

  /**
   * Returns the paths that differ from the last time that they were returned. A new file that no longer
   * exists is ignored.
   */
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

/** Returns inode, size, modification time and change time. No program can set the change time. */
function stampOf(path: string): string {
  try {
    const { ino, size, ctimeNs } = lstatSync(path, { bigint: true });
    return `${ino} ${size} ${ctimeNs}`;
  } catch {
    return absent;
  }
}
