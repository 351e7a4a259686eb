// A closure as data: everything that is reachable from one root, with the size of each node. Store paths have
// the same shape as packages and components of an image, so that sizes, trees, differences and reasons work
// for all of them. Only computes.
import { byCodeUnit } from '../core/digest.ts';
import { cannot, nearest } from '../core/errors.ts';
import { isTable, isText, isTexts } from '../core/stored-values.ts';

export type NodeKind = 'package' | 'component' | 'store path';

export interface ClosureNode {
  /** Unique in the closure: a store path's name, a package's name. */
  readonly id: string;
  readonly name: string;
  /** '' if it has no version. */
  readonly version: string;
  readonly kind: NodeKind;
  /** Size of the node alone, without its references. */
  readonly bytes: number;
  /** Ids; a node may refer to itself. */
  readonly references: readonly string[];
}

const nodeKinds: readonly NodeKind[] = ['package', 'component', 'store path'];

/** Whether a stored value is a node. */
export function isClosureNode(value: unknown): value is ClosureNode {
  if (!isTable(value)) return false;
  const { id, name, version, kind, bytes, references } = value;
  return [id, name, version].every(isText) && nodeKinds.some((one) => one === kind) && typeof bytes === 'number' && isTexts(references);
}

export interface Closure {
  readonly root: string;
  /** Nodes by id. Each is reachable from the root. */
  readonly nodes: ReadonlyMap<string, ClosureNode>;
}

/**
 * Returns the nodes that `root` reaches. A reference to a node that is not among `nodes` is a Failure. `what`
 * is for the error: 'read "out/x.json"'.
 */
export function closureOf(root: string, nodes: Iterable<ClosureNode>, what: string): Closure {
  const given = new Map([...nodes].map((node) => [node.id, node]));
  const reached = new Map<string, ClosureNode>();
  const waiting: { id: string; by: string }[] = [{ id: root, by: 'the root' }];
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    if (reached.has(next.id)) continue;
    const node = given.get(next.id);
    if (!node) throw cannot(what, `"${next.id}" is missing, to which ${next.by} refers`);
    reached.set(node.id, node);
    for (const id of node.references) waiting.push({ id, by: `"${node.id}"` });
  }
  return { root, nodes: new Map([...reached].sort(([a], [b]) => byCodeUnit(a, b))) };
}

export function nodeOf({ nodes }: Closure, id: string): ClosureNode {
  const node = nodes.get(id);
  if (!node) throw new RangeError(`"${id}" is not in the closure`);
  return node;
}

/** Returns the node with that id, or the only one with that name. Otherwise throws a Failure with a hint. */
export function findNode(closure: Closure, wanted: string, closureName: string): ClosureNode {
  const exact = closure.nodes.get(wanted);
  if (exact) return exact;
  const all = [...closure.nodes.values()];
  const named = all.filter(({ name, version }) => name === wanted || `${name}-${version}` === wanted);
  const [only] = named;
  if (only && named.length === 1) return only;
  const what = `find "${wanted}" in ${closureName}`;
  if (only)
    throw cannot(what, `${named.length} have that name`, {
      blame: 'usage',
      hint: `name one of them: ${named.map(({ id }) => id).join(', ')}`,
    });
  const near = nearest(
    wanted,
    all.map(({ name }) => name),
  );
  throw cannot(what, 'there is no such part in it', { hint: near && `did you mean ${near}?` });
}

/** Returns the sum over all nodes, in bytes. */
export function closureBytes({ nodes }: Closure): number {
  return [...nodes.values()].reduce((sum, { bytes }) => sum + bytes, 0);
}

/** Returns the closure of one of its nodes. */
export function subClosure(closure: Closure, id: string): Closure {
  return closureOf(id, closure.nodes.values(), 'select a part of a closure');
}

/**
 * Returns ids, each after all nodes that it refers to, and sorted by id otherwise. A cycle of references is
 * broken where it is detected.
 */
export function referencesFirst({ root, nodes }: Closure): readonly string[] {
  const done = new Set<string>();
  const order: string[] = [];
  const stack: { id: string; left: string[] }[] = [];
  const enter = (id: string): void => {
    if (done.has(id)) return;
    done.add(id);
    stack.push({ id, left: [...(nodes.get(id)?.references ?? [])].sort(byCodeUnit).reverse() });
  };
  enter(root);
  for (let top = stack.at(-1); top; top = stack.at(-1)) {
    const next = top.left.pop();
    if (next !== undefined) enter(next);
    else {
      order.push(top.id);
      stack.pop();
    }
  }
  return order;
}

