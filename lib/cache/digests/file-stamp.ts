// What stat says of a file, as text: the stamp by which a later look knows that nothing has changed.
import type { Stats } from 'node:fs';

/** The time of the last change of anything about a file: nobody can set it, and setting the other times sets it. */
export function stampOf({ size, ctimeMs, ino }: Stats): string {
  return `${size} ${ctimeMs} ${ino}`;
}
