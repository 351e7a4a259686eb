// What a closure weighs: in all, by kind, and for each node with everything that it reaches. Only computes.
import { byCodeUnit } from '../core/digest.ts';
import type { Closure, NodeKind } from './graph.ts';

export interface KindSize {
  readonly kind: NodeKind;
  readonly nodes: number;
  readonly bytes: number;
}

/** Kinds that are there, in alphabetical order. */
export function sizesByKind({ nodes }: Closure): readonly KindSize[] {
  const kinds = Map.groupBy(nodes.values(), ({ kind }) => kind);
  return [...kinds]
    .map(([kind, of]) => ({ kind, nodes: of.length, bytes: of.reduce((sum, { bytes }) => sum + bytes, 0) }))
    .sort((a, b) => byCodeUnit(a.kind, b.kind));
}

/** The closure size of each node: its own bytes and those of all that it reaches, each once. */
export function closureSizes({ nodes }: Closure): ReadonlyMap<string, number> {
  const sizeOf = (root: string): number => {
    const reached = new Set([root]);
    let bytes = 0;
    for (const id of reached) {
      bytes += nodes.get(id)?.bytes ?? 0;
      for (const next of nodes.get(id)?.references ?? []) reached.add(next); // a set goes on to what is added while it is walked
    }
    return bytes;
  };
  return new Map([...nodes.keys()].map((id) => [id, sizeOf(id)]));
}
