// The cache directory of tasks that read a cache and do not create one.
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { layout } from '../../cache/records.ts';
import { absentAsUndefined, cannot } from '../../core/errors.ts';
import { cacheDirOf } from '../task.ts';
import type { Task } from '../task.ts';

/** Returns the cache directory of the command line. A folder that is named with --cache must be a cache. */
export async function existingCacheDir(task: Task): Promise<string> {
  const dir = cacheDirOf(task);
  if (task.args.text('cache') !== undefined && !(await absentAsUndefined(stat(join(dir, layout))))) {
    throw cannot(`open the cache in "${dir}"`, 'there is no cache in that folder', {
      blame: 'usage',
      hint: 'a build with the same --cache creates it',
    });
  }
  return dir;
}
