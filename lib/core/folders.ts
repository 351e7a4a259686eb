// Making folders. Node's own recursive mkdir runs for ever where the kernel refuses with ENOENT although the parent is there (/proc).
import { mkdir, opendir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { absentAsUndefined, errnoOf } from './errors.ts';

/** Makes the folder and those above it that are missing. What is there and is no folder, or cannot be made, is the system's own error. */
export async function makeFolder(path: string): Promise<void> {
  if ((await absentAsUndefined(stat(path)))?.isDirectory()) return;
  if (dirname(path) !== path) await makeFolder(dirname(path));
  try {
    await mkdir(path);
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
    await opendir(path).then((folder) => folder.close()); // ENOTDIR where a file is in the way
  }
}
