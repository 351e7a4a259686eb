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
  graph.dependencies.forEach((list, node) => {
    for (const dependency of new Set(list)) dependents[dependency]?.push(node);
  });
  const lengths = pathLengths(graph, dependents);
  const ready = new Set<number>();
  missing.forEach((number, node) => {
    if (number === 0) ready.add(node);
  });
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

/** The weight of the heaviest path from each node to the end of the graph, itself included. Nodes may be in any order; those of a cycle have 0. */
export function pathLengths({ dependencies, weights }: Graph, dependents: readonly (readonly number[])[]): readonly number[] {
  const lengths = dependencies.map(() => 0);
  const waitingFor = dependents.map((list) => list.length);
  const ends = waitingFor.flatMap((count, node) => (count === 0 ? [node] : []));
  for (let node = ends.pop(); node !== undefined; node = ends.pop()) {
    const behind = (dependents[node] ?? []).reduce((most, dependent) => Math.max(most, lengths[dependent] ?? 0), 0);
    lengths[node] = behind + (weights[node] ?? 1);
    for (const dependency of new Set(dependencies[node])) {
      waitingFor[dependency] = (waitingFor[dependency] ?? 0) - 1;
      if (waitingFor[dependency] === 0) ends.push(dependency);
    }
  }
  return lengths;
}
