// Begins the compilation of a task before its command line is parsed and its modules are loaded. It only needs
// to find the cache: the rest is decided by the record of the last build with the same command line.
import { beginCompilation } from '../crates/run/head-start.ts';
import type { HeadStart } from '../crates/run/head-start.ts';
import { resolve } from 'node:path';
import { hostOf, scriptArguments } from './host.ts';

/** Begins the compilation that the command line of this process will most likely need. */
export async function beginTask({ argv, env, pid, cwd }: Pick<NodeJS.Process, 'argv' | 'env' | 'pid' | 'cwd'>): Promise<HeadStart> {
  const words = scriptArguments(argv);
  const host = hostOf(cwd(), env);
  const given = cacheIn(words);
  return await beginCompilation({
    cacheDir: given === undefined ? host.cacheDir : resolve(host.cwd, given),
    words: [host.cwd, ...words],
    pid,
  });
}

/** Returns the value of --cache. A wrong value, for example of a command line with an error, only leads to a folder without records. */
export function cacheIn(words: readonly string[]): string | undefined {
  const end = words.indexOf('--');
  const own = end === -1 ? words : words.slice(0, end);
  const at = own.findLastIndex((word) => word === '--cache' || word.startsWith('--cache='));
  const word = own[at];
  return word?.includes('=') ? word.slice('--cache='.length) : word && own[at + 1];
}
