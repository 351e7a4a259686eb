// The word of a command line that names a system: the name of a page, or a path relative to the current folder.
import { isPagePath } from '../system/find-page.ts';
import type { Task } from './task.ts';

/** Returns a name as it is, and a path made absolute. */
export function systemWord(word: string, { path }: Pick<Task, 'path'>): string {
  return isPagePath(word) ? path(word) : word;
}
