// In which order a graph is worked off, as pure data: what is ready, and how urgent a node is (the length of the
// path behind it). Knows neither what the nodes are nor how they run.

export interface Edge {
  readonly on: number;
  /** Enough of it is there before it is done: its metadata, which it announces early. */
  readonly early: boolean;
}

export interface Graph {
  /** dependencies[i]: what node i waits for. */
  readonly dependencies: readonly (readonly Edge[])[];
  /** What a node probably costs; any unit. */
  readonly weights: readonly number[];
}

export interface Schedule {
  /** Takes a ready node; undefined when none is ready now. */
  take(): number | undefined;
  /** Enough of a node is there for those that wait for it early. */
  announce(node: number): void;
  /** Marks a node done; nodes that waited only for it become ready. */
  finish(node: number): void;
  /** The weight of the heaviest path from a node to the end: the more, the sooner it should run. */
  urgency(node: number): number;
  /** Nodes not yet done. */
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
      missing[edge.on] = (missing[edge.on] ?? 0) - 1;
      if (missing[edge.on] === 0) ready.add(edge.on);
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
    urgency: (node) => lengths[node] ?? 0,
    get remaining() {
      return remaining;
    },
  };
}

/** Two edges to one node are one; it is early only when both are. */
function oneEdgeEach(list: readonly Edge[]): readonly Edge[] {
  const byNode = new Map<number, boolean>();
  for (const { on, early } of list) byNode.set(on, early && (byNode.get(on) ?? true));
  return [...byNode].map(([on, early]) => ({ on, early }));
}

/** The weight of the heaviest path from each node to the end of the graph, itself included. Nodes may be in any order; those of a cycle have 0. */
function pathLengths(
  edges: readonly (readonly Edge[])[],
  weights: readonly number[],
  dependents: readonly (readonly Edge[])[],
): readonly number[] {
  const lengths = edges.map(() => 0);
  const waitingFor = dependents.map((list) => list.length);
  const ends = waitingFor.flatMap((count, node) => (count === 0 ? [node] : []));
  for (let node = ends.pop(); node !== undefined; node = ends.pop()) {
    const behind = (dependents[node] ?? []).reduce((most, { on }) => Math.max(most, lengths[on] ?? 0), 0);
    lengths[node] = behind + (weights[node] ?? 1);
    for (const { on } of edges[node] ?? []) {
      waitingFor[on] = (waitingFor[on] ?? 0) - 1;
      if (waitingFor[on] === 0) ends.push(on);
    }
  }
  return lengths;
}