export interface KindSize {
  readonly kind: NodeKind;
  readonly nodes: number;
  readonly bytes: number;
}

/** Returns the kinds that occur, in alphabetical order. */
export function sizesByKind({ nodes }: Closure): readonly KindSize[] {
  const kinds = Map.groupBy(nodes.values(), ({ kind }) => kind);
  return [...kinds]
    .map(([kind, of]) => ({ kind, nodes: of.length, bytes: of.reduce((sum, { bytes }) => sum + bytes, 0) }))
    .sort((a, b) => byCodeUnit(a.kind, b.kind));
}

/**
 * Returns the closure size of each node: its own bytes and those of all nodes that it reaches, each counted
 * once.
 */
export function closureSizes({ nodes }: Closure): ReadonlyMap<string, number> {
  const sizeOf = (root: string): number => {
    const reached = new Set([root]);
    let bytes = 0;
    for (const id of reached) {
      bytes += nodes.get(id)?.bytes ?? 0;
      // iteration over a set includes entries that are added during it
      for (const next of nodes.get(id)?.references ?? []) reached.add(next);
    }
    return bytes;
  };
  return new Map([...nodes.keys()].map((id) => [id, sizeOf(id)]));
}

const branch = '├───';
const lastBranch = '└───';
const trunk = '│   ';
const noTrunk = '    ';

/** Yields lines, the root first. `label` returns the text of a node. */
export function* treeLines(closure: Closure, label: (id: string) => string): Generator<string, void> {
  const drawn = new Set<string>();
  const waiting = [{ id: closure.root, first: '', rest: '' }];
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    const { id, first, rest } = next;
    if (drawn.has(id)) {
      yield `${first}${label(id)} [...]`;
      continue;
    }
    drawn.add(id);
    yield `${first}${label(id)}`;
    const below = neededFirst(closure, nodeOf(closure, id).references);
    const rows = below.map((child, index) => {
      const last = index === below.length - 1;
      return { id: child, first: `${rest}${last ? lastBranch : branch}`, rest: `${rest}${last ? noTrunk : trunk}` };
    });
    waiting.push(...rows.reverse());
  }
}

/**
 * Sorts ids. A node comes first if another one refers to it directly, which keeps trees flat. Otherwise the
 * order is by id.
 */
function neededFirst(closure: Closure, ids: readonly string[]): readonly string[] {
  const among = new Set(ids);
  const visited = new Set<string>();
  const order: string[] = [];
  const visit = (id: string): void => {
    if (visited.has(id)) return;
    visited.add(id);
    for (const next of [...nodeOf(closure, id).references].sort(byCodeUnit)) if (next !== id && among.has(next)) visit(next);
    order.push(id);
  };
  for (const id of [...ids].sort(byCodeUnit)) visit(id);
  return order;
}

/**
 * Returns the ids from `from` to `to`, both included, or undefined if there is no path. Of equally short
 * paths, the first by id is returned.
 */
export function shortestPath({ nodes }: Closure, from: string, to: string): readonly string[] | undefined {
  const cameFrom = new Map<string, string | undefined>([[from, undefined]]);
  const queue = [from];
  for (const id of queue) {
    if (id === to) return back(cameFrom, to);
    for (const next of [...(nodes.get(id)?.references ?? [])].sort(byCodeUnit)) {
      if (cameFrom.has(next)) continue;
      cameFrom.set(next, id);
      queue.push(next); // iteration over an array includes items that are added during it
    }
  }
  return undefined;
}

function back(cameFrom: ReadonlyMap<string, string | undefined>, to: string): readonly string[] {
  const path: string[] = [];
  for (let id: string | undefined = to; id !== undefined; id = cameFrom.get(id)) path.unshift(id);
  return path;
}

const outputs = ['bin', 'dev', 'devdoc', 'doc', 'info', 'lib', 'man', 'debug', 'dbg'];
const outputSuffix = new RegExp(`-(?:${outputs.join('|')})$`);

export interface NameVersion {
  readonly name: string;
  /** '' if it has no version. */
  readonly version: string;
}

export function nameVersion(plainName: string): NameVersion {
  const dash = /-(?![a-zA-Z])/.exec(plainName);
  if (!dash || dash.index === plainName.length - 1) return { name: plainName, version: '' };
  return { name: plainName.slice(0, dash.index), version: plainName.slice(dash.index + 1).replace(outputSuffix, '') };
}
