// Replays the histories of many seeds, each in its own folder, and counts the comparisons. Keeps and
// minimizes those with a fault.
import { existsSync } from 'node:fs';
import { cp, mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { absentAsUndefined } from '../../core/errors.ts';
import type { Context } from '../../core/events.ts';
import { removeTree } from '../../core/paths.ts';
import { cargoBuilder, hostTriple, ownBuilder } from './builders.ts';
import type { Env } from './builders.ts';
import type { History } from './history.ts';
import { minimise } from './minimise.ts';
import { replay } from './replay.ts';
import type { Builders, Fault, Replayed } from './replay.ts';

export interface HistoryStress {
  readonly histories: readonly History[];
  /** Number of histories that are replayed at once. */
  readonly jobs: number;
  /** The folder of the test, an absolute path. The caller removes it. */
  readonly scratch: string;
  /** Histories with a fault are kept below this folder. */
  readonly keep: string | undefined;
  readonly minimise: boolean;
  /** Returns the builders for a history whose cache is in this folder. */
  readonly builders: (cache: string) => Builders;
}

export interface StressCounts {
  histories: number;
  /** Number of edits of the histories, including those after a fault. */
  edits: number;
  compared: number;
  fresh: number;
  refused: number;
  /** Histories whose initial state cargo refuses, so that nothing was compared. */
  void: number;
}

export interface StressResult {
  readonly counts: Readonly<StressCounts>;
  readonly faults: readonly Fault[];
}

export async function stressHistories(stress: HistoryStress, context: Context): Promise<StressResult> {
  const counts: StressCounts = { histories: 0, edits: 0, compared: 0, fresh: 0, refused: 0, void: 0 };
  const faults: Fault[] = [];
  const waiting = [...stress.histories];
  const work = async (): Promise<void> => {
    for (let history = waiting.shift(); history; history = waiting.shift()) {
      const { compared, fresh, refused, fault } = await replayApart(stress, history, context);
      counts.histories++;
      counts.edits += history.steps.length;
      counts.compared += compared;
      counts.fresh += fresh;
      counts.refused += refused;
      if (!fault && compared === 1 && history.steps.length > 0) {
        counts.void++;
        context.report({ kind: 'note', text: `cargo refuses the project of seed ${history.seed}` });
      }
      if (fault) faults.push(await follow(stress, history, fault, context));
      context.report({ kind: 'progress', phase: 'replaying histories', done: counts.histories, total: stress.histories.length });
    }
  };
  // All have ended before the caller removes the folder, even if one of them fails.
  const ends = await Promise.allSettled(Array.from({ length: stress.jobs }, work));
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
  return { counts, faults };
}

/** Replays a history in a folder that is removed afterwards, unless it is kept because of a fault. */
async function replayApart({ scratch, builders }: HistoryStress, history: History, context: Context, keepAt?: string): Promise<Replayed> {
  const folder = join(scratch, `seed-${history.seed}`);
  const cache = join(folder, 'cache');
  try {
    await mkdir(folder, { recursive: true });
    // The memoized data about the compiler, which take seconds to compute, are the same for all caches.
    await absentAsUndefined(cp(join(scratch, 'remembered'), join(cache, 'remembered'), { recursive: true }));
    const replayed = await replayOrExplain(history, folder, builders(cache), context);
    await keepRemembered(join(cache, 'remembered'), folder, join(scratch, 'remembered'));
    if (keepAt !== undefined)
      await cp(folder, keepAt, { recursive: true, verbatimSymlinks: true, filter: (path) => path !== join(folder, 'target') });
    return replayed;
  } finally {
    removeTree(folder);
  }
}

/**
 * Copies the folder to `to` unless that exists. It is published by rename, because other histories run at the
 * same time.
 */
async function keepRemembered(from: string, folder: string, to: string): Promise<void> {
  if (existsSync(to) || !existsSync(from)) return;
  const partial = join(folder, 'remembered');
  await cp(from, partial, { recursive: true });
  await rename(partial, to).catch((error: unknown) => {
    if (!existsSync(to)) throw error; // another history was first
  });
}

/** An error of the generator is a fault of its own kind, so that the other histories continue. */
async function replayOrExplain(history: History, folder: string, builders: Builders, context: Context): Promise<Replayed> {
  try {
    return await replay(history, folder, builders, context);
  } catch (error) {
    context.signal.throwIfAborted();
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    const fault = { seed: history.seed, step: history.steps.length, after: 'an unknown edit', kind: 'generator', text };
    return { compared: 0, fresh: 0, refused: 0, fault };
  }
}

/** Reports the fault, and minimizes and keeps its history if that was requested. */
async function follow(stress: HistoryStress, history: History, fault: Fault, context: Context): Promise<Fault> {
  context.report({ kind: 'note', text: sentenceOf(fault) });
  const trial = async (smaller: History): Promise<Fault | undefined> => (await replayApart(stress, smaller, context)).fault;
  const least = stress.minimise ? await minimise(history, fault, trial) : { history, fault };
  if (stress.minimise) context.report({ kind: 'note', text: `minimised: ${sentenceOf(least.fault)}; ${describe(least.history)}` });
  if (stress.keep !== undefined) {
    const folder = join(stress.keep, `seed-${history.seed}`);
    await replayApart(stress, least.history, context, folder);
    await writeFile(join(folder, 'history.json'), `${JSON.stringify({ ...least.history, fault: least.fault }, undefined, 2)}\n`);
  }
  return least.fault;
}

export function sentenceOf({ seed, step, after, kind, text }: Fault): string {
  return `seed ${seed}, step ${step}, ${kind} after ${after}: ${text}`;
}

/** Returns the content of a history in one line. */
function describe({ plan, steps }: History): string {
  const parts = plan.parts.map(({ feature, role }) => `${feature} in ${role}`).join(', ');
  return `${plan.shape}${plan.git === undefined ? '' : ` in git at "${plan.git}"`}: ${parts}; edits: ${steps.map(({ name }) => name).join('; ') || 'none'}`;
}

/** Returns the builders of a real test. `node`: the path of Node. */
export async function realBuilders(env: Env, node: string, context: Context): Promise<HistoryStress['builders']> {
  const triple = await hostTriple(env, context);
  return (cache) => ({ cargo: cargoBuilder(env, triple), ours: ownBuilder(env, node, cache) });
}
