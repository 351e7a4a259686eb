// The sources of a cookbook that tasks/fetch.ts fetches with --cookbook. An optional part of the task (lib/cli/optional-parts.ts), which is loaded by its
// path.
import { openCookbook } from '../../cookbook/cookbook.ts';
import { cookbookLockPath, cookbookMirrors, recipeSources } from '../../cookbook/upstream-recipes.ts';
import type { Mirror } from '../../upstream/download.ts';
import type { NamedSource } from '../../upstream/lock.ts';

/**
 * Returns the sources of the recipes, the path of the lock, and the mirrors of the cookbook. `folder` is
 * absolute.
 */
export async function sourcesOfCookbook(
  folder: string,
): Promise<{ readonly sources: readonly NamedSource[]; readonly lockPath: string; readonly mirrors: readonly Mirror[] }> {
  const cookbook = await openCookbook(folder);
  return { sources: await recipeSources(cookbook), lockPath: cookbookLockPath(cookbook), mirrors: await cookbookMirrors(cookbook) };
}
