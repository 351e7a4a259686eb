// Runs an action. Runs it again with more files in the sandbox if it asked for an existing path outside of
// the user's folders that the user's text or links name, or that its own output declares. Every path that was
// shown is an input. A failure is explained by a last run with an access trace (witness.ts). This module does
// not know how a command declares paths.
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

/** Maps the standard output of a command to the places that it declares as dependencies. */
export type Declares = (stdout: string) => readonly string[];

/** An action, and what is known about its behaviour. */
export interface Attempted {
  readonly action: Action;
  /** Variables that the user declared. The action's own variables override them. */
  readonly declaredEnv: Readonly<Record<string, string>>;
  readonly declares?: Declares;
  /** The user's home folder, which is in no sandbox. A failure there is explained by its path. */
  readonly home?: string;
  /** Returns the execution of exactly this action, if one has begun before it was needed (begun.ts). */
  readonly begun?: (action: Action) => Promise<Execution | undefined>;
}

/** Additional files and folders that an action needed. */
export interface Needed {
  /** Places outside of the user's trees. */
  readonly shown: readonly string[];
  /** Folders of which the action got a writable copy. */
  readonly shadowed: readonly string[];
}

type Failed = Exclude<Execution, { readonly ok: true }>;

/**
 * A successful execution, with the places that the action read (undefined if they are not known) and what it
 * needed.
 */
export type Attempt =
  | (Extract<Execution, { readonly ok: true }> & {
      readonly read: readonly string[] | undefined;
      readonly needed: Needed;
      /**
       * Whether the action wrote to the user's folders, which is possible without a sandbox. The result is
       * incomplete without these files.
       */
      readonly wroteSources: boolean;
      readonly action: Action;
    })
  | Failed;

/**
 * Several runs can be necessary, because a file that was read may declare others, and a link may lead to a
 * link. The limit stops commands that would always need another run.
 */
const mostRuns = 5;

/** Executes the action. `before` are the needs of an earlier run. */
export async function attempt(job: Attempted, before: Needed, sandbox: Sandbox, cache: CacheFolder, context: Context): Promise<Attempt> {
  const first = { ...job.action, record: { ...job.action.record, env: { ...job.declaredEnv, ...job.action.record.env } } };
  // Paths that an earlier run needed may be gone, and bubblewrap fails if a mounted path does not exist.
  const paths = pathsOf(job.action);
  const present = before.shown.filter((place) => existsSync(encodePath(hostPath(place, paths))));
  let action = widened(first, { ...before, shown: present });
  for (let runs = 1; ; runs++) {
    const execution = (await job.begun?.(action)) ?? (await execute(action, sandbox, cache, context));
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
    if (last.record.kind === 'recipe') return execution; // a build can take minutes: it is not run again for an explanation
    if (last.record.kind === 'rustc' && !macroPanicked.test(words)) return execution; // a compile error is not run again
    return { ...execution, violations: await witnessed(last, words, sandbox, cache, job.home, context) };
  }
}

/**
 * Whether the command failed because of a path that exists on the host but not in the sandbox. Its output
 * names the file.
 */
function isHidden(place: string, action: Action, words: string): boolean {
  const named = words.includes(posix.basename(place)) || action.record.kind === 'build-script';
  return named && !isBelow(place, Object.keys(action.mounts)) && existsSync(encodePath(hostPath(place, pathsOf(action))));
}

/** A procedural macro runs in the process of rustc. */
const macroPanicked = /(?:proc.macro|custom attribute)[^\n]* panicked/;

const nothing: Needed = { shown: [], shadowed: [] };

/** Returns what the next run must show, and which folders it may write. */
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
  // A folder that contains the user's folders is not itself a folder of the user. A folder that does not
  // exist cannot be copied.
  const shadowed = folders.filter((place) =>
    isBelow(place, own.counted) ? isFolder(hostPath(place, pathsOf(action))) : isBelow(place, own.mayWrite),
  );
  const fresh = (places: readonly string[], known: readonly string[]): readonly string[] =>
    [...new Set(places)].filter((place) => !known.includes(place));
  return { shown: fresh(shown, Object.keys(mounts)), shadowed: fresh(shadowed, action.shadowed ?? []) };
}

/**
 * Whether an action may write to a place. A linker may write a map file next to the sources, and cargo in a
 * build script may write its lock file. Any other script that writes into the sources fails, because the
 * written files would be missing afterwards.
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
