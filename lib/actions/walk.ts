// Works a graph off: looks each ready node up at once, and runs the misses at most `jobs` at a time, the most urgent first. After a
// failure nothing new is started; what runs is let to its end, because its results are kept.
import pLimit from 'p-limit';
import type { Graph, Schedule } from './schedule.ts';
import { schedule } from './schedule.ts';

export interface Work {
  /**
   * Called when all dependencies of a node are done. True: it is done as well (a hit). False: it has to run. `ending` aborts when nothing new is
   * started any more, with the first failure or the walk's own signal as its reason: a look-up that waits for another node has to heed it.
   */
  readonly lookUp: (node: number, ending: AbortSignal) => Promise<boolean>;
  /**
   * Runs a node. Throwing ends the walk. It calls `announce` when those that wait for it early may go on. A run that has begun is not ended by
   * `ending`.
   */
  readonly run: (node: number, announce: () => void, ending: AbortSignal) => Promise<void>;
}

/** Resolves when every node is done; rejects with the first failure after all that had started has ended. */
export async function walk(graph: Graph, jobs: number, signal: AbortSignal, work: Work): Promise<void> {
  const visits = schedule(graph);
  const limit = pLimit(jobs);
  const misses: number[] = [];
  const active = new Set<Promise<void>>();
  const failed = new AbortController();
  const ending = AbortSignal.any([signal, failed.signal]);

  const track = (job: Promise<void>): void => {
    const tracked: Promise<void> = job
      .catch((error: unknown) => failed.abort(error)) // of several, the first one is the reason
      .finally(() => {
        active.delete(tracked);
        pump();
      });
    active.add(tracked);
  };
  const pump = (): void => {
    if (ending.aborted) return;
    for (let node = visits.take(); node !== undefined; node = visits.take()) track(visit(node));
    while (limit.activeCount + limit.pendingCount < jobs) {
      const node = mostUrgent(misses, visits);
      if (node === undefined) break;
      track(
        limit(async () => {
          ending.throwIfAborted();
          const announce = (): void => {
            visits.announce(node);
            pump();
          };
          await work.run(node, announce, ending);
          visits.finish(node);
        }),
      );
    }
  };
  const visit = async (node: number): Promise<void> => {
    if (await work.lookUp(node, ending)) visits.finish(node);
    else misses.push(node);
  };

  pump();
  while (active.size > 0) await Promise.race(active);
  signal.throwIfAborted();
  failed.signal.throwIfAborted();
  if (visits.remaining > 0) throw new Error(`${visits.remaining} nodes can never become ready: the graph has a cycle`);
}

/** Takes the node with the longest path behind it out of `nodes`. */
function mostUrgent(nodes: number[], { urgency }: Schedule): number | undefined {
  if (nodes.length === 0) return undefined;
  const at = nodes.reduce((best, node, index) => (urgency(node) > urgency(nodes[best] ?? node) ? index : best), 0);
  return nodes.splice(at, 1)[0];
}
