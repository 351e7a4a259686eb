// In which order a graph is worked off, as pure data: what is ready, and how urgent a node is (the length of the
// path behind it). Knows neither what the nodes are nor how they run.

export interface Graph {
  /** dependencies[i]: the nodes that must be done before node i. */
  readonly dependencies: readonly (readonly number[])[];
  /** What a node probably costs; any unit. */
  readonly weights: readonly number[];
}

export interface Schedule {
  /** Takes a ready node; undefined when none is ready now. */
  take(): number | undefined;
  /** Marks a node done; nodes that waited only for it become ready. */
  finish(node: number): void;
  /** The weight of the heaviest path from a node to the end: the more, the sooner it should run. */
  urgency(node: number): number;
  /** Nodes not yet done. */
  readonly remaining: number;
}

/** The states of a node: waiting -> ready -> taken -> done. */
export function schedule(graph: Graph): Schedule {
  const count = graph.dependencies.length;
  const dependents: number[][] = Array.from({ length: count }, () => []);
  const missing = graph.dependencies.map((list) => new Set(list).size);
  graph.dependencies.forEach((list, node) => { for (const dependency of new Set(list)) dependents[dependency]?.push(node); });
  const lengths = pathLengths(graph, dependents);
  const ready = new Set<number>();
  missing.forEach((number, node) => { if (number === 0) ready.add(node); });
  let remaining = count;

  return {
    take() {
      const [node] = ready;
      if (node !== undefined) ready.delete(node);
      return node;
    },
    finish(node) {
      remaining--;
      for (const dependent of dependents[node] ?? []) {
        missing[dependent] = (missing[dependent] ?? 0) - 1;
        if (missing[dependent] === 0) ready.add(dependent);
      }
    },
    urgency: (node) => lengths[node] ?? 0,
    get remaining() {
      return remaining;
    },
  };
}

/** The weight of the heaviest path from each node to the end of the graph, itself included. Nodes may be in any order; no cycles. */
export function pathLengths(graph: Graph, dependents: readonly (readonly number[])[]): readonly number[] {
  const lengths: (number | undefined)[] = graph.dependencies.map(() => undefined);
  const of = (node: number): number => {
    const known = lengths[node];
    if (known !== undefined) return known;
    const behind = Math.max(0, ...(dependents[node] ?? []).map(of));
    return (lengths[node] = behind + (graph.weights[node] ?? 1));
  };
  graph.dependencies.forEach((_, node) => of(node));
  return lengths.map((length) => length ?? 0);
}
