// Parts of tasks that few runs need and that need much: they are loaded by their path when they are asked for, so that a copied task is small without them.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { cannot } from '../core/errors.ts';

/** By the name that `tasks/copy.ts --with` takes; paths in the repository. */
export const optionalParts = {
  'kernel-tests': 'lib/cli/tasks/kernel-test-task.ts',
  'guest-commands': 'lib/cli/dev/guest-command-task.ts',
  'image-builds': 'lib/cli/tasks/build-task.ts',
  'other-kernels': 'lib/rootfs/reference-kernel.ts',
  rebuild: 'lib/cli/tasks/cache-rebuild.ts',
} as const;

/** Loads a part. A copy of the repository that does not have it is a Failure: `what` could not be done. */
export async function optionalPart<Part>(root: string, name: keyof typeof optionalParts, what: string): Promise<Part> {
  const path = join(root, optionalParts[name]);
  if (existsSync(path)) return (await import(pathToFileURL(path).href)) as Part;
  throw cannot(what, `this copy of the task does not have ${optionalParts[name]}`, {
    blame: 'usage',
    hint: `tasks/copy.ts --with ${name} adds it to a copy`,
  });
}
