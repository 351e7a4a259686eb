// Describes a file that is to be written into an image, and checks its path. This module knows no file
// system.
import { cannot } from '../../core/errors.ts';
import { badName } from '../file-tree.ts';
import type { Content } from '../file-tree.ts';

export interface PutRequest {
  /** The action for "Cannot <what>: ...". */
  readonly what: string;
  /** Path in the volume, without a leading slash. */
  readonly path: string;
  /** The partition. Absent: the path begins with it, or only one is suitable. */
  readonly partition?: string | undefined;
  readonly content: Content;
  /** Permission bits and owner. Absent: those of the replaced file, otherwise `defaultMode` and 0:0. */
  readonly mode?: number | undefined;
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
  readonly defaultMode: number;
  /** Whether missing parent directories are created. */
  readonly parents: boolean;
  /** Whether a RedoxFS stores its records compressed. */
  readonly compress: boolean;
}

/** Returns the path without leading and double slashes. An invalid name is a Failure. */
export function checkedPath(written: string, what: string): string {
  const path = written.replace(/^\/+/, '').replace(/\/{2,}/g, '/');
  if (path === '' || path.endsWith('/')) {
    throw cannot(what, 'the path names a directory', { blame: 'usage', hint: `name the file in it: ${written}NAME` });
  }
  const why = path
    .split('/')
    .map((name) => badName(name) ?? (name.isWellFormed() ? undefined : 'a name is not well-formed Unicode'))
    .find((bad) => bad !== undefined);
  if (why) throw cannot(what, why, { blame: 'usage', hint: 'write the path from the root, without "." and ".."' });
  return path;
}
