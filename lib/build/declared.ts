// Runs an action whose sandbox shows less than all of its sources, and once more with more in view where its own words declare files that
// were hidden: what is declared is counted (lib/build/lookup.ts), so it may be read. Where it fails, it is told what it
// was refused (lib/build/witness.ts). Does not know how a command declares anything.
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
import { witnessed } from './witness.ts';

/** From a command's standard output to the places that it says it depends on. */
export type Declares = (stdout: string) => readonly string[];

type Failed = Exclude<Execution, { readonly ok: true }>;

/** A file that was read may declare others; a command that goes on for longer than this would never end. */
const mostRuns = 4;

/** `execute`, repeated while the command declares files of its mounts that exist and that it could not see. */
export async function executeDeclared(
  action: Action,
  { declares, home }: { readonly declares?: Declares; readonly home?: string },
  sandbox: Sandbox,
  cache: Cache,
  context: Context,
): Promise<Execution> {
  let current = action;
  for (let runs = 1; ; runs++) {
    const execution = await execute(current, sandbox, cache, context);
    const stdout = execution.ok ? execution.result.stdout : execution.stdout;
    const hidden = declares && current.shown && runs < mostRuns ? await hiddenPlaces(declares(stdout), current) : [];
    if (hidden.length === 0) return execution.ok ? execution : accused(execution, current);
    current = { ...current, shown: [...(current.shown ?? []), ...hidden] };
  }

  async function accused(execution: Failed, last: Action): Promise<Failed> {
    const words = execution.stdout + execution.stderr;
    if (last.record.kind === 'rustc' && !macroPanicked.test(words)) return execution; // a compile error needs no second look
    return { ...execution, violations: await witnessed(last, words, sandbox, cache, home, context) };
  }
}

/** A proc macro runs inside of rustc. */
const macroPanicked = /(?:proc.macro|custom attribute)[^\n]* panicked/;

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
