// A cache that has to exist already.
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { layout } from '../../cache/layout.ts';
import { absentAsUndefined, cannot } from '../../core/errors.ts';
import { cacheDirOf } from '../task.ts';
import type { Task } from '../task.ts';

/** For tasks that look at a cache and make none: a folder named with --cache must be one. */
export async function existingCacheDir(task: Task): Promise<string> {
  const dir = cacheDirOf(task);
  if (task.args.text('cache') !== undefined && !(await absentAsUndefined(stat(join(dir, layout))))) {
    throw cannot(`open the cache in "${dir}"`, 'there is none', { blame: 'usage', hint: 'a build with the same --cache makes it' });
  }
  return dir;
}
