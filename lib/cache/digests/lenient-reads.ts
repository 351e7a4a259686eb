// Reads of single paths for which nothing is there where an action, too, finds nothing: below a file, behind a link that leads to itself, in a
// folder that the user may not enter. Names are bytes (lib/core/byte-path.ts).
import { lstatSync, readdirSync, readlinkSync } from 'node:fs';
import type { Dirent, Stats } from 'node:fs';
import { decodeName, encodePath, mayHaveLostBytes } from '../../core/byte-path.ts';
import type { Digest } from '../../core/digest.ts';
import { digestBytes, digestFileSync } from '../../core/digest.ts';
import { errnoOf } from '../../core/errors.ts';

export type Entry = Pick<Dirent, 'name' | 'isDirectory' | 'isSymbolicLink'>;

const unreadable = digestBytes('unreadable');

const nothingThere: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR', 'ELOOP', 'EACCES', 'ENAMETOOLONG']);

/** Files of /proc and /sys also fail with the others. */
const notReadable: ReadonlySet<string> = new Set(['EACCES', 'EPERM', 'EIO', 'EINVAL', 'ENXIO', 'ENODEV', 'EOPNOTSUPP', 'ESRCH']);

/** None in a folder that we may not read. */
export function entriesOf(dir: string): readonly Entry[] {
  try {
    const entries = readdirSync(encodePath(dir), { withFileTypes: true });
    if (!entries.some(({ name }) => mayHaveLostBytes(name))) return entries;
    const inBytes = readdirSync(encodePath(dir), { withFileTypes: true, encoding: 'buffer' });
    return inBytes.map((entry) => ({
      name: decodeName(entry.name),
      isDirectory: () => entry.isDirectory(),
      isSymbolicLink: () => entry.isSymbolicLink(),
    }));
  } catch (error) {
    if (nothingThere.has(errnoOf(error) ?? '')) return [];
    throw error;
  }
}

/** A command that lists a folder gets the kinds of its entries, and need not look at each. A name has no slash. */
export function nameWithKind(entry: Entry): string {
  return entry.name + (entry.isDirectory() ? '/' : entry.isSymbolicLink() ? '//' : '');
}

export function linkTarget(path: string): string {
  return decodeName(readlinkSync(encodePath(path), 'buffer'));
}

/** A file that we may not read is another than one without content. */
export function digestOfBytes(path: string): Digest {
  try {
    return digestFileSync(path);
  } catch (error) {
    if (notReadable.has(errnoOf(error) ?? '')) return unreadable;
    throw error;
  }
}

/** Undefined where there is nothing, also below a file. An exception for each absent file would cost more than the look. */
export function statOrAbsent(ask: typeof lstatSync, path: string): Stats | undefined {
  try {
    return ask(encodePath(path), { throwIfNoEntry: false });
  } catch (error) {
    if (nothingThere.has(errnoOf(error) ?? '')) return undefined;
    throw error;
  }
}
