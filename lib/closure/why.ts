// Why one part of a closure needs another: the shortest chain of references from the one to the other. Only computes.
import { byCodeUnit } from '../core/digest.ts';
import type { Closure } from './graph.ts';

/** Ids from `from` to `to`, both included; of chains that are equally short the first by id; undefined where there is none. */
export function shortestPath({ nodes }: Closure, from: string, to: string): readonly string[] | undefined {
  const cameFrom = new Map<string, string | undefined>([[from, undefined]]);
  const queue = [from];
  for (const id of queue) {
    if (id === to) return back(cameFrom, to);
    for (const next of [...(nodes.get(id)?.references ?? [])].sort(byCodeUnit)) {
      if (cameFrom.has(next)) continue;
      cameFrom.set(next, id);
      queue.push(next); // an array goes on to what is added while it is walked
    }
  }
  return undefined;
}

function back(cameFrom: ReadonlyMap<string, string | undefined>, to: string): readonly string[] {
  const path: string[] = [];
  for (let id: string | undefined = to; id !== undefined; id = cameFrom.get(id)) path.unshift(id);
  return path;
}
