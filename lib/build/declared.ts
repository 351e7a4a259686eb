// Runs an action whose sandbox shows less than all of its sources, and once more with more in view where its own words declare files that
// were hidden: what is declared is counted (lib/build/lookup.ts), so it may be read. Does not know how a command declares anything.
import { stat } from 'node:fs/promises';
import { posix } from 'node:path';
import type { Cache } from '../cache/cache.ts';
import { absentAsUndefined } from '../core/errors.ts';
import type { Context } from '../core/events.ts';
import type { Action } from './action.ts';
import { execute } from './execute.ts';
import type { Execution } from './execute.ts';
import { hostPath, isBelow } from './mounts.ts';
import type { Sandbox } from './sandbox.ts';

/** From a command's standard output to the places that it says it depends on. */
export type Declares = (stdout: string) => readonly string[];

/** A file that was read may declare others; a command that goes on for longer than this would never end. */
const mostRuns = 4;

/** `execute`, repeated while the command declares files of its mounts that exist and that it could not see. */
export async function executeDeclared(
  action: Action,
  declares: Declares | undefined,
  sandbox: Sandbox,
  cache: Cache,
  context: Context,
): Promise<Execution> {
  let current = action;
  for (let runs = 1; ; runs++) {
    const execution = await execute(current, sandbox, cache, context);
    if (!declares || !current.shown || runs === mostRuns) return execution;
    const hidden = await hiddenPlaces(declares(execution.ok ? execution.result.stdout : execution.stdout), current);
    if (hidden.length === 0) return execution;
    current = { ...current, shown: [...current.shown, ...hidden] };
  }
}

async function hiddenPlaces(places: readonly string[], { mounts, shown = [] }: Action): Promise<readonly string[]> {
  const hidden = new Set<string>();
  for (const declared of places) {
    const place = wholeRepository(posix.normalize(declared).replace(/\/$/, ''));
    if (isBelow(place, shown) || !isBelow(place, Object.keys(mounts))) continue;
    if (await absentAsUndefined(stat(hostPath(place, mounts)))) hidden.add(place);
  }
  return [...hidden];
}

/** Who declares .git/HEAD is about to ask git, which needs all of it. */
function wholeRepository(place: string): string {
  return /^.*?\/\.git(?=\/)/.exec(place)?.[0] ?? place;
}
