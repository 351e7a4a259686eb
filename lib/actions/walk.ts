// Runs a graph. Each ready node is looked up at once, and at most `jobs` misses run at a time. The most
// urgent node runs first: the one with the longest path of dependents. After a failure no new node is
// started, but running nodes are completed, because their results are kept. Nodes with equal work can take
// turns. This module knows neither what the nodes are nor how they run.
import pLimit from 'p-limit';
import { itemOf } from '../core/errors.ts';

export interface Work {
  /**
   * Called when all dependencies of a node are done. Returns true if the node is done too (a hit), and false
   * if it has to run. `ending` aborts when no new node is started any more; its reason is the first failure
   * or that of the walk's own signal. A look-up that waits for another node has to obey it.
   */
  readonly lookUp: (node: number, ending: AbortSignal) => Promise<boolean>;
  /**
   * Runs a node. An exception ends the walk. The function calls `announce` when dependents that need only its
   * metadata may start. `ending` does not stop a run that has begun.
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
      .catch((error: unknown) => failed.abort(error)) // of several errors, the first is the reason
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

/** Removes the most urgent node from `nodes` and returns it. */
function mostUrgent(nodes: number[], { urgency }: Schedule): number | undefined {
  if (nodes.length === 0) return undefined;
  const at = nodes.reduce((best, node, index) => (urgency(node) > urgency(nodes[best] ?? node) ? index : best), 0);
  return nodes.splice(at, 1)[0];
}

export interface Edge {
  readonly on: number;
  /** The dependent can start when the metadata of the node is announced, before the node is done. */
  readonly early: boolean;
}

export interface Graph {
  /** dependencies[i]: the nodes that node i waits for. */
  readonly dependencies: readonly (readonly Edge[])[];
  /** Estimated cost of each node, in any unit. */
  readonly weights: readonly number[];
}

export interface Schedule {
  /** Takes a ready node. Returns undefined if none is ready now. */
  take(): number | undefined;
  /** Releases the dependents that need only the metadata of a node. */
  announce(node: number): void;
  /** Marks a node as done. Nodes that waited only for it become ready. */
  finish(node: number): void;
  /**
   * Returns the weight of the heaviest path from a node to the end. The node with the greatest urgency runs
   * first.
   */
  urgency(node: number): number;
  /** Number of nodes that are not done. */
  readonly remaining: number;
}

/** The states of a node: waiting -> ready -> taken -> (announced ->) done. */
export function schedule(graph: Graph): Schedule {
  const edges = graph.dependencies.map(oneEdgeEach);
  const dependents: Edge[][] = edges.map(() => []);
  edges.forEach((list, node) => {
    for (const { on, early } of list) dependents[on]?.push({ on: node, early });
  });
  const missing = edges.map((list) => list.length);
  const lengths = pathLengths(edges, graph.weights, dependents);
  const ready = new Set<number>();
  missing.forEach((number, node) => {
    if (number === 0) ready.add(node);
  });
  const announced = new Set<number>();
  let remaining = edges.length;

  const release = (node: number, wanted: (edge: Edge) => boolean): void => {
    for (const edge of dependents[node] ?? []) {
      if (!wanted(edge)) continue;
      const left = itemOf(missing, edge.on) - 1;
      missing[edge.on] = left;
      if (left === 0) ready.add(edge.on);
    }
  };
  return {
    take() {
      const [node] = ready;
      if (node !== undefined) ready.delete(node);
      return node;
    },
    announce(node) {
      if (announced.has(node)) return;
      announced.add(node);
      release(node, ({ early }) => early);
    },
    finish(node) {
      remaining--;
      release(node, ({ early }) => !(early && announced.has(node)));
    },
    urgency: (node) => itemOf(lengths, node),
    get remaining() {
      return remaining;
    },
  };
}

/** Combines two edges to the same node. The result is early only if both are. */
function oneEdgeEach(list: readonly Edge[]): readonly Edge[] {
  const byNode = new Map<number, boolean>();
  for (const { on, early } of list) byNode.set(on, early && (byNode.get(on) ?? true));
  return [...byNode].map(([on, early]) => ({ on, early }));
}

/**
 * Returns the weight of the heaviest path from each node to the end of the graph, including the node itself.
 * Nodes may be in any order. Nodes of a cycle have 0.
 */
function pathLengths(
  edges: readonly (readonly Edge[])[],
  weights: readonly number[],
  dependents: readonly (readonly Edge[])[],
): readonly number[] {
  const lengths = edges.map(() => 0);
  const waitingFor = dependents.map((list) => list.length);
  const ends = waitingFor.flatMap((count, node) => (count === 0 ? [node] : []));
  for (let node = ends.pop(); node !== undefined; node = ends.pop()) {
    const behind = itemOf(dependents, node).reduce((most, { on }) => Math.max(most, itemOf(lengths, on)), 0);
    lengths[node] = behind + (weights[node] ?? 1);
    for (const { on } of edges[node] ?? []) {
      const left = itemOf(waitingFor, on) - 1;
      waitingFor[on] = left;
      if (left === 0) ends.push(on);
    }
  }
  return lengths;
}

/** Frees a key for the next caller. A second call does nothing. */
export type Free = () => void;

/**
 * Coalesces equal work. Callers with equal keys hold the key one after another, in the order of their
 * requests. The first does the work, and a later one looks for the result when its turn comes. Equal keys
 * need not give equal results, because some inputs are known only after a run. A caller that finds no result
 * does the work itself while the others wait.
 */
export class Coalescer<Key> {
  /** The callers that wait for each held key, in their order. */
  readonly #waiting = new Map<Key, Set<() => void>>();

  /**
   * Resolves when all earlier callers have freed the key; the caller holds it until it calls the returned function. Rejects with the reason of
   * `signal` when that aborts first. The key is taken synchronously: of two callers in the same turn of the event loop, one waits.
   */
  async hold(key: Key, signal: AbortSignal): Promise<Free> {
    signal.throwIfAborted();
    const waiting = this.#waiting.get(key);
    if (waiting) await turn(waiting, signal);
    else this.#waiting.set(key, new Set());
    let held = true;
    return () => {
      if (held) this.#pass(key);
      held = false;
    };
  }

  /** Passes a held key to the first caller that waits for it. */
  #pass(key: Key): void {
    const waiting = this.#waiting.get(key);
    const [next] = waiting ?? [];
    if (next) next();
    else this.#waiting.delete(key);
  }
}

/** Waits for a turn among `waiting`. The turn begins when another caller calls the entry. */
function turn(waiting: Set<() => void>, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const start = (): void => {
    leave();
    resolve();
  };
  const abort = (): void => {
    leave();
    reject(signal.reason);
  };
  const leave = (): void => {
    waiting.delete(start);
    signal.removeEventListener('abort', abort);
  };
  waiting.add(start);
  signal.addEventListener('abort', abort);
  return promise;
}
