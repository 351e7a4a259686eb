// Determines which changed paths git ignores. git itself is called, so that every kind of rule is applied:
// .gitignore files, .git/info/exclude, the user's own.
import { stat } from 'node:fs/promises';
import { errnoOf } from '../core/errors.ts';
import type { Context } from '../core/events.ts';
import { findProgram, run } from '../core/sh.ts';
import { isIn } from './watch-set.ts';

export interface GitQuestion {
  /** The watched folders. git is called for each path in the folder that contains it. */
  readonly folders: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** Returns the paths that git does not ignore. Outside of repositories, and without git, that is all of them. */
export async function withoutIgnored(
  paths: readonly string[],
  { folders, env }: GitQuestion,
  { signal }: Pick<Context, 'signal'>,
): Promise<readonly string[]> {
  const git = await findProgram('git', env['PATH'] ?? '');
  if (git === undefined) return paths;
  const ignored = new Set<string>();
  const rest = new Set(paths);
  for (const folder of folders) {
    const inside = [...rest].filter((path) => isIn(path, folder) && path !== folder);
    if (inside.length === 0 || !(await isFolder(folder))) continue;
    for (const path of inside) rest.delete(path);
    const stdin = inside.map((path) => `${path}\0`).join('');
    const { exitCode, stdout } = await run([git, 'check-ignore', '-z', '--stdin'], { cwd: folder, env, stdin, signal });
    // 1: no path is ignored; 128: there is no repository
    if (exitCode === 0) for (const path of stdout.split('\0')) ignored.add(path);
  }
  return paths.filter((path) => !ignored.has(path));
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return false; // it was removed
  }
}
