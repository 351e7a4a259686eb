// Folders that an action may write although their files are only shown: a copy of the folder's own level, in which every entry is the real one,
// read-only, and new files go into the action's stage. What is written there is not kept.
import { copyFileSync, lstatSync, mkdirSync, readdirSync, readlinkSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { decodeName, encodePath } from '../core/byte-path.ts';
import type { Action } from './action.ts';
import { hostPath } from './mounts.ts';
import type { View } from './sandbox.ts';

/** Files up to this size are copied, so that the action may also write over them. */
const largestCopyBytes = 1 << 20;

/** The view with the action's shadowed folders. `stage` is the action's own folder. */
export function shadowFolders({ shadowed = [] }: Action, view: View, stage: string): View {
  const readOnly: Record<string, string> = { ...view.readOnly };
  const writable: Record<string, string> = { ...view.writable };
  for (const [index, place] of shadowed.entries()) {
    const real = hostPath(place, view.readOnly);
    const copy = join(stage, `shadow-${index}`);
    mkdirSync(copy);
    for (const name of readdirSync(encodePath(real), 'buffer').map(decodeName)) {
      const [from, to] = [encodePath(join(real, name)), encodePath(join(copy, name))];
      const about = lstatSync(from);
      if (about.isSymbolicLink()) symlinkSync(readlinkSync(from, 'buffer'), to);
      else if (about.isFile() && about.size <= largestCopyBytes) copyFileSync(from, to);
      else readOnly[`${place}/${name}`] = join(real, name);
    }
    writable[place] = copy;
  }
  return { ...view, readOnly, writable };
}
