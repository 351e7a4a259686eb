// Runs an action, and once more with more in view where it asked for something that exists beside the user's folders and that the user's own text
// or links name, or that its own words declare. What it was shown is counted, so it may be read. A failure is explained by a last run with a
// witness (witness.ts). Does not know how a command declares anything.
import { existsSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { encodePath, isFolder } from '../core/paths.ts';
import type { CacheFolder } from '../cache/cache-folder.ts';
import type { Context } from '../core/events.ts';
import { accessesOf, mayBeShown } from './sandbox/accesses.ts';
import type { Accesses } from './sandbox/accesses.ts';
import type { Action } from './action.ts';
import { execute } from './execute.ts';
import type { Execution } from './execute.ts';
import { hostPath, isBelow, pathsOf } from './place.ts';
import type { Sandbox } from './sandbox/sandbox.ts';
import { witnessed } from './sandbox/witness.ts';

/** From a command's standard output to the places that it says it depends on. */
export type Declares = (stdout: string) => readonly string[];

/** An action, and what is known of how it behaves. */
export interface Attempted {
  readonly action: Action;
  /** Variables that the user declared; the action's own win over them. */
  readonly declaredEnv: Readonly<Record<string, string>>;
  readonly declares?: Declares;
  /** The user's home folder, which no action sees: a failure there is explained by its path. */
  readonly home?: string;
}

/** What an action needed beyond what it is shown at first. */
export interface Needed {
  /** Places outside of the user's trees. */
  readonly shown: readonly string[];
  /** Folders that got a writable copy. */
  readonly shadowed: readonly string[];
}

type Failed = Exclude<Execution, { readonly ok: true }>;

/** An execution that ended well, with what the action read (places; undefined where that is not known) and needed. */
export type Attempt =
  | (Extract<Execution, { readonly ok: true }> & {
      readonly read: readonly string[] | undefined;
      readonly needed: Needed;
      /** Whether it wrote to the user's folders, as it can without a sandbox: a result without these files is no result. */
      readonly wroteSources: boolean;
      readonly action: Action;
    })
  | Failed;

/** A file that was read may declare others, and a link may lead to a link; a command that goes on for longer than this would never end. */
const mostRuns = 5;

/** Executes the action. `before` is what an earlier run of it needed. */
export async function attempt(job: Attempted, before: Needed, sandbox: Sandbox, cache: CacheFolder, context: Context): Promise<Attempt> {
  const first = { ...job.action, record: { ...job.action.record, env: { ...job.declaredEnv, ...job.action.record.env } } };
  // What an earlier run was shown may be gone, and bubblewrap fails for a mount of nothing.
  const paths = pathsOf(job.action);
  const present = before.shown.filter((place) => existsSync(encodePath(hostPath(place, paths))));
  let action = widened(first, { ...before, shown: present });
  for (let runs = 1; ; runs++) {
    const execution = await execute(action, sandbox, cache, context);
    const accesses = execution.trace?.complete ? accessesOf(execution.trace, action, sandbox.kind) : undefined;
    const stdout = execution.ok ? execution.result.stdout : execution.stdout;
    const more = runs < mostRuns && sandbox.kind !== 'none' ? neededBy(action, execution, accesses, job.declares?.(stdout) ?? []) : nothing;
    if (more.shown.length + more.shadowed.length === 0) {
      if (!execution.ok) return explained(execution, action, accesses);
      const needed = { shown: added(action, first), shadowed: action.shadowed ?? [] };
      const counted = action.own?.counted ?? [];
      const wroteSources = sandbox.kind === 'none' && (accesses?.written ?? []).some((place) => isBelow(place, counted));
      return { ...execution, read: accesses?.inputs, needed, wroteSources, action };
    }
    action = widened(action, more);
  }

  async function explained(execution: Failed, last: Action, accesses: Accesses | undefined): Promise<Failed> {
    const words = execution.stdout + execution.stderr;
    const hidden = (accesses?.wanted ?? []).flatMap(({ place }) => (isHidden(place, last, words) ? [{ act: 'read' as const, place }] : []));
    if (hidden.length > 0) return { ...execution, violations: hidden };
    if (last.record.kind === 'recipe') return execution; // a build of minutes is not run again for an explanation
    if (last.record.kind === 'rustc' && !macroPanicked.test(words)) return execution; // a compile error needs no second look
    return { ...execution, violations: await witnessed(last, words, sandbox, cache, job.home, context) };
  }
}

/** Whether the command failed for a path that the host has and that it was not shown: its words name the file. */
function isHidden(place: string, action: Action, words: string): boolean {
  const named = words.includes(posix.basename(place)) || action.record.kind === 'build-script';
  return named && !isBelow(place, Object.keys(action.mounts)) && existsSync(encodePath(hostPath(place, pathsOf(action))));
}

/** A procedural macro runs inside of rustc. */
const macroPanicked = /(?:proc.macro|custom attribute)[^\n]* panicked/;

const nothing: Needed = { shown: [], shadowed: [] };

/** What the next run is to show, and which folders it may write. */
function neededBy(action: Action, execution: Execution, accesses: Accesses | undefined, declared: readonly string[]): Needed {
  const { own, mounts } = action;
  if (!own) return nothing;
  const wanted = [
    ...(accesses?.wanted ?? []).map(({ place, byLink }) => ({ place, reason: byLink ? ('link' as const) : ('read' as const) })),
    ...[...new Set(declared)].map((place) => ({ place, reason: 'declared' as const })),
  ];
  const hidden = wanted.filter(({ place }) => !isBelow(place, Object.keys(mounts)));
  const shown = hidden.flatMap(({ place, reason }) => mayBeShown({ place, reason, own, paths: pathsOf(action) }) ?? []);
  const written = execution.ok ? [] : (accesses?.written ?? []);
  const folders = written.filter((place) => mayWrite(place, action)).map((place) => place.slice(0, place.lastIndexOf('/')));
  // What holds the user's folders is no folder of the user's, and one that is not there cannot be copied.
  const shadowed = folders.filter((place) =>
    isBelow(place, own.counted) ? isFolder(hostPath(place, pathsOf(action))) : isBelow(place, own.mayWrite),
  );
  const fresh = (places: readonly string[], known: readonly string[]): readonly string[] =>
    [...new Set(places)].filter((place) => !known.includes(place));
  return { shown: fresh(shown, Object.keys(mounts)), shadowed: fresh(shadowed, action.shadowed ?? []) };
}

/**
 * A linker may write a map beside the sources, and cargo in a script its lock file. Any other script that writes into sources would not find there
 * what it wrote, so it fails.
 */
function mayWrite(place: string, { record }: Action): boolean {
  return record.kind === 'rustc' || place.endsWith('/Cargo.lock');
}

function widened(action: Action, { shown, shadowed }: Needed): Action {
  if (shown.length + shadowed.length === 0) return action;
  const paths = pathsOf(action);
  const mounts = Object.fromEntries(shown.map((place) => [place, hostPath(place, paths)]));
  const { own } = action;
  const sources = Object.entries(mounts).flatMap(([place, path]) => (place.endsWith('.rs') ? [path] : []));
  let text: string | undefined;
  const spelled = (): string =>
    (text ??= [own?.spelled() ?? '', ...sources.map((path) => readFileSync(encodePath(path), 'utf8'))].join('\n'));
  return {
    ...action,
    mounts: { ...mounts, ...action.mounts },
    ...(own ? { own: { ...own, counted: [...own.counted, ...shown], spelled } } : {}),
    shadowed: [...(action.shadowed ?? []), ...shadowed],
  };
}

function added({ mounts }: Action, first: Action): readonly string[] {
  return Object.keys(mounts).filter((place) => !(place in first.mounts));
}
