// Parts of tasks that few runs need and that have many imports. They are loaded by their path when they are
// needed, so that a copied task is small without them.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { cannot } from '../core/errors.ts';

/** Paths in the repository by the names for `tasks/copy.ts --with`. */
export const optionalParts = {
  'binary-caches': 'lib/cli/closure/closure-cache-verbs.ts',
  'cargo-messages': 'lib/cli/tasks/cargo-messages-task.ts',
  'cloud-hypervisor': 'lib/boot/cloud-hypervisor.ts',
  'cookbook-sources': 'lib/cli/fetch/fetch-cookbook.ts',
  'debian-sources': 'lib/cli/fetch/fetch-archives-task.ts',
  'guest-commands': 'lib/cli/dev/guest-command-task.ts',
  'image-builds': 'lib/cli/dev/missing-image.ts',
  'image-changes': 'lib/cli/tasks/image-change-task.ts',
  'kernel-tests': 'lib/cli/tasks/kernel-test-task.ts',
  'osdk-machine': 'lib/boot/osdk-machine.ts',
  'other-kernels': 'lib/rootfs/reference-kernel.ts',
  rebuild: 'lib/cli/tasks/cache-rebuild.ts',
  replace: 'lib/cli/closure/closure-replace-verb.ts',
  sysroots: 'lib/cookbook/cross-tools.ts',
  tests: 'lib/cli/tasks/cargo-test-task.ts',
} as const;

/** Whether this copy of the repository has a part. */
export function hasOptionalPart(root: string, name: keyof typeof optionalParts): boolean {
  return existsSync(join(root, optionalParts[name]));
}

/**
 * Loads a part, which must have these functions. If this copy of the repository lacks it, that is a Failure:
 * `what` could not be done. A missing function is a bug.
 */
export async function optionalPart<Part extends object>(
  root: string,
  name: keyof typeof optionalParts,
  what: string,
  functions: readonly (keyof Part & string)[],
): Promise<Part> {
  const path = join(root, optionalParts[name]);
  if (existsSync(path)) {
    const part: object = await import(pathToFileURL(path).href);
    if (isPart<Part>(part, functions)) return part;
    throw new Error(`"${path}" does not have ${functions.join(', ')}`);
  }
  throw cannot(what, `this copy of the task does not have ${optionalParts[name]}`, {
    blame: 'usage',
    hint: `in a checkout of Bloomery, tasks/copy.ts TASK... FOLDER --with ${name} adds it to a copy`,
  });
}

function isPart<Part extends object>(part: object, functions: readonly (keyof Part & string)[]): part is Part {
  const exported = new Map(Object.entries(part));
  return functions.every((name) => typeof exported.get(name) === 'function');
}
