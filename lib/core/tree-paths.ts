// Reads and writes in folders that third-party code filled: names need not be UTF-8 (byte-path.ts), and nesting may be deeper than the kernel takes
// in one path. A long path is cut into pieces, each of which starts at an open folder. Never follows a link that it meets between the pieces.
import { chmodSync, closeSync, constants, mkdirSync, openSync, readdirSync, readlinkSync } from 'node:fs';
import type { Dirent } from 'node:fs';
import { decodeName, encodePath, mayHaveLostBytes } from './byte-path.ts';

export interface TreeEntry {
  readonly name: string;
  /** "other": a pipe, a socket or a device. */
  readonly kind: 'file' | 'folder' | 'link' | 'other';
}

/** So many UTF-16 code units, of at most three bytes each, are less than the kernel's 4095 bytes. */
const longest = 1200;

export class TreePaths {
  /** Open folders: absolute path -> file descriptor. */
  readonly #anchors = new Map<string, number>();

  /** Returns a path that node:fs takes, valid until `close`. Folders above it must exist. */
  at(path: string): string | Buffer {
    return this.#short(path, () => undefined);
  }

  /** Creates the folder and those above it that are missing. */
  makeFolder(path: string): void {
    const make = (piece: string | Buffer): void => void mkdirSync(piece, { recursive: true });
    make(this.#short(path, make));
  }

  /** Lists a folder, in no order. */
  entries(path: string): readonly TreeEntry[] {
    const place = this.at(path);
    const read = readdirSync(place, { withFileTypes: true });
    if (!read.some(({ name }) => mayHaveLostBytes(name))) return read.map((entry) => ({ name: entry.name, kind: kindOf(entry) }));
    const inBytes = readdirSync(place, { withFileTypes: true, encoding: 'buffer' });
    return inBytes.map((entry) => ({ name: decodeName(entry.name), kind: kindOf(entry) }));
  }

  /** Returns the target of a link as it was written. */
  linkTarget(path: string): string {
    const target = readlinkSync(this.at(path));
    return mayHaveLostBytes(target) ? decodeName(readlinkSync(this.at(path), 'buffer')) : target;
  }

  /** Lets the owner read, write and enter a folder. `mode` is its present mode where it is known. The path must not be a link. */
  openFolder(path: string, mode = 0): void {
    if ((mode & 0o700) !== 0o700) chmodSync(this.at(path), (mode & 0o777) | 0o700);
  }

  close(): void {
    for (const fd of this.#anchors.values()) closeSync(fd);
    this.#anchors.clear();
  }

  #short(path: string, before: (piece: string | Buffer) => void): string | Buffer {
    let base = '';
    let done = 0;
    while (path.length - done > longest) {
      const cut = path.lastIndexOf('/', done + longest);
      if (cut <= done) break; // one name that is too long: the kernel refuses it
      const prefix = path.slice(0, cut);
      let fd = this.#anchors.get(prefix);
      if (fd === undefined) {
        const piece = encodePath(base + path.slice(done, cut));
        before(piece);
        fd = openSync(piece, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
        this.#anchors.set(prefix, fd);
      }
      base = `/proc/self/fd/${fd}`;
      done = cut;
    }
    return encodePath(base + path.slice(done));
  }
}

function kindOf(entry: Dirent | Dirent<Buffer>): TreeEntry['kind'] {
  return entry.isFile() ? 'file' : entry.isDirectory() ? 'folder' : entry.isSymbolicLink() ? 'link' : 'other';
}
